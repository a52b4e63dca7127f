// Tensors wrapped for a level. A wrapper shows the memory of what it wraps, so versions, views and printing need no
// second mechanism; for batching it shows the first entry of the batch.
#pragma once

#include "../pool.h"
#include "level.h"

namespace tw::autograd {

struct Wrapped : Pooled {
  LevelRef level;
  Tensor value;
  int64_t batch_dim = -1;  // of kBatch
  Tensor diagonal;         // of kBatch; see diagonal.h
  uint64_t diagonal_version = 0;
  // Of kForward; see dual.h.
  Tensor tangent;
  Tensor base;
  bool viewed = false, laid_out = false;
};

// What the transform layer hangs on the tensor, or null.
Wrapped* wrapped_of(const tw_tensor* t);
void TW_CALL destroy_wrapped(void* wrapped);

Tensor wrap(const LevelRef& level, Tensor value);
Tensor wrap_dual(const LevelRef& level, Tensor value, Tensor tangent, Tensor base = Tensor());
Tensor wrap_batch(const LevelRef& level, Tensor value, int64_t batch_dim);

// Another tensor on the same memory, without history; wrapped for the same levels.
Tensor alias_of(TensorRef t);

// What the tensor is outside of levels that are closed: itself if its level is open.
Tensor resolved(TensorRef t);
// What the tensor's elements can be read from; throws inside of vmap.
Tensor readable(TensorRef t);
// Wrapped for `level` if it is, else null.
Wrapped* wrapped_for(const tw_tensor* t, const Level& level);

// The layer below autograd, at which a level's tensors are what they wrap again.
uint64_t unwrap_bit();

}  // namespace tw::autograd
