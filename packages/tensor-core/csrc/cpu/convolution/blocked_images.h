// Images whose channels lie side by side in blocks of 16: [image][block][y][x][channel of the block], with zeros around
// each plane. What a convolution computes with channels in lanes is written there as it is, and the next one reads its
// padding where it lies.
#pragma once

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <algorithm>

#include "cpu/isa_kernels.h"
#include "cpu/prepared_layer.h"

namespace tw::cpu {

struct BlockedImages {
  int64_t channels, height, width;  // of an image; whole blocks of channels
  int64_t border_y, border_x;

  int64_t row() const { return (width + 2 * border_x) * kBlockChannels; }
  int64_t plane() const { return (height + 2 * border_y) * row(); }
  int64_t blocks() const { return channels / kBlockChannels; }
  int64_t image() const { return blocks() * plane(); }
  // Offsets in an image; pixels before the first one lie in the border.
  int64_t channel(int64_t c) const { return c / kBlockChannels * plane() + c % kBlockChannels; }
  int64_t pixel(int64_t y, int64_t x) const { return (y + border_y) * row() + (x + border_x) * kBlockChannels; }

  // Zeros around rows [first, last), and above and below them where they are the first or the last ones.
  template <class T>
  void clear_border(T* plane, int64_t first, int64_t last) const {
    const int64_t side = border_x * kBlockChannels;
    if (first == 0) std::fill_n(plane, border_y * row(), T(0));
    for (int64_t y = first; side > 0 && y < last; ++y) {
      T* left = plane + (y + border_y) * row();
      std::fill_n(left, side, T(0)), std::fill_n(left + row() - side, side, T(0));
    }
    if (last == height) std::fill_n(plane + (height + border_y) * row(), border_y * row(), T(0));
  }
};

// Of float32. One of the two may lie in planes, as tensors do: then its border is no part of it.
struct ImageMemory {
  float* data;
  bool blocked;
  BlockedImages images;
};

// The convolution's geometry is that of `a` (whose `self` may be without data) and of the result's shape.
Tensor prepare_blocked_convolution(const ConvolutionArguments& a, IntList out_shape);
void blocked_convolution(const ConvolutionArguments& a, IntList out_shape, const PreparedCall& prepared,
                         const ImageMemory& input, const ImageMemory& result);

// The maxima of max_pool2d, from blocks to blocks.
struct PoolingArguments {
  IntList kernel, stride, padding, dilation;
};
void blocked_max_pool(const PoolingArguments& a, int64_t images, const ImageMemory& input, const ImageMemory& result);

// From planes to blocks, or back.
void move_images(int64_t images, const ImageMemory& input, const ImageMemory& result);

}  // namespace tw::cpu
