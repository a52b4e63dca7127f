// What views show, copied.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/view_copies.h"

namespace tw::composite {

namespace {

std::vector<Tensor> cloned(std::vector<Tensor> views) {
  for (Tensor& view : views) view = ops::clone(view);
  return views;
}

}  // namespace

Tensor alias_copy(TensorRef self) { return ops::clone(self); }
Tensor detach_copy(TensorRef self) { return ops::clone(ops::detach(self)); }

Tensor as_strided_copy(TensorRef self, IntList size, IntList stride, std::optional<int64_t> storage_offset) {
  return ops::clone(ops::as_strided(self, size, stride, storage_offset));
}
Tensor diagonal_copy(TensorRef self, int64_t offset, int64_t dim1, int64_t dim2) {
  return ops::clone(ops::diagonal(self, offset, dim1, dim2));
}
Tensor expand_copy(TensorRef self, IntList size, bool) { return ops::clone(ops::expand(self, size)); }
Tensor narrow_copy(TensorRef self, int64_t dim, int64_t start, int64_t length) {
  return ops::clone(ops::narrow(self, dim, start, length));
}
Tensor permute_copy(TensorRef self, IntList dims) { return ops::clone(ops::permute(self, dims)); }
Tensor select_copy(TensorRef self, int64_t dim, int64_t index) { return ops::clone(ops::select(self, dim, index)); }
Tensor slice_copy(TensorRef self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  return ops::clone(ops::slice(self, dim, start, end, step));
}
Tensor squeeze_copy(TensorRef self, std::optional<IntList> dim) { return ops::clone(ops::squeeze(self, dim)); }
Tensor t_copy(TensorRef self) { return ops::clone(ops::t(self)); }
Tensor transpose_copy(TensorRef self, int64_t dim0, int64_t dim1) {
  return ops::clone(ops::transpose(self, dim0, dim1));
}
Tensor unfold_copy(TensorRef self, int64_t dimension, int64_t size, int64_t step) {
  return ops::clone(ops::unfold(self, dimension, size, step));
}
Tensor unsqueeze_copy(TensorRef self, int64_t dim) { return ops::clone(ops::unsqueeze(self, dim)); }
Tensor view_copy(TensorRef self, IntList size) { return ops::clone(ops::view(self, size)); }
Tensor view_copy_dtype(TensorRef self, tw_dtype dtype) { return ops::clone(ops::view_dtype(self, dtype)); }
Tensor view_as_real_copy(TensorRef self) { return ops::clone(ops::view_as_real(self)); }
Tensor view_as_complex_copy(TensorRef self) { return ops::clone(ops::view_as_complex(self)); }

std::vector<Tensor> split_copy(TensorRef self, int64_t split_size, int64_t dim) {
  return cloned(ops::split(self, split_size, dim));
}
std::vector<Tensor> split_with_sizes_copy(TensorRef self, IntList split_sizes, int64_t dim) {
  return cloned(ops::split_sizes(self, split_sizes, dim));
}
std::vector<Tensor> unbind_copy(TensorRef self, int64_t dim) { return cloned(ops::unbind(self, dim)); }

}  // namespace tw::composite
