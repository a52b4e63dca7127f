#include "cpu/convolution/rows.h"

#include "cpu/convolution/channel_runs.h"
#include "cpu/convolution/correlation.h"
#include "cpu/copies/movement.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kSlotWork = 1 << 20;      // multiplications that are worth a partial weight gradient of their own
constexpr int64_t kMostSlots = 16;          // partial weight gradients of a group, which are added up in order
constexpr int64_t kSlotElements = 1 << 22;  // of all of them

int64_t rounded_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// Without strides all rows are one: what lies between them is computed and left out.
bool is_flat(const Correlation& c) { return c.y.stride == 1 && c.x.stride == 1; }

// A correlation ready to run: the convolution, or one residue of its gradient.
template <class T>
struct RowCorrelation {
  RowCorrelation(const Correlation& correlation, Tensor packed)
      : c(correlation), layout(c, false), offsets(layout.tap_offsets(c)), weights(std::move(packed)) {}

  int64_t lanes() const { return isa_table<LaneKernels<T>>().lanes; }
  int64_t pitch() const { return is_flat(c) ? layout.row : rounded_up(c.x.results, lanes()); }
  int64_t channel_size() const { return rounded_up(layout.rows * pitch(), lanes()); }
  LanePass pass(int64_t band) const {
    const int64_t n = lanes(), rows = layout.rows_of(c, band), taps = static_cast<int64_t>(offsets.size());
    const int64_t columns = is_flat(c) ? (rows - 1) * pitch() + c.x.results : c.x.results;
    return {is_flat(c) ? 1 : rows, (columns + n - 1) / n, c.y.stride * layout.row, n, pitch(), n, taps, offsets.data()};
  }

  Correlation c;
  BandLayout layout;
  std::vector<int64_t> offsets;
  Tensor weights;  // [group][run][tap][channel of the run]
};

// The weight between a source channel and a result channel of a group.
struct WeightPlace {
  int64_t per_source, per_result;
};

template <class T>
Tensor packed_weights(const ConvolutionGeometry& g, const Correlation& c, const std::vector<ChannelRun>& runs,
                      const WeightPlace& place, const T* weight) {
  Tensor packed = scratch<T>(g.groups * c.result_channels * c.taps());
  T* to = packed.data<T>();
  for (int64_t group = 0; group < g.groups; ++group)
    for (const ChannelRun& run : runs)
      for (int64_t s = 0; s < c.source_channels; ++s)
        for (const AxisTap& z : c.z.taps)
          for (const AxisTap& y : c.y.taps)
            for (const AxisTap& x : c.x.taps) {
              const int64_t tap = (z.kernel * g.y.kernel + y.kernel) * g.x.kernel + x.kernel;
              const T* from = weight + g.weight_offset(group) + s * place.per_source + tap;
              for (int m = 0; m < run.count; ++m) *to++ = from[(run.first + m) * place.per_result];
            }
  return packed;
}

template <class T>
struct RowData {
  const T *source, *bias;  // a bias for each channel of a group after the other
  T* out;
  int64_t out_depth, out_height, out_width;
};

// Rows of one channel to their places.
template <class T>
void place_rows(const Correlation& c, const T* from, int64_t pitch, int64_t first_row, int64_t rows, T* plane,
                int64_t width) {
  T* to = plane + (c.y.first + first_row * c.y.step) * width + c.x.first;
  if (c.x.step == 1)
    return movement_kernels().copy_rows(rows, c.x.results * sizeof(T), reinterpret_cast<const char*>(from),
                                        pitch * sizeof(T), reinterpret_cast<char*>(to), c.y.step * width * sizeof(T));
  for (int64_t y = 0; y < rows; ++y, from += pitch, to += c.y.step * width)
    for (int64_t x = 0; x < c.x.results; ++x) to[x * c.x.step] = from[x];
}

template <class T>
void correlate_band(const RowCorrelation<T>& part, const std::vector<ChannelRun>& runs, const RowData<T>& data,
                    int64_t image_group, int64_t depth, int64_t band, T* copy, T* results) {
  const Correlation& c = part.c;
  const int64_t plane = data.out_height * data.out_width, group = image_group % c.groups;
  const LanePass pass = part.pass(band);
  const T* source = band_source(c, part.layout, depth, band, data.source + image_group * c.source_size(), copy);
  for (const ChannelRun& run : runs) {
    const int64_t channel = group * c.result_channels + run.first;
    isa_table<LaneKernels<T>>().correlate(pass, source, run.count,
                                          part.weights.template data<T>() + channel * pass.taps, data.bias + channel,
                                          results, part.channel_size());
    for (int m = 0; m < run.count; ++m) {
      const int64_t result = image_group * c.result_channels + run.first + m;
      place_rows(c, results + m * part.channel_size(), part.pitch(), band * part.layout.rows,
                 part.layout.rows_of(c, band),
                 data.out + (result * data.out_depth + c.z.first + depth * c.z.step) * plane, data.out_width);
    }
  }
}

template <class T>
void correlate(const std::vector<RowCorrelation<T>>& parts, const std::vector<ChannelRun>& runs,
               const RowData<T>& data) {
  if (parts.empty() || runs.empty()) return;
  const Correlation& c = parts[0].c;
  int64_t depths = 0, bands = 0, copy_size = 0, result_size = 0, work = 0;
  for (const RowCorrelation<T>& part : parts) {
    depths = std::max(depths, part.c.z.results);
    bands = std::max(bands, part.layout.bands);
    copy_size = std::max(copy_size, part.layout.copy_size(part.c));
    result_size = std::max(result_size, part.channel_size());
    work += part.channel_size() * (part.c.taps() + 1) * c.result_channels;
  }
  const int64_t lanes = isa_table<LaneKernels<T>>().lanes;
  parallel_for(0, c.images * c.groups * depths * bands, grain_for(work / 8), [&](int64_t begin, int64_t end) {
    const Tensor copy = scratch<T>(copy_size + lanes), results = scratch<T>(result_size * runs[0].count);
    std::fill_n(copy.data<T>() + copy_size, lanes, T(0));  // the last vector reads over the end
    for (int64_t i = begin; i < end; ++i)
      for (const RowCorrelation<T>& part : parts)
        if (i / bands % depths < part.c.z.results && i % bands < part.layout.bands)
          correlate_band(part, runs, data, i / bands / depths, i / bands % depths, i % bands, copy.data<T>(),
                         results.data<T>());
  });
}

double filled(int64_t count, int64_t lanes) {
  return static_cast<double>(count) / static_cast<double>(rounded_up(std::max<int64_t>(count, 1), lanes));
}

template <class T>
double row_use(const Correlation& c) {
  if (is_flat(c)) return static_cast<double>(c.x.results) / static_cast<double>(BandLayout(c, false).row);
  return filled(c.x.results, isa_table<LaneKernels<T>>().lanes);
}

// ---- gradient of the weights --------------------------------------------------------------------------------

// The lanes of one sum, in the order of the reduction tree.
template <class T>
T sum_of_lanes(T* lanes) {
  for (int half = kRowLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

// The units first to last of one group: each a band of a depth of an image. sums: [result channel][tap][lane].
template <class T>
void group_gradient(const Correlation& c, const BandLayout& layout, const std::vector<int64_t>& offsets, int64_t group,
                    int64_t first, int64_t last, const T* grad, const T* input, T* copy, T* sums) {
  const int64_t channel_size = c.z.results * c.pixels(), sum_size = c.taps() * kRowLanes;
  std::fill_n(sums, c.result_channels * sum_size, T(0));
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t band = unit % layout.bands, depth = unit / layout.bands % c.z.results;
    const int64_t image_group = unit / layout.bands / c.z.results * c.groups + group;
    ConvolutionPass pass = layout.pass(c, band, offsets);
    const T* source = band_source(c, layout, depth, band, input + image_group * c.source_size(), copy);
    const T* band_grad =
        grad + image_group * c.result_channels * channel_size + depth * c.pixels() + band * layout.rows * c.x.results;
    for (int64_t o = 0; o < c.result_channels; ++o)
      isa_table<ConvolutionKernels<T>>().row_gradient(pass, source, band_grad + o * channel_size, sums + o * sum_size);
  }
}

}  // namespace

template <class T>
bool suits_rows(const ConvolutionGeometry& g, bool backward, bool suits_images) {
  if (g.pixels() == 0 || g.out_pixels() == 0 || g.images == 0) return false;
  const Correlation c = backward ? backward_correlation(g, 0, 0, 0) : forward_correlation(g);
  if (c.taps() == 0 || c.z.results == 0 || c.pixels() == 0) return false;
  if (c.result_channels <= 2) return row_use<T>(c) >= 0.3;
  return !suits_images && row_use<T>(c) > 1.5 * filled(c.result_channels, isa_table<LaneKernels<T>>().lanes);
}

// The sums have an order of their own, so the instruction set must not matter here.
bool suits_rows_backward_weight(const ConvolutionGeometry& g) { return g.out_channels <= 2 && g.x.out >= 4; }

template <class T>
void row_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output) {
  const Correlation c = forward_correlation(g);
  const std::vector<ChannelRun> runs = runs_of(c.result_channels, isa_table<LaneKernels<T>>().output_channels);
  const std::vector<T> no_bias(bias ? 0 : static_cast<size_t>(g.groups * g.out_channels), T(0));
  const WeightPlace place{g.kernel_size(), g.taps()};
  correlate<T>({{c, packed_weights(g, c, runs, place, weight)}}, runs,
               {input, bias ? bias : no_bias.data(), output, g.z.out, g.y.out, g.x.out});
}

template <class T>
void row_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input) {
  const std::vector<ChannelRun> runs = runs_of(g.in_channels, isa_table<LaneKernels<T>>().output_channels);
  const std::vector<T> no_bias(static_cast<size_t>(g.groups * g.in_channels), T(0));
  const WeightPlace place{g.taps(), g.kernel_size()};
  std::vector<RowCorrelation<T>> residues;
  for (int64_t depth = 0; depth < std::min(g.z.stride, g.z.size); ++depth)
    for (int64_t row = 0; row < std::min(g.y.stride, g.y.size); ++row)
      for (int64_t col = 0; col < std::min(g.x.stride, g.x.size); ++col) {
        const Correlation c = backward_correlation(g, depth, row, col);
        residues.emplace_back(c, packed_weights(g, c, runs, place, weight));
      }
  correlate<T>(residues, runs, {grad, no_bias.data(), input, g.z.size, g.y.size, g.x.size});
}

template <class T>
void row_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight) {
  const Correlation c = forward_correlation(g);
  const BandLayout layout(c);
  const std::vector<int64_t> offsets = layout.tap_offsets(c);
  const int64_t units = c.images * c.z.results * layout.bands, weights = c.result_channels * c.taps();
  const int64_t group_size = weights * kRowLanes, work = units * layout.rows * c.x.results * weights;
  const int64_t slots = std::clamp<int64_t>(
      std::min({work / kSlotWork, units, kSlotElements / std::max<int64_t>(c.groups * group_size, 1)}), 1, kMostSlots);
  const Tensor sums = scratch<T>(c.groups * slots * group_size);
  parallel_for(0, c.groups * slots, grain_for(work / slots / 4), [&](int64_t begin, int64_t end) {
    const Tensor copy = scratch<T>(layout.copy_size(c));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slot = i % slots;
      group_gradient(c, layout, offsets, i / slots, slot * units / slots, (slot + 1) * units / slots, grad, input,
                     copy.data<T>(), sums.data<T>() + i * group_size);
    }
  });
  const auto& add_to = isa_table<AdditionKernels<T>>().add_to;
  for (int64_t group = 0; group < c.groups; ++group) {
    T* sum = sums.data<T>() + group * slots * group_size;
    for (int64_t s = 1; s < slots; ++s) add_to(group_size, sum + s * group_size, sum);
    for (int64_t w = 0; w < weights; ++w) weight[group * weights + w] = sum_of_lanes(sum + w * kRowLanes);
  }
}

template bool suits_rows<float>(const ConvolutionGeometry&, bool, bool);
template bool suits_rows<double>(const ConvolutionGeometry&, bool, bool);
template void row_forward<float>(const ConvolutionGeometry&, const float*, const float*, const float*, float*);
template void row_forward<double>(const ConvolutionGeometry&, const double*, const double*, const double*, double*);
template void row_backward_input<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void row_backward_input<double>(const ConvolutionGeometry&, const double*, const double*, double*);
template void row_backward_weight<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void row_backward_weight<double>(const ConvolutionGeometry&, const double*, const double*, double*);

}  // namespace tw::cpu
