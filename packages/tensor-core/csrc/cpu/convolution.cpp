// Convolutions and their gradients. Small images are computed with images in the lanes of vectors, depthwise ones with
// channels, few channels with pixels of a row in them, all else with output channels; what a sum adds, and in which
// order, is the same.
#include <tensorwright/checked.hpp>

#include "cpu/depthwise_convolution.h"
#include "cpu/direct_convolution.h"
#include "cpu/element_types.h"
#include "cpu/lane_convolution.h"
#include "cpu/row_convolution.h"
#include "cpu/staging.h"
#include "declarations/convolution.h"

namespace tw::cpu {

namespace {

bool all_equal(IntList values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == value; });
}

// A kernel of one tap and no padding reads every stride-th pixel: to it, these are the image.
bool reads_some_pixels(IntList kernel, IntList stride, IntList padding) {
  const IntList taps(kernel.data() + 2, kernel.size() - 2);
  return all_equal(taps, 1) && all_equal(padding, 0) && !all_equal(stride, 1);
}
Tensor pixels_read(TensorRef self, IntList result, IntList stride) {
  std::vector<int64_t> shape = self.shape().vec(), strides = self.strides().vec();
  for (size_t d = 1; d <= stride.size(); ++d) {
    const int64_t count = result[result.size() - d];
    shape[shape.size() - d] = count;
    if (count == 1) continue;  // a step that is never made may be as large as it likes
    strides[strides.size() - d] = checked::mul(strides[strides.size() - d], stride[stride.size() - d]);
  }
  return as_strided(self, shape, strides, 0);
}

void forward(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
             int64_t groups, TensorRef out) {
  if (reads_some_pixels(weight.shape(), stride, padding)) {
    const std::vector<int64_t> ones(stride.size(), 1);
    return forward(pixels_read(self, out.shape(), stride), weight, bias, ones, padding, dilation, groups, out);
  }
  const ConvolutionGeometry g(self.shape(), weight.shape(), out.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype), weights = dense(weight, dtype), biases = dense_optional(bias, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const bool suits_images = suits_lanes<T>(g, g.out_channels);
    const auto run = suits_depthwise(g)                      ? depthwise_forward<T>
                     : suits_rows<T>(g, false, suits_images) ? row_forward<T>
                     : suits_images                          ? lane_forward<T>
                                                             : direct_forward<T>;
    run(g, input.data<T>(), weights.data<T>(), biases ? biases.data<T>() : nullptr, result.data<T>());
  });
  result.commit();
}

}  // namespace

void conv2d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
            int64_t groups, TensorRef out) {
  forward(self, weight, bias, stride, padding, dilation, groups, out);
}

void conv3d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
            int64_t groups, TensorRef out) {
  forward(self, weight, bias, stride, padding, dilation, groups, out);
}

void convolution_backward_input(TensorRef grad, TensorRef weight, IntList input_shape, IntList stride, IntList padding,
                                IntList dilation, int64_t groups, TensorRef out) {
  const ConvolutionGeometry g(input_shape, weight.shape(), grad.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), weights = dense(weight, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution_backward_input", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const bool suits_images = suits_lanes<T>(g, g.in_channels);
    const auto run = suits_depthwise(g)                     ? depthwise_backward_input<T>
                     : suits_rows<T>(g, true, suits_images) ? row_backward_input<T>
                     : suits_images                         ? lane_backward_input<T>
                                                            : direct_backward_input<T>;
    run(g, grads.data<T>(), weights.data<T>(), result.data<T>());
  });
  result.commit();
}

void convolution_backward_weight(TensorRef grad, TensorRef self, IntList weight_shape, IntList stride, IntList padding,
                                 IntList dilation, int64_t groups, TensorRef out) {
  if (reads_some_pixels(weight_shape, stride, padding)) {
    const std::vector<int64_t> ones(stride.size(), 1);
    const Tensor read = pixels_read(self, grad.shape(), stride);
    return convolution_backward_weight(grad, read, weight_shape, ones, padding, dilation, groups, out);
  }
  const ConvolutionGeometry g(self.shape(), weight_shape, grad.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution_backward_weight", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto run = suits_depthwise(g)              ? depthwise_backward_weight<T>
                     : suits_rows_backward_weight(g) ? row_backward_weight<T>
                                                     : direct_backward_weight<T>;
    run(g, grads.data<T>(), input.data<T>(), result.data<T>());
  });
  result.commit();
}

}  // namespace tw::cpu
