// Operands as kernels want them: contiguous, and in the type they calculate in.
#pragma once

#include <tensorwright/tw.hpp>

#include <cstring>

#include "cpu/copies/copy.h"
#include "runtime/text.h"

namespace tw::cpu {

// `t` itself if it is contiguous and of that dtype, else a copy that is.
inline Tensor dense(TensorRef t, tw_dtype dtype) {
  if (t.is_contiguous() && t.dtype() == dtype) return Tensor::retain(t);
  Tensor copy = empty(t.shape(), dtype, t.device());
  copy_elements(copy, t);
  return copy;
}
inline Tensor dense(TensorRef t) { return dense(t, t.dtype()); }
// Null stays null.
inline Tensor dense_optional(TensorRef t, tw_dtype dtype) { return t ? dense(t, dtype) : Tensor(); }

inline bool is_half(tw_dtype d) { return is_floating(d) && d.bits == 16; }
// float32 for half precision, the type itself otherwise.
inline tw_dtype compute_dtype(tw_dtype d) { return is_half(d) ? kFloat32 : d; }

// A view of `t` broadcast to a shape that it is known to broadcast to.
inline Tensor expand(TensorRef t, IntList shape) {
  const int ndim = static_cast<int>(shape.size()), missing = ndim - t.ndim();
  std::vector<int64_t> strides(shape.size(), 0);
  for (int d = missing; d < ndim; ++d) strides[d] = t.size(d - missing) == 1 ? 0 : t.stride(d - missing);
  return as_strided(t, shape, strides, 0);
}

inline bool broadcasts_to(IntList shape, IntList target) {
  if (shape.size() > target.size()) return false;
  for (size_t d = 1; d <= shape.size(); ++d)
    if (shape[shape.size() - d] != 1 && shape[shape.size() - d] != target[target.size() - d]) return false;
  return true;
}

// Memory for numbers in between.
template <class T>
Tensor scratch(int64_t count) {
  return empty({count}, sizeof(T) == 4 ? kFloat32 : kFloat64);
}

// Where a kernel writes: the result itself, or, if that has another type, a tensor that `commit` casts into it.
class StagedResult {
 public:
  StagedResult(TensorRef out, tw_dtype dtype)
      : out_(out), staged_(out.dtype() == dtype ? Tensor() : empty(out.shape(), dtype)) {}
  TensorRef tensor() const { return staged_ ? TensorRef(staged_) : out_; }
  template <class T>
  T* data() const {
    return tensor().data<T>();
  }
  void commit() {
    if (staged_) copy_elements(out_, staged_);
  }

 private:
  TensorRef out_;
  Tensor staged_;
};

// Starts a kernel that changes its first argument: in place there is nothing to do, else `out` becomes a copy.
inline void copy_unless_in_place(TensorRef out, TensorRef self) {
  if (out.data<void>() != self.data<void>()) copy_elements(out, self);
}

inline int64_t normalized_dim(int64_t dim, int64_t ndim) { return dim < 0 ? dim + (ndim > 0 ? ndim : 1) : dim; }

// A shape seen as [outer, size, inner] around one dimension; a zero-dimensional tensor is [1, 1, 1].
struct DimSplit {
  int64_t outer = 1, size = 1, inner = 1;
  DimSplit(IntList shape, int64_t dim) {
    const int64_t ndim = static_cast<int64_t>(shape.size());
    dim = normalized_dim(dim, ndim);
    for (int64_t d = 0; d < ndim; ++d) (d < dim ? outer : d == dim ? size : inner) *= shape[d];
  }
};

// Iterations per chunk of parallel_for, so that a chunk does at least `kChunkWork` element operations.
constexpr int64_t kChunkWork = 16384;
inline int64_t grain_for(int64_t work_per_iteration) {
  const int64_t grain = kChunkWork / (work_per_iteration > 0 ? work_per_iteration : 1);
  return grain > 0 ? grain : 1;
}

}  // namespace tw::cpu
