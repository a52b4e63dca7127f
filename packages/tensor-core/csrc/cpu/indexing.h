// Indices as kernels use them: int64, checked once, negative ones counting from the end.
#pragma once

#include "cpu/staging.h"

namespace tw::cpu {

inline void check_index(const char* op, int64_t index, int64_t dim, int64_t size) {
  if (index >= -size && index < size) return;
  throw fail(TW_E_INDEX, op, ": index ", index, " is out of range for dimension ", dim, " of size ", size);
}

// All indices, contiguous and checked against the size of the dimension they are for.
inline Tensor checked_indices(const char* op, TensorRef index, int64_t dim, int64_t size) {
  Tensor indices = dense(index, kInt64);
  const int64_t* values = indices.data<int64_t>();
  for (int64_t i = 0; i < indices.numel(); ++i) check_index(op, values[i], dim, size);
  return indices;
}

inline int64_t wrapped(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

}  // namespace tw::cpu
