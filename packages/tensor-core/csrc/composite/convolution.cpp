// Convolutions in one dimension, with padding by name, transposed, and in as many dimensions as the weight has.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/convolution.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include "composite/signals.h"
#include "declarations/convolution.h"

namespace tw::composite {

namespace {

// Zeros that 'same' adds at each end; where the total is odd, one more at the end.
int64_t reach(TensorRef weight, size_t d, int64_t dilation) {
  return checked::mul(dilation, weight.size(2 + static_cast<int>(d)) - 1);
}
int64_t same_padding(TensorRef weight, size_t d, int64_t dilation) {
  const int64_t total = reach(weight, d, dilation);
  return total / 2 + total % 2;
}
bool is_lopsided(TensorRef weight, size_t d, int64_t dilation) { return reach(weight, d, dilation) % 2 != 0; }

using Convolution = Tensor (*)(TensorRef, TensorRef, TensorRef, IntList, IntList, IntList, int64_t);

Tensor convolve_named(Convolution convolve, TensorRef self, TensorRef weight, TensorRef bias, IntList stride,
                      std::string_view padding, IntList dilation, int64_t groups) {
  std::vector<int64_t> zeros(stride.size(), 0);
  if (padding == "valid") return convolve(self, weight, bias, stride, zeros, dilation, groups);
  for (size_t d = 0; d < stride.size(); ++d) zeros[d] = same_padding(weight, d, dilation[d]);
  Tensor result = convolve(self, weight, bias, stride, zeros, dilation, groups);
  // A lopsided dimension got one zero too many in front: the first output is dropped.
  for (size_t d = 0; d < stride.size(); ++d) {
    const int dim = static_cast<int>(d) - static_cast<int>(stride.size());
    if (is_lopsided(weight, d, dilation[d])) result = ops::narrow(result, dim, 1, result.size(dim) - 1);
  }
  return result;
}

// Output padding of a whole stride or more reaches where one more input, a zero, would.
Tensor with_zeros_behind(TensorRef self, IntList output_padding, IntList stride) {
  Tensor result = Tensor::retain(self);
  for (size_t d = 0; d < stride.size(); ++d) {
    if (output_padding[d] < stride[d]) continue;
    const size_t dim = static_cast<size_t>(self.ndim()) - stride.size() + d;
    std::vector<int64_t> shape = result.shape().vec();
    shape[dim] = output_padding[d] / stride[d];
    const Tensor zeros = ops::new_zeros(self, shape);
    result = ops::cat({result.get(), zeros.get()}, static_cast<int64_t>(dim));
  }
  return result;
}

Tensor transposed(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding,
                  IntList output_padding, int64_t groups, IntList dilation) {
  const size_t count = stride.size();
  std::vector<int64_t> shape = self.shape().vec(), per_channel(count + 1, 1);
  const size_t first = shape.size() - count;
  per_channel[0] = shape[first - 1] = checked::mul(weight.size(1), groups);
  for (size_t d = 0; d < count; ++d) {
    const int64_t between = checked::mul(shape[first + d] - 1, stride[d]), zeros = checked::mul(2, padding[d]);
    const int64_t window = checked::add(reach(weight, d, dilation[d]), checked::add(output_padding[d], 1));
    shape[first + d] = checked::add(checked::sub(between, zeros), window);
  }
  if (bias && self.dtype().bits == 16) {  // so that the sum is rounded once
    const auto wide = [](TensorRef t) { return ops::_to_copy(t, kFloat32); };
    const Tensor result =
        transposed(wide(self), wide(weight), wide(bias), stride, padding, output_padding, groups, dilation);
    return ops::_to_copy(result, self.dtype());
  }
  const Tensor source = with_zeros_behind(self, output_padding, stride);
  const Tensor result = ops::convolution_backward_input(source, weight, shape, stride, padding, dilation, groups);
  return bias ? ops::add(result, ops::reshape(bias, per_channel)) : result;
}

}  // namespace

Tensor conv1d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
              int64_t groups) {
  return as_signals(
      ops::conv2d(as_images(self), as_images(weight), bias, {1, stride[0]}, {0, padding[0]}, {1, dilation[0]}, groups));
}

Tensor conv1d_padding(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, std::string_view padding,
                      IntList dilation, int64_t groups) {
  return convolve_named(ops::conv1d, self, weight, bias, stride, padding, dilation, groups);
}

Tensor conv2d_padding(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, std::string_view padding,
                      IntList dilation, int64_t groups) {
  return convolve_named(ops::conv2d, self, weight, bias, stride, padding, dilation, groups);
}

Tensor conv3d_padding(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, std::string_view padding,
                      IntList dilation, int64_t groups) {
  return convolve_named(ops::conv3d, self, weight, bias, stride, padding, dilation, groups);
}

Tensor conv_transpose1d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding,
                        IntList output_padding, int64_t groups, IntList dilation) {
  return as_signals(ops::conv_transpose2d(as_images(self), as_images(weight), bias, {1, stride[0]}, {0, padding[0]},
                                          {0, output_padding[0]}, groups, {1, dilation[0]}));
}

Tensor conv_transpose2d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding,
                        IntList output_padding, int64_t groups, IntList dilation) {
  return transposed(self, weight, bias, stride, padding, output_padding, groups, dilation);
}

Tensor conv_transpose3d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding,
                        IntList output_padding, int64_t groups, IntList dilation) {
  return transposed(self, weight, bias, stride, padding, output_padding, groups, dilation);
}

Tensor convolution(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
                   bool is_transposed, IntList output_padding, int64_t groups) {
  const size_t count = static_cast<size_t>(weight.ndim()) - 2;
  const auto spread = [&](IntList list) {
    return list.size() == count ? list.vec() : std::vector<int64_t>(count, list[0]);
  };
  const std::vector<int64_t> step = spread(stride), zeros = spread(padding), distance = spread(dilation);
  if (is_transposed) {
    const auto run = count == 1 ? ops::conv_transpose1d : count == 2 ? ops::conv_transpose2d : ops::conv_transpose3d;
    return run(self, weight, bias, step, zeros, spread(output_padding), groups, distance);
  }
  const auto run = count == 1 ? ops::conv1d : count == 2 ? ops::conv2d : ops::conv3d;
  return run(self, weight, bias, step, zeros, distance, groups);
}

}  // namespace tw::composite
