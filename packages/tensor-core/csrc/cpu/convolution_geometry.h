// The numbers of a 2-D convolution, from the arguments of any of its three ops.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>

namespace tw::cpu {

struct ConvolutionGeometry {
  int64_t images, groups;
  int64_t in_channels, out_channels;  // of one group
  int64_t height, width, kernel_height, kernel_width, out_height, out_width;
  int64_t stride[2], padding[2], dilation[2];

  ConvolutionGeometry(IntList input, IntList weight, IntList output, IntList strides, IntList paddings,
                      IntList dilations, int64_t group_count)
      : images(input.size() == 4 ? input[0] : 1),
        groups(group_count),
        in_channels(weight[1]),
        out_channels(weight[0] / group_count),
        height(input[input.size() - 2]),
        width(input[input.size() - 1]),
        kernel_height(weight[2]),
        kernel_width(weight[3]),
        out_height(output[output.size() - 2]),
        out_width(output[output.size() - 1]) {
    for (int d = 0; d < 2; ++d) stride[d] = strides[d], padding[d] = paddings[d], dilation[d] = dilations[d];
  }

  int64_t taps() const { return in_channels * kernel_height * kernel_width; }  // of one output of one group
  int64_t pixels() const { return height * width; }
  int64_t out_pixels() const { return out_height * out_width; }
  int64_t input_offset(int64_t image, int64_t group) const { return (image * groups + group) * in_channels * pixels(); }
  int64_t output_offset(int64_t image, int64_t group) const {
    return (image * groups + group) * out_channels * out_pixels();
  }
  int64_t weight_offset(int64_t group) const { return group * out_channels * taps(); }
  // Whether each pixel is one column as it stands: no taps beside it, no padding, no stride.
  bool is_pointwise() const {
    return kernel_height * kernel_width == 1 && stride[0] == 1 && stride[1] == 1 && padding[0] == 0 && padding[1] == 0;
  }
};

}  // namespace tw::cpu
