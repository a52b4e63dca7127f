// Convolutions in one dimension, with padding by name, and transposed; pooling in one dimension.
#include <tensorwright/ops/convolution.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/pooling.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/convolution.h"
#include "declarations/pooling.h"

namespace tw::composite {

namespace {

// A dimension of one row before the last, so that signals become images.
Tensor as_images(TensorRef t) { return ops::unsqueeze(t, -2); }
Tensor as_signals(TensorRef t) { return ops::squeeze(t, IntList({-2})); }

struct Pair {
  int64_t values[2];
  operator IntList() const { return {values, 2}; }
};

// Zeros that 'same' adds at each end; where the total is odd, one more at the end.
int64_t same_padding(TensorRef weight, int weight_dim, int64_t dilation) {
  return (dilation * (weight.size(weight_dim) - 1) + 1) / 2;
}
bool is_lopsided(TensorRef weight, int weight_dim, int64_t dilation) {
  return dilation * (weight.size(weight_dim) - 1) % 2 != 0;
}

}  // namespace

Tensor conv2d_padding(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, std::string_view padding,
                      IntList dilation, int64_t groups) {
  if (padding == "valid") return ops::conv2d(self, weight, bias, stride, {0, 0}, dilation, groups);
  const Pair pad{{same_padding(weight, 2, dilation[0]), same_padding(weight, 3, dilation[1])}};
  Tensor result = ops::conv2d(self, weight, bias, stride, pad, dilation, groups);
  // A lopsided dimension got one zero too many in front: the first output is dropped.
  for (int d = 0; d < 2; ++d)
    if (is_lopsided(weight, 2 + d, dilation[static_cast<size_t>(d)]))
      result = ops::narrow(result, d - 2, 1, result.size(d - 2) - 1);
  return result;
}

Tensor conv1d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
              int64_t groups) {
  return as_signals(
      ops::conv2d(as_images(self), as_images(weight), bias, {1, stride[0]}, {0, padding[0]}, {1, dilation[0]}, groups));
}

Tensor conv1d_padding(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, std::string_view padding,
                      IntList dilation, int64_t groups) {
  return as_signals(
      ops::conv2d_padding(as_images(self), as_images(weight), bias, {1, stride[0]}, padding, {1, dilation[0]}, groups));
}

Tensor conv_transpose2d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding,
                        IntList output_padding, int64_t groups, IntList dilation) {
  std::vector<int64_t> shape = self.shape().vec();
  const size_t first = shape.size() - 2;
  shape[first - 1] = weight.size(1) * groups;
  for (size_t d = 0; d < 2; ++d)
    shape[first + d] = (shape[first + d] - 1) * stride[d] - 2 * padding[d] +
                       dilation[d] * (weight.size(2 + static_cast<int>(d)) - 1) + output_padding[d] + 1;
  const Tensor result = ops::convolution_backward_input(self, weight, shape, stride, padding, dilation, groups);
  return bias ? ops::add(result, ops::reshape(bias, {bias.numel(), 1, 1})) : result;
}

Tensor max_pool2d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  return std::get<0>(ops::max_pool2d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode));
}

Tensor max_pool1d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  const Pair step{{1, stride ? (*stride)[0] : kernel_size[0]}};
  return as_signals(ops::max_pool2d(as_images(self), {1, kernel_size[0]}, IntList(step), {0, padding[0]},
                                    {1, dilation[0]}, ceil_mode));
}

Tensor avg_pool1d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool ceil_mode,
                  bool count_include_pad) {
  const Pair step{{1, stride ? (*stride)[0] : kernel_size[0]}};
  return as_signals(ops::avg_pool2d(as_images(self), {1, kernel_size[0]}, IntList(step), {0, padding[0]}, ceil_mode,
                                    count_include_pad));
}

}  // namespace tw::composite
