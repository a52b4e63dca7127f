// A correlation: each result pixel is a weighted sum of the source's pixels at fixed places around it. The forward
// convolution is one; the gradient of its input is one for each residue of the stride, without a stride itself.
#pragma once

#include <vector>

#include "cpu/convolution_geometry.h"
#include "cpu/isa_kernels.h"

namespace tw::cpu {

struct AxisTap {
  int64_t kernel;  // index in the convolution's kernel
  int64_t place;   // in the padded source, from the place of the result
};

// One direction. Results lie at first, first + step, ... in the result's planes.
struct CorrelationAxis {
  int64_t source, stride, front;  // front: zeros before the source, negative where the source is cut off
  int64_t results, first, step;
  std::vector<AxisTap> taps;

  // Places in the padded source that `count` results read.
  int64_t extent(int64_t count) const {
    int64_t most = 0;
    for (const AxisTap& tap : taps) most = std::max(most, tap.place);
    return (count - 1) * stride + most + 1;
  }
  bool is_unpadded() const { return stride == 1 && front == 0 && extent(results) <= source; }
};

// The direction d of the forward convolution.
inline CorrelationAxis forward_axis(const ConvolutionGeometry& g, int d) {
  const int64_t kernel = d == 0 ? g.kernel_height : g.kernel_width;
  CorrelationAxis axis{
      d == 0 ? g.height : g.width, g.stride[d], g.padding[d], d == 0 ? g.out_height : g.out_width, 0, 1, {}};
  for (int64_t k = 0; k < kernel; ++k) axis.taps.push_back({k, k * g.dilation[d]});
  return axis;
}

// The gradient of the input positions first, first + stride, ...: position y meets output (y + padding - k * dilation)
// / stride for those k for which that is whole.
inline CorrelationAxis backward_axis(const ConvolutionGeometry& g, int d, int64_t first) {
  const int64_t kernel = d == 0 ? g.kernel_height : g.kernel_width, size = d == 0 ? g.height : g.width;
  CorrelationAxis axis{d == 0 ? g.out_height : g.out_width,
                       1,
                       0,
                       (size - first + g.stride[d] - 1) / g.stride[d],
                       first,
                       g.stride[d],
                       {}};
  int64_t least = 0;
  for (int64_t k = 0; k < kernel; ++k) {
    const int64_t distance = first + g.padding[d] - k * g.dilation[d];
    if (distance % g.stride[d] != 0) continue;
    axis.taps.push_back({k, distance / g.stride[d]});
    least = axis.taps.size() == 1 ? axis.taps[0].place : std::min(least, axis.taps.back().place);
  }
  for (AxisTap& tap : axis.taps) tap.place -= least;
  axis.front = -least;
  return axis;
}

struct Correlation {
  int64_t images, groups, source_channels, result_channels;  // of one group
  CorrelationAxis y, x;

  int64_t taps() const { return source_channels * static_cast<int64_t>(y.taps.size() * x.taps.size()); }
  int64_t pixels() const { return y.results * x.results; }
};

inline Correlation forward_correlation(const ConvolutionGeometry& g) {
  return {g.images, g.groups, g.in_channels, g.out_channels, forward_axis(g, 0), forward_axis(g, 1)};
}
inline Correlation backward_correlation(const ConvolutionGeometry& g, int64_t first_row, int64_t first_col) {
  return {g.images,
          g.groups,
          g.out_channels,
          g.in_channels,
          backward_axis(g, 0, first_row),
          backward_axis(g, 1, first_col)};
}

// Results are computed in bands of rows whose source stays in cache. What a band reads of each channel is one plane of
// a padded copy, unless the source can be read as it is.
struct BandLayout {
  int64_t rows, bands;  // result rows of a band
  bool in_place;
  int64_t phase_length, row, plane;  // elements

  explicit BandLayout(const Correlation& c) : rows(c.y.results), in_place(c.y.is_unpadded() && c.x.is_unpadded()) {
    phase_length = in_place ? c.x.source : (c.x.extent(c.x.results) + c.x.stride - 1) / c.x.stride;
    row = phase_length * c.x.stride;
    while (rows > 1 && (rows * c.x.results > kBandPixels || c.y.extent(rows) * row * c.source_channels > kBandElements))
      rows = (rows + 1) / 2;
    bands = (c.y.results + rows - 1) / rows;
    plane = in_place ? c.y.source * c.x.source : c.y.extent(rows) * row;
  }
  int64_t rows_of(const Correlation& c, int64_t band) const { return std::min(rows, c.y.results - band * rows); }
  // Elements of a padded copy.
  int64_t copy_size(const Correlation& c) const { return in_place ? 0 : c.source_channels * plane; }

  std::vector<int64_t> tap_offsets(const Correlation& c) const {
    std::vector<int64_t> offsets;
    offsets.reserve(static_cast<size_t>(c.taps()));
    for (int64_t channel = 0; channel < c.source_channels; ++channel)
      for (const AxisTap& y : c.y.taps)
        for (const AxisTap& x : c.x.taps)
          offsets.push_back(channel * plane + y.place * row + x.place % c.x.stride * phase_length +
                            x.place / c.x.stride);
    return offsets;
  }
  ConvolutionPass pass(const Correlation& c, int64_t band, const std::vector<int64_t>& offsets) const {
    const int64_t count = static_cast<int64_t>(offsets.size()), result_rows = rows_of(c, band);
    if (in_place && row == c.x.results) return {1, result_rows * row, result_rows * row, count, offsets.data()};
    return {result_rows, c.x.results, c.y.stride * row, count, offsets.data()};
  }

 private:
  static constexpr int64_t kBandPixels = 1024;
  static constexpr int64_t kBandElements = 64 * 1024;
};

// The source of a band: `source` is the group's channels of one image, `copy` the memory for a padded copy.
template <class T>
const T* band_source(const Correlation& c, const BandLayout& layout, int64_t band, const T* source, T* copy) {
  const int64_t first = band * layout.rows * c.y.stride - c.y.front;  // source row that is the copy's row 0
  if (layout.in_place) return source + first * layout.row;
  const int64_t last = first + c.y.extent(layout.rows_of(c, band));
  const int64_t from = std::clamp<int64_t>(first, 0, c.y.source), to = std::clamp<int64_t>(last, from, c.y.source);
  const int64_t above = std::min(from - first, last - first);
  const PaddedPlane plane{above,      to - from,          last - first - above - (to - from), c.x.source, c.x.front,
                          c.x.stride, layout.phase_length};
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  for (int64_t channel = 0; channel < c.source_channels; ++channel)
    kernels.pad(plane, source + (channel * c.y.source + from) * c.x.source, copy + channel * layout.plane);
  return copy;
}

}  // namespace tw::cpu
