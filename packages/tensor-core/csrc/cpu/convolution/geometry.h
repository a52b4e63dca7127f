// The numbers of a convolution in up to three dimensions, from the arguments of any of its ops. What a convolution has
// fewer of is a leading axis of size 1.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>

#include "runtime/text.h"

namespace tw::cpu {

struct ConvolutionAxis {
  int64_t size = 1, kernel = 1, out = 1, stride = 1, padding = 0, dilation = 1;
};

struct ConvolutionGeometry {
  int64_t images, groups;
  int64_t in_channels, out_channels;  // of one group
  ConvolutionAxis z, y, x;

  ConvolutionGeometry(IntList input, IntList weight, IntList output, IntList strides, IntList paddings,
                      IntList dilations, int64_t group_count)
      : images(input.size() == weight.size() ? input[0] : 1),
        groups(std::clamp<int64_t>(group_count, 1, most_groups(input, weight, strides.size()))),
        in_channels(weight[1]),
        out_channels(weight[0] / groups) {
    const size_t count = strides.size();
    ConvolutionAxis* const axes[3] = {&z, &y, &x};
    for (size_t d = 0; d < count; ++d)
      *axes[3 - count + d] = axis_of(input[input.size() - count + d], weight[2 + d], output[output.size() - count + d],
                                     strides[d], paddings[d], dilations[d]);
    check_size();
  }

  int64_t kernel_size() const { return z.kernel * y.kernel * x.kernel; }
  int64_t taps() const { return in_channels * kernel_size(); }  // of one output of one group
  int64_t pixels() const { return z.size * y.size * x.size; }
  int64_t out_pixels() const { return z.out * y.out * x.out; }
  int64_t input_offset(int64_t image, int64_t group) const { return (image * groups + group) * in_channels * pixels(); }
  int64_t output_offset(int64_t image, int64_t group) const {
    return (image * groups + group) * out_channels * out_pixels();
  }
  int64_t weight_offset(int64_t group) const { return group * out_channels * taps(); }
  // What is computed with the sizes of padded inputs must not overflow.
  void check_size() const {
    int64_t volume = 1;
    for (const ConvolutionAxis* axis : {&z, &y, &x}) {
      const int64_t padded = axis->size + 2 * axis->padding;
      if (padded > kMostPixels || axis->stride > kMostPixels ||
          __builtin_mul_overflow(volume, padded + axis->stride, &volume) || volume > kMostPixels)
        throw fail(TW_E_NOMEM, "convolution: an input of ", z.size, " x ", y.size, " x ", x.size, " with padding ",
                   z.padding, ", ", y.padding, ", ", x.padding, " does not fit into memory");
    }
  }
  static constexpr int64_t kMostPixels = int64_t{1} << 40;

  bool is_flat() const { return z.size == 1 && z.kernel == 1 && z.out == 1; }

 private:
  // Numbers beyond kMostPixels become the next one: check_size() refuses it.
  static int64_t bounded(int64_t n) { return std::clamp<int64_t>(n, 0, kMostPixels + 1); }
  static ConvolutionAxis axis_of(int64_t size, int64_t kernel, int64_t out, int64_t stride, int64_t padding,
                                 int64_t dilation) {
    // A step that is never made may be as large as it likes.
    return {bounded(size),    bounded(kernel),
            bounded(out),     out == 1 ? 1 : bounded(stride),
            bounded(padding), kernel == 1 ? 1 : bounded(dilation)};
  }
  // Groups divide the channels; of no channels there may be any number of groups.
  static int64_t most_groups(IntList input, IntList weight, size_t dims) {
    return std::max({input[input.size() - dims - 1], weight[0], int64_t{1}});
  }
};

}  // namespace tw::cpu
