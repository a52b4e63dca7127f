#include "cpu/convolution/lanes.h"

#include "cpu/convolution/channel_runs.h"
#include "cpu/convolution/lane_planes.h"
#include "cpu/isa_kernels.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 22;  // of one batch of lanes
constexpr int64_t kTaskSteps = 1 << 14;              // vector operations that are worth a chunk of parallel work

int64_t grain_of(int64_t steps_per_task) {
  return std::max<int64_t>(1, kTaskSteps / std::max<int64_t>(steps_per_task, 1));
}

// All images of a tensor in lanes: [batch][channel][y][x][lane].
template <class T>
class LaneImages {
 public:
  LaneImages(const T* images, int64_t count, int64_t channels, const LanePlane& plane)
      : plane(plane),
        kernels_(isa_table<LaneKernels<T>>()),
        channels_(channels),
        data_(scratch<T>(batches(count) * batch_stride())) {
    const int64_t image_stride = channels * plane.pixels(), total = batches(count) * channels;
    parallel_for(0, total, grain_of(plane.padded_pixels() * 2), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / channels, first = batch * kernels_.lanes, channel = i % channels;
        kernels_.pack(images + first * image_stride + channel * plane.pixels(), image_stride,
                      std::min(kernels_.lanes, count - first), 1, plane, at(batch, channel));
      }
    });
  }
  T* at(int64_t batch, int64_t channel) const {
    return data_.template data<T>() + batch * batch_stride() + channel * channel_stride();
  }
  int64_t channel_stride() const { return plane.padded_pixels() * kernels_.lanes; }
  int64_t batch_stride() const { return channels_ * channel_stride(); }
  int64_t row_stride() const { return plane.padded_width * kernels_.lanes; }
  static int64_t batches(int64_t images) {
    const int64_t lanes = isa_table<LaneKernels<T>>().lanes;
    return (images + lanes - 1) / lanes;
  }

  LanePlane plane;

 private:
  const LaneKernels<T>& kernels_;
  int64_t channels_;
  Tensor data_;
};

// Where the taps of one group's outputs lie, from the pixel under the first tap.
template <class T>
std::vector<int64_t> tap_offsets(const ConvolutionGeometry& g, const LaneImages<T>& input, int64_t lanes) {
  std::vector<int64_t> offsets;
  for (int64_t c = 0; c < g.in_channels; ++c)
    for (int64_t y = 0; y < g.y.kernel; ++y)
      for (int64_t x = 0; x < g.x.kernel; ++x)
        offsets.push_back(c * input.channel_stride() + y * g.y.dilation * input.row_stride() +
                          x * g.x.dilation * lanes);
  return offsets;
}

template <class T>
LanePass forward_pass(const ConvolutionGeometry& g, const LaneImages<T>& input, const std::vector<int64_t>& offsets,
                      int64_t lanes) {
  return {g.y.out,         g.x.out, g.y.stride * input.row_stride(),      g.x.stride * lanes,
          g.x.out * lanes, lanes,   static_cast<int64_t>(offsets.size()), offsets.data()};
}

// f(batch, group, run) for all of them, in parallel; f gets scratch memory for `scratch_size` elements.
template <class T, class F>
void for_each_run(int64_t batches, int64_t groups, const std::vector<ChannelRun>& runs, int64_t steps,
                  int64_t scratch_size, F&& f) {
  const int64_t count = static_cast<int64_t>(runs.size());
  parallel_for(0, batches * groups * count, grain_of(steps), [&](int64_t begin, int64_t end) {
    const Tensor memory = scratch<T>(scratch_size);
    for (int64_t i = begin; i < end; ++i)
      f(i / count / groups, i / count % groups, runs[static_cast<size_t>(i % count)], memory.data<T>());
  });
}

// f(group, run) for all of them, in parallel; each moves `taps` weights for a channel.
template <class F>
void for_each_channels(int64_t groups, const std::vector<ChannelRun>& runs, int64_t taps, F&& f) {
  const int64_t count = static_cast<int64_t>(runs.size()), most = runs.empty() ? 1 : runs[0].count;
  parallel_for(0, groups * count, grain_for(taps * most), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / count, runs[static_cast<size_t>(i % count)]);
  });
}

// ---- forward ------------------------------------------------------------------------------------------------

constexpr int64_t kTapBlock = 16;  // weights of a channel that lie in one line of the cache

// Weights of each run of output channels, [tap][channel].
template <class T>
Tensor packed_weights(const ConvolutionGeometry& g, const std::vector<ChannelRun>& runs, const T* weight) {
  const int64_t taps = g.taps();
  Tensor packed = scratch<T>(g.groups * g.out_channels * taps);
  for_each_channels(g.groups, runs, taps, [&](int64_t group, const ChannelRun& run) {
    const T* from = weight + g.weight_offset(group) + run.first * taps;
    T* to = packed.data<T>() + (group * g.out_channels + run.first) * taps;
    for (int64_t first = 0; first < taps; first += kTapBlock, to += kTapBlock * run.count)
      for (int m = 0; m < run.count; ++m)
        for (int64_t t = 0; t < std::min(kTapBlock, taps - first); ++t)
          to[t * run.count + m] = from[m * taps + first + t];
  });
  return packed;
}

}  // namespace

template <class T>
bool suits_lanes(const ConvolutionGeometry& g, int64_t result_channels) {
  const int64_t lanes = isa_table<LaneKernels<T>>().lanes;
  const int64_t channels = g.groups * std::max(g.in_channels, g.out_channels);
  const int64_t pixels = std::max(input_plane(g).padded_pixels(), g.out_pixels());
  if (!g.is_flat()) return false;
  const bool full = g.images * 4 >= lanes * 3 || g.images >= 2 * result_channels;
  return full && lanes * channels * pixels <= kMostElements;
}

template <class T>
void lane_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output) {
  const auto& kernels = isa_table<LaneKernels<T>>();
  const LaneImages<T> images(input, g.images, g.groups * g.in_channels, input_plane(g));
  const std::vector<int64_t> offsets = tap_offsets(g, images, kernels.lanes);
  const LanePass pass = forward_pass(g, images, offsets, kernels.lanes);
  const std::vector<ChannelRun> runs = runs_of(g.out_channels, kernels.output_channels);
  const Tensor weights = packed_weights(g, runs, weight);
  const std::vector<T> no_bias(static_cast<size_t>(g.groups * g.out_channels), T(0));
  const T* biases = bias ? bias : no_bias.data();
  const int64_t most = runs.empty() ? 0 : runs[0].count, plane = g.out_pixels() * kernels.lanes;
  const auto compute = [&](int64_t batch, int64_t group, const ChannelRun& run, T* out) {
    const int64_t channel = group * g.out_channels + run.first, first = batch * kernels.lanes;
    kernels.correlate(pass, images.at(batch, group * g.in_channels), run.count, weights.data<T>() + channel * g.taps(),
                      biases + channel, out, plane);
    kernels.unpack(out, run.count, g.out_pixels(), output + g.output_offset(first, 0) + channel * g.out_pixels(),
                   g.output_offset(1, 0), std::min(kernels.lanes, g.images - first));
  };
  for_each_run<T>(LaneImages<T>::batches(g.images), g.groups, runs, g.out_pixels() * g.taps() * most, most * plane,
                  compute);
}

// ---- gradient of the input ----------------------------------------------------------------------------------

namespace {

// One pair of residues: its pass over the gradient's lanes and its weights, [tap][channel] for each run of channels.
template <class T>
struct ResiduePass {
  std::vector<int64_t> offsets;
  Tensor weights;
  int64_t in_start, out_start;
  LanePass pass;
};

template <class T>
ResiduePass<T> residue_pass(const ConvolutionGeometry& g, const Residue& ys, const Residue& xs,
                            const LaneImages<T>& grad, const std::vector<ChannelRun>& runs, const T* weight) {
  const int64_t lanes = isa_table<LaneKernels<T>>().lanes, kernel = g.y.kernel * g.x.kernel;
  ResiduePass<T> result;
  for (int64_t o = 0; o < g.out_channels; ++o)
    for (const ResidueTap& y : ys.taps)
      for (const ResidueTap& x : xs.taps)
        result.offsets.push_back(o * grad.channel_stride() - y.back * grad.row_stride() - x.back * lanes);
  const int64_t taps = static_cast<int64_t>(result.offsets.size());
  result.weights = scratch<T>(g.groups * g.in_channels * taps);
  for_each_channels(g.groups, runs, taps, [&](int64_t group, const ChannelRun& run) {
    T* to = result.weights.template data<T>() + (group * g.in_channels + run.first) * taps;
    const T* from = weight + g.weight_offset(group) + run.first * kernel;
    const int64_t step = g.in_channels * kernel;  // too far for the processor to foresee
    for (int64_t o = 0; o < g.out_channels; ++o, from += step) {
      for (int64_t line = 0; line < run.count * kernel; line += kTapBlock) __builtin_prefetch(from + 4 * step + line);
      for (const ResidueTap& y : ys.taps)
        for (const ResidueTap& x : xs.taps)
          for (int m = 0; m < run.count; ++m) *to++ = from[m * kernel + y.tap * g.x.kernel + x.tap];
    }
  });
  result.in_start = (grad.plane.front_y + ys.start) * grad.row_stride() + (grad.plane.front_x + xs.start) * lanes;
  result.out_start = (ys.first * g.x.size + xs.first) * lanes;
  result.pass = {ys.count,
                 xs.count,
                 grad.row_stride(),
                 lanes,
                 g.y.stride * g.x.size * lanes,
                 g.x.stride * lanes,
                 static_cast<int64_t>(result.offsets.size()),
                 nullptr};
  return result;
}

}  // namespace

template <class T>
void lane_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input) {
  const auto& kernels = isa_table<LaneKernels<T>>();
  const ResidueAxis ys(g.y), xs(g.x);
  const LaneImages<T> grads(grad, g.images, g.groups * g.out_channels, gradient_plane(ys, xs));
  const std::vector<ChannelRun> runs = runs_of(g.in_channels, kernels.output_channels);
  std::vector<ResiduePass<T>> passes;
  for (const Residue& y : ys.residues)
    for (const Residue& x : xs.residues) passes.push_back(residue_pass(g, y, x, grads, runs, weight));
  const std::vector<T> no_bias(static_cast<size_t>(kernels.output_channels), T(0));
  const int64_t most = runs.empty() ? 0 : runs[0].count, channel_size = g.pixels() * kernels.lanes;
  const auto compute = [&](int64_t batch, int64_t group, const ChannelRun& run, T* out) {
    const int64_t channel = group * g.in_channels + run.first, first = batch * kernels.lanes;
    for (const ResiduePass<T>& p : passes) {
      LanePass pass = p.pass;
      pass.offsets = p.offsets.data();
      kernels.correlate(pass, grads.at(batch, group * g.out_channels) + p.in_start, run.count,
                        p.weights.template data<T>() + channel * pass.taps, no_bias.data(), out + p.out_start,
                        channel_size);
    }
    kernels.unpack(out, run.count, g.pixels(), input + g.input_offset(first, 0) + channel * g.pixels(),
                   g.input_offset(1, 0), std::min(kernels.lanes, g.images - first));
  };
  const int64_t steps = g.out_pixels() * g.out_channels * g.y.kernel * g.x.kernel * most;
  for_each_run<T>(LaneImages<T>::batches(g.images), g.groups, runs, steps, most * channel_size, compute);
}

template bool suits_lanes<float>(const ConvolutionGeometry&, int64_t);
template bool suits_lanes<double>(const ConvolutionGeometry&, int64_t);
template void lane_forward<float>(const ConvolutionGeometry&, const float*, const float*, const float*, float*);
template void lane_forward<double>(const ConvolutionGeometry&, const double*, const double*, const double*, double*);
template void lane_backward_input<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void lane_backward_input<double>(const ConvolutionGeometry&, const double*, const double*, double*);

}  // namespace tw::cpu
