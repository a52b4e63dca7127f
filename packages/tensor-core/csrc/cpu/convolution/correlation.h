// A correlation: each result pixel is a weighted sum of the source's pixels at fixed places around it. The forward
// convolution is one; the gradient of its input is one for each residue of the stride, without a stride itself.
#pragma once

#include <vector>

#include "cpu/convolution/blocked_images.h"
#include "cpu/convolution/geometry.h"
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
  bool is_inside() const { return front == 0 && extent(results) <= source; }
  bool is_unpadded() const { return stride == 1 && is_inside(); }
};

// One direction of the forward convolution.
inline CorrelationAxis forward_axis(const ConvolutionAxis& a) {
  CorrelationAxis axis{a.size, a.stride, a.padding, a.out, 0, 1, {}};
  for (int64_t k = 0; k < a.kernel; ++k) axis.taps.push_back({k, k * a.dilation});
  return axis;
}

// The gradient of the input positions first, first + stride, ...: position y meets output (y + padding - k * dilation)
// / stride for those k for which that is whole.
inline CorrelationAxis backward_axis(const ConvolutionAxis& a, int64_t first) {
  CorrelationAxis axis{a.out, 1, 0, (a.size - first + a.stride - 1) / a.stride, first, a.stride, {}};
  int64_t least = 0;
  for (int64_t k = 0; k < a.kernel; ++k) {
    const int64_t distance = first + a.padding - k * a.dilation;
    if (distance % a.stride != 0) continue;
    axis.taps.push_back({k, distance / a.stride});
    least = axis.taps.size() == 1 ? axis.taps[0].place : std::min(least, axis.taps.back().place);
  }
  for (AxisTap& tap : axis.taps) tap.place -= least;
  axis.front = -least;
  return axis;
}

// The results of one depth read one plane of each channel and tap in depth: to them, these planes are the channels of
// an image.
struct Correlation {
  int64_t images, groups, source_channels, result_channels;  // of one group
  CorrelationAxis z, y, x;

  int64_t planes() const { return source_channels * static_cast<int64_t>(z.taps.size()); }
  int64_t taps() const { return planes() * static_cast<int64_t>(y.taps.size() * x.taps.size()); }
  int64_t pixels() const { return y.results * x.results; }  // of one depth
  int64_t source_plane() const { return y.source * x.source; }
  int64_t source_size() const { return source_channels * z.source * source_plane(); }  // of one image's group
};

inline Correlation forward_correlation(const ConvolutionGeometry& g) {
  return {g.images, g.groups, g.in_channels, g.out_channels, forward_axis(g.z), forward_axis(g.y), forward_axis(g.x)};
}
inline Correlation backward_correlation(const ConvolutionGeometry& g, int64_t depth, int64_t row, int64_t col) {
  return {g.images,
          g.groups,
          g.out_channels,
          g.in_channels,
          backward_axis(g.z, depth),
          backward_axis(g.y, row),
          backward_axis(g.x, col)};
}

// Results are computed in bands of rows whose source stays in cache. What a band reads of each channel is one plane of
// a padded copy, unless the source can be read as it is.
struct BandLayout {
  int64_t rows, bands;  // result rows of a band
  bool in_place;
  int64_t phase_length, row, plane;        // elements
  const BlockedImages* blocked = nullptr;  // how the source lies, if so
  int64_t pixel = 0;                       // from one to the next, where channels lie side by side

  explicit BandLayout(const Correlation& c, bool may_be_in_place = true)
      : rows(c.y.results), in_place(may_be_in_place && c.z.is_inside() && c.y.is_unpadded() && c.x.is_unpadded()) {
    phase_length = in_place ? c.x.source : (c.x.extent(c.x.results) + c.x.stride - 1) / c.x.stride;
    row = phase_length * c.x.stride;
    cut(c, row * c.planes());
    plane = in_place ? c.source_plane() : c.y.extent(rows) * row;
  }
  // Of images in blocks, whose border holds the padding.
  BandLayout(const Correlation& c, const BlockedImages& images)
      : rows(c.y.results),
        in_place(true),
        phase_length(images.row()),
        row(images.row()),
        plane(images.plane()),
        blocked(&images) {
    cut(c, row * images.blocks() / c.groups);
  }
  // Of images in memory format channels_last. Pixels a multiple of half a page from each other would fall on the same
  // lines of the cache: those of a copy do not.
  static BandLayout of_channels_last(const Correlation& c) {
    constexpr int64_t kApart = 16, kHalfPage = 512;
    BandLayout layout;
    layout.rows = c.y.results;
    layout.in_place = c.y.is_inside() && c.x.is_inside() && c.source_channels % kHalfPage != 0;
    layout.pixel = c.source_channels + (layout.in_place ? 0 : kApart);
    layout.phase_length = layout.in_place ? c.x.source : c.x.extent(c.x.results);
    layout.row = layout.phase_length * layout.pixel;
    layout.plane = c.y.source * layout.row;
    layout.cut(c, layout.row);
    return layout;
  }
  int64_t rows_of(const Correlation& c, int64_t band) const { return std::min(rows, c.y.results - band * rows); }
  // Elements of a group of an image; groups are whole blocks of channels, or one.
  int64_t group_size(const Correlation& c) const {
    return blocked ? c.source_channels / kBlockChannels * plane : c.source_size();
  }
  // Elements of a padded copy.
  int64_t copy_size(const Correlation& c) const {
    return in_place ? 0 : pixel > 0 ? c.y.extent(rows) * row : c.planes() * plane;
  }

  std::vector<int64_t> tap_offsets(const Correlation& c) const {
    std::vector<int64_t> offsets;
    offsets.reserve(static_cast<size_t>(c.taps()));
    for (int64_t i = 0; i < c.planes(); ++i)
      for (const AxisTap& y : c.y.taps)
        for (const AxisTap& x : c.x.taps)
          offsets.push_back(blocked     ? blocked->channel(i) + y.place * row + x.place * kBlockChannels
                            : pixel > 0 ? i + y.place * row + x.place * pixel
                                        : plane_offset(c, i) + y.place * row + x.place % c.x.stride * phase_length +
                                              x.place / c.x.stride);
    return offsets;
  }
  // `may_join`: whether results of neighbouring rows are neighbours too, so that rows may be taken for a single one.
  ConvolutionPass pass(const Correlation& c, int64_t band, const std::vector<int64_t>& offsets,
                       bool may_join = true) const {
    const int64_t count = static_cast<int64_t>(offsets.size()), result_rows = rows_of(c, band);
    if (blocked)
      return {result_rows, c.x.results, c.y.stride * row, count, offsets.data(), c.x.stride * kBlockChannels};
    if (pixel > 0 && !(may_join && in_place && c.y.stride == 1 && row == c.x.results * pixel))
      return {result_rows, c.x.results, c.y.stride * row, count, offsets.data(), c.x.stride * pixel};
    if (pixel > 0) return {1, result_rows * c.x.results, result_rows * row, count, offsets.data(), pixel};
    if (may_join && in_place && row == c.x.results)
      return {1, result_rows * row, result_rows * row, count, offsets.data()};
    return {result_rows, c.x.results, c.y.stride * row, count, offsets.data()};
  }

 private:
  BandLayout() = default;
  void cut(const Correlation& c, int64_t row_of_all) {
    while (rows > 1 && (rows * c.x.results > kBandPixels || c.y.extent(rows) * row_of_all > kBandElements))
      rows = (rows + 1) / 2;
    bands = (c.y.results + rows - 1) / rows;
  }
  int64_t plane_offset(const Correlation& c, int64_t i) const {
    if (!in_place) return i * plane;
    const int64_t depths = static_cast<int64_t>(c.z.taps.size());
    return (i / depths * c.z.source + c.z.taps[static_cast<size_t>(i % depths)].place) * plane;
  }
  static constexpr int64_t kBandPixels = 1024;
  static constexpr int64_t kBandElements = 64 * 1024;
};

// Rows of the source that a band reads: the image's are [from, to), the others are zeros.
struct BandRows {
  int64_t first, last, from, to;
  BandRows(const Correlation& c, const BandLayout& layout, int64_t band)
      : first(band * layout.rows * c.y.stride - c.y.front),
        last(first + c.y.extent(layout.rows_of(c, band))),
        from(std::clamp<int64_t>(first, 0, c.y.source)),
        to(std::clamp<int64_t>(last, from, c.y.source)) {}
};

// The source of a band of an image in memory format channels_last; `copy` as below.
template <class T>
const T* band_pixels(const Correlation& c, const BandLayout& layout, const BandRows& rows, const T* source, T* copy) {
  const int64_t channels = c.source_channels;
  if (layout.in_place) return source + rows.first * layout.row;
  T* to = copy;
  for (int64_t y = rows.first; y < rows.last; ++y)
    for (int64_t x = -c.x.front; x < layout.phase_length - c.x.front; ++x, to += layout.pixel) {
      const bool exists = y >= rows.from && y < rows.to && x >= 0 && x < c.x.source;
      if (exists)
        std::copy_n(source + (y * c.x.source + x) * channels, channels, to);
      else
        std::fill_n(to, channels, T(0));
    }
  return copy;
}

// The source of a band of one depth: `source` is the group's channels of one image, `copy` the memory for a padded
// copy.
template <class T>
const T* band_source(const Correlation& c, const BandLayout& layout, int64_t depth, int64_t band, const T* source,
                     T* copy) {
  const BandRows rows(c, layout, band);
  if (layout.pixel > 0) return band_pixels(c, layout, rows, source, copy);
  const auto [first, last, from, to] = rows;
  if (layout.blocked) return source + layout.blocked->pixel(first, -c.x.front);
  if (layout.in_place) return source + depth * c.z.stride * layout.plane + first * layout.row;
  const int64_t above = std::min(from - first, last - first);
  const PaddedPlane plane{above,      to - from,          last - first - above - (to - from), c.x.source, c.x.front,
                          c.x.stride, layout.phase_length};
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  T* out = copy;
  for (int64_t channel = 0; channel < c.source_channels; ++channel)
    for (const AxisTap& tap : c.z.taps) {
      const int64_t z = depth * c.z.stride + tap.place - c.z.front;
      if (z < 0 || z >= c.z.source)
        std::fill_n(out, layout.plane, T(0));
      else
        kernels.pad(plane, source + (channel * c.z.source + z) * c.source_plane() + from * c.x.source, out);
      out += layout.plane;
    }
  return copy;
}

}  // namespace tw::cpu
