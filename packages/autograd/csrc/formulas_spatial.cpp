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
