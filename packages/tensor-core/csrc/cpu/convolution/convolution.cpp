// Convolutions and their gradients. Small images are computed with images in the lanes of vectors, depthwise ones with
// channels, few channels with pixels of a row in them, all else with output channels; what a sum adds, and in which
// order, is the same.
#include <tensorwright/checked.hpp>

#include "cpu/convolution/depthwise.h"
#include "cpu/convolution/direct.h"
#include "cpu/convolution/lanes.h"
#include "cpu/convolution/rows.h"
#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/prepared_layer.h"
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

// The same as a tensor of its own.
template <class T>
Tensor copy_of_pixels(TensorRef self, IntList result, IntList stride) {
  const size_t dims = stride.size(), first = result.size() - dims, from = self.shape().size() - dims;
  std::vector<int64_t> shape = self.shape().vec();
  for (size_t d = 0; d < dims; ++d) shape[from + d] = result[first + d];
  Tensor copy = empty(shape, self.dtype());
  const int64_t rows = result[first + dims - 2], cols = result[first + dims - 1];
  const int64_t width = self.size(-1), plane = self.size(-2) * width;
  const int64_t depths = dims == 3 ? result[first] : 1, depth = dims == 3 ? self.size(-3) : 1;
  // Steps that are never made may be as large as they like.
  const int64_t step = std::max<int64_t>(0, std::min(stride[0], depth));
  const int64_t row_step = rows > 1 ? checked::mul(stride[dims - 2], width) : 0;
  const int64_t planes = rows * cols > 0 ? copy.numel() / (rows * cols) : 0;
  parallel_for(0, planes, grain_for(rows * cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      isa_table<ConvolutionKernels<T>>().gather_rows(self.data<T>() + (i / depths * depth + i % depths * step) * plane,
                                                     row_step, cols > 1 ? stride[dims - 1] : 1, rows, cols,
                                                     copy.data<T>() + i * rows * cols);
  });
  return copy;
}

// The same convolution with a stride of one, where the kernel reads some pixels only.
struct Dense {
  explicit Dense(const ConvolutionArguments& from, IntList out_shape) : a(from), ones_(from.stride.size(), 1) {
    if (!reads_some_pixels(a.weight.shape(), a.stride, a.padding)) return;
    const bool lies_plain = a.self.is_contiguous();
    read_ = lies_plain && a.self.dtype() == kFloat32   ? copy_of_pixels<float>(a.self, out_shape, a.stride)
            : lies_plain && a.self.dtype() == kFloat64 ? copy_of_pixels<double>(a.self, out_shape, a.stride)
                                                       : pixels_read(a.self, out_shape, a.stride);
    a.self = read_, a.stride = ones_;
  }
  ConvolutionGeometry geometry(IntList out_shape) const {
    return {a.self.shape(), a.weight.shape(), out_shape, a.stride, a.padding, a.dilation, a.groups};
  }
  ConvolutionArguments a;

 private:
  std::vector<int64_t> ones_;
  Tensor read_;
};

template <class T>
using ForwardKernel = void (*)(const ConvolutionGeometry&, const T*, const T*, const T*, T*);
// Images whose channels lie side by side, which direct_forward reads as they are.
bool lies_channels_last(TensorRef t) {
  if (t.ndim() != 4 || t.dtype() != kFloat32 || t.is_contiguous() || t.numel() == 0) return false;
  int64_t step = 1;
  for (const int dim : {1, 3, 2, 0}) {
    if (t.size(dim) > 1 && t.stride(dim) != step) return false;
    step *= t.size(dim);
  }
  return true;
}

// Null: direct_forward.
template <class T>
ForwardKernel<T> special_forward(const ConvolutionGeometry& g) {
  const bool suits_images = suits_lanes<T>(g, g.out_channels);
  return suits_depthwise(g)                      ? depthwise_forward<T>
         : suits_rows<T>(g, false, suits_images) ? row_forward<T>
         : suits_images                          ? lane_forward<T>
                                                 : static_cast<ForwardKernel<T>>(nullptr);
}

// Whether direct_forward is best once its weights are packed. Images in lanes read theirs from the order that they
// have, but are copied there and back; where channels fill vectors as well, that is lost.
template <class T>
bool packs_weights(const ConvolutionGeometry& g) {
  const auto special = special_forward<T>(g);
  const bool fills = g.out_channels >= 2 * isa_table<ConvolutionKernels<T>>().lanes && g.x.out >= 4 && g.y.out >= 4;
  return !special || (special == lane_forward<T> && fills);
}

template <class T>
void all_done(const PreparedCall& prepared, int64_t count, T* result) {
  if (!prepared.follow) return;
  parallel_for(0, count, kChunkWork,
               [&](int64_t begin, int64_t end) { prepared.done(begin, end - begin, result + begin); });
}

}  // namespace

Tensor prepare_convolution(const ConvolutionArguments& arguments, IntList out_shape) {
  const tw_dtype dtype = arguments.weight.dtype();
  if (dtype != kFloat32 && dtype != kFloat64) return {};
  const Dense d(arguments, out_shape);
  const ConvolutionGeometry g = d.geometry(out_shape);
  const Tensor weights = dense(d.a.weight, dtype);
  Tensor packed;
  visit_floating("convolution", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if (packs_weights<T>(g)) packed = direct_weights(g, weights.data<T>());
  });
  return packed;
}

void convolution_prepared(const ConvolutionArguments& arguments, const PreparedCall& prepared, TensorRef out) {
  const Dense d(arguments, out.shape());
  const ConvolutionGeometry g = d.geometry(out.shape());
  const tw_dtype dtype = compute_dtype(out.dtype());
  const bool channels_last = g.groups == 1 && lies_channels_last(d.a.self) && !special_forward<float>(g);
  const Tensor input = channels_last ? Tensor::retain(d.a.self) : dense(d.a.self, dtype),
               weights = dense(d.a.weight, dtype), biases = dense_optional(d.a.bias, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* bias = biases ? biases.data<T>() : nullptr;
    const bool packed = prepared.weight && prepared.weight.numel() == direct_weights_size<T>(g);
    if (const auto special = packed ? nullptr : special_forward<T>(g)) {
      special(g, input.data<T>(), weights.data<T>(), bias, result.data<T>());
      return all_done(prepared, out.numel(), result.data<T>());
    }
    direct_forward(g, input.data<T>(), weights.data<T>(), bias, result.data<T>(),
                   packed ? prepared.weight.data<T>() : nullptr, prepared, channels_last);
  });
  result.commit();
}

namespace {

ConvolutionGeometry plain_geometry(const ConvolutionArguments& a, IntList out_shape) {
  return {a.self.shape(), a.weight.shape(), out_shape, a.stride, a.padding, a.dilation, a.groups};
}

}  // namespace

Tensor prepare_blocked_convolution(const ConvolutionArguments& a, IntList out_shape) {
  const ConvolutionGeometry g = plain_geometry(a, out_shape);
  const Tensor weight = dense(a.weight, kFloat32);
  return is_depthwise(g) ? depthwise_weights(g, weight.data<float>()) : direct_weights(g, weight.data<float>());
}

void blocked_convolution(const ConvolutionArguments& a, IntList out_shape, const PreparedCall& prepared,
                         const ImageMemory& input, const ImageMemory& result) {
  const ConvolutionGeometry g = plain_geometry(a, out_shape);
  const Tensor weight = dense(a.weight, kFloat32), bias = dense_optional(a.bias, kFloat32);
  const auto run = is_depthwise(g) ? depthwise_forward_blocks : direct_forward_blocks;
  run(g, input, weight.data<float>(), bias ? bias.data<float>() : nullptr, prepared, result);
}

void conv2d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
            int64_t groups, TensorRef out) {
  convolution_prepared({self, weight, bias, stride, padding, dilation, groups}, {}, out);
}

void conv3d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
            int64_t groups, TensorRef out) {
  convolution_prepared({self, weight, bias, stride, padding, dilation, groups}, {}, out);
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
