// Images as columns: each output pixel's taps become a column, so that a convolution is a matrix product.
#pragma once

#include <algorithm>
#include <cstring>

#include "cpu/convolution_geometry.h"

namespace tw::cpu {

// Output pixels handled by one product: some rows of one image, or several whole images.
struct ColumnTile {
  int64_t image, images, row, rows;
  int64_t columns(const ConvolutionGeometry& g) const { return images * rows * g.out_width; }
};

// Output positions [first, last) whose tap lies inside the image, in one direction.
struct TapRange {
  int64_t first, last, offset;  // input index = output index * stride + offset
  TapRange(int64_t size, int64_t out_size, int64_t stride, int64_t padding, int64_t tap) : offset(tap - padding) {
    first = std::min(offset >= 0 ? 0 : (-offset + stride - 1) / stride, out_size);
    last = offset >= size ? first : std::clamp((size - 1 - offset) / stride + 1, first, out_size);
  }
};

// Calls f(tap row index, channel, vertical tap, horizontal TapRange) for each row of the column matrix.
template <class F>
void for_each_tap(const ConvolutionGeometry& g, F&& f) {
  int64_t row = 0;
  for (int64_t c = 0; c < g.in_channels; ++c)
    for (int64_t y = 0; y < g.kernel_height; ++y)
      for (int64_t x = 0; x < g.kernel_width; ++x, ++row)
        f(row, c, TapRange(g.height, g.out_height, g.stride[0], g.padding[0], y * g.dilation[0]),
          TapRange(g.width, g.out_width, g.stride[1], g.padding[1], x * g.dilation[1]));
}

template <class T>
void copy_taps(T* to, const T* from, int64_t count, int64_t stride) {
  if (stride == 1)
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  else
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

// columns[taps, tile.columns] of the images of one group; `input` points at that group's channels of image 0.
template <class T>
void im2col(const ConvolutionGeometry& g, const ColumnTile& tile, const T* input, T* columns) {
  const int64_t image_stride = g.groups * g.in_channels * g.pixels(), row_length = tile.columns(g);
  for_each_tap(g, [&](int64_t row, int64_t channel, const TapRange& ys, const TapRange& xs) {
    T* to = columns + row * row_length;
    for (int64_t n = tile.image; n < tile.image + tile.images; ++n) {
      const T* plane = input + n * image_stride + channel * g.pixels();
      for (int64_t y = tile.row; y < tile.row + tile.rows; ++y, to += g.out_width) {
        const bool inside = y >= ys.first && y < ys.last;
        const int64_t first = inside ? xs.first : g.out_width, last = inside ? xs.last : g.out_width;
        std::fill(to, to + first, T(0));
        if (first < last)
          copy_taps(to + first, plane + (y * g.stride[0] + ys.offset) * g.width + first * g.stride[1] + xs.offset,
                    last - first, g.stride[1]);
        std::fill(to + last, to + g.out_width, T(0));
      }
    }
  });
}

// The transpose: adds each column's values to the pixels they were taken from.
template <class T>
void col2im(const ConvolutionGeometry& g, const ColumnTile& tile, const T* columns, T* input) {
  const int64_t image_stride = g.groups * g.in_channels * g.pixels(), row_length = tile.columns(g);
  for_each_tap(g, [&](int64_t row, int64_t channel, const TapRange& ys, const TapRange& xs) {
    for (int64_t i = 0; i < tile.images; ++i) {
      const T* from = columns + row * row_length + i * tile.rows * g.out_width;
      T* plane = input + (tile.image + i) * image_stride + channel * g.pixels();
      for (int64_t y = std::max(tile.row, ys.first); y < std::min(tile.row + tile.rows, ys.last); ++y) {
        const T* values = from + (y - tile.row) * g.out_width;
        T* pixels = plane + (y * g.stride[0] + ys.offset) * g.width + xs.offset;
        for (int64_t x = xs.first; x < xs.last; ++x) pixels[x * g.stride[1]] += values[x];
      }
    }
  });
}

}  // namespace tw::cpu
