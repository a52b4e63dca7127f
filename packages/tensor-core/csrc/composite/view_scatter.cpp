// Composites of ops/view_scatter.yaml.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/view_scatter.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/view_scatter.h"
#include "runtime/tensor.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

// The storage that `self` lies in is copied whole, so that sizes, strides and offsets mean the same in the copy.
Tensor as_strided_scatter(TensorRef self, TensorRef src, IntList size, IntList stride,
                          std::optional<int64_t> storage_offset) {
  const int64_t offset = view::storage_offset(self), whole[] = {view::storage_numel(self)}, one[] = {1};
  const Tensor storage = ops::clone(ops::as_strided(self, {whole, 1}, {one, 1}, 0));
  ops::copy_(ops::as_strided(storage, size, stride, storage_offset.value_or(offset)), src);
  return ops::clone(ops::as_strided(storage, self.shape(), self.strides(), offset));
}

Tensor diagflat(TensorRef self, int64_t offset) { return ops::diag_embed(ops::reshape(self, {-1}), offset); }

Tensor slice_inverse(TensorRef self, TensorRef src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  const Tensor part = ops::slice(src, dim, start, end, step);
  if (!view::has_shape(part, self.shape()))
    throw fail(TW_E_SHAPE, "slice_inverse: self has shape ", self.shape(), ", but the slice of src has ", part.shape());
  return ops::as_strided(self, src.shape(), src.strides(), view::storage_offset(src));
}

}  // namespace tw::composite
