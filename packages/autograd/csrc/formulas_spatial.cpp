// Formulas of images and volumes.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/pooling.hpp>
#include <tensorwright/ops/views.hpp>

#include "formulas.h"

namespace tw::autograd {

Tensor gather_in_volumes(TensorRef grad, TensorRef indices, int64_t dims) {
  const int64_t first = checked::neg(dims);
  const Tensor places = ops::flatten(indices, first);
  return ops::reshape(ops::gather(ops::flatten(grad, first), -1, places), indices.shape());
}

Tensor max_pool_values_backward(TensorRef grad, TensorRef self, IntList kernel_size, std::optional<IntList> stride,
                                IntList padding, IntList dilation, bool ceil_mode) {
  const size_t dims = kernel_size.size();
  const auto run = dims == 1   ? ops::max_pool1d_with_indices
                   : dims == 2 ? ops::max_pool2d_with_indices
                               : ops::max_pool3d_with_indices;
  const Tensor indices = std::get<1>(run(self, kernel_size, stride, padding, dilation, ceil_mode));
  return ops::max_pool_backward(grad, indices, self.shape(), static_cast<int64_t>(dims));
}

Tensor avg_pool(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool ceil_mode,
                bool count_include_pad, std::optional<int64_t> divisor_override) {
  const auto run = kernel_size.size() == 2 ? ops::avg_pool2d : ops::avg_pool3d;
  return run(self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override);
}

Tensor adaptive_avg_pool(TensorRef self, IntList shape, int64_t dims) {
  const size_t count = static_cast<size_t>(dims);
  const IntList sizes(shape.data() + shape.size() - count, count);
  return dims == 2 ? ops::adaptive_avg_pool2d(self, sizes) : ops::adaptive_avg_pool3d(self, sizes);
}

}  // namespace tw::autograd
