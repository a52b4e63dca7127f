#include "cpu/convolution/depthwise.h"

#include "cpu/convolution/lane_planes.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kMostPixels = 16384;  // of a plane: more leave the second-level cache
constexpr int64_t kSlots = 8;  // partial weight gradients, each of some of the images, which are added up in order

// Channels of one image that lie in the lanes of a vector.
struct ChannelBlock {
  int64_t first, count;
};
template <class T>
struct ChannelBlocks {
  int64_t channels, lanes = isa_table<LaneKernels<T>>().lanes;
  explicit ChannelBlocks(const ConvolutionGeometry& g) : channels(g.groups) {}
  int64_t count() const { return (channels + lanes - 1) / lanes; }
  ChannelBlock operator[](int64_t i) const { return {i * lanes, std::min(lanes, channels - i * lanes)}; }
};

// Values of channels, `each` of them, as vectors: [block][value][lane].
template <class T>
std::vector<T> in_lanes(const ChannelBlocks<T>& blocks, int64_t each, const T* values) {
  std::vector<T> result(static_cast<size_t>(blocks.count() * each * blocks.lanes), T(0));
  for (int64_t c = 0; values && c < blocks.channels; ++c)
    for (int64_t i = 0; i < each; ++i)
      result[static_cast<size_t>((c / blocks.lanes * each + i) * blocks.lanes + c % blocks.lanes)] =
          values[c * each + i];
  return result;
}

// Planes of a block's channels of one image.
template <class T>
const T* pack(const T* images, int64_t image, const ChannelBlocks<T>& blocks, const ChannelBlock& block,
              const LanePlane& plane, T* out) {
  const T* first = images + (image * blocks.channels + block.first) * plane.pixels();
  isa_table<LaneKernels<T>>().pack(first, plane.pixels(), block.count, 1, plane, out);
  return out;
}

std::vector<int64_t> forward_offsets(const ConvolutionGeometry& g, const LanePlane& plane, int64_t lanes) {
  std::vector<int64_t> offsets;
  for (int64_t y = 0; y < g.y.kernel; ++y)
    for (int64_t x = 0; x < g.x.kernel; ++x)
      offsets.push_back((y * g.y.dilation * plane.padded_width + x * g.x.dilation) * lanes);
  return offsets;
}

LanePass forward_pass(const ConvolutionGeometry& g, const LanePlane& plane, int64_t lanes,
                      const std::vector<int64_t>& offsets) {
  return {g.y.out,         g.x.out, g.y.stride * plane.padded_width * lanes, g.x.stride * lanes,
          g.x.out * lanes, lanes,   static_cast<int64_t>(offsets.size()),    offsets.data()};
}

// One pair of residues of the gradient: which taps it has, and where it reads and writes.
struct ResiduePass {
  std::vector<int64_t> offsets, taps;
  int64_t in_start, out_start;
  LanePass pass;

  ResiduePass(const ConvolutionGeometry& g, const Residue& ys, const Residue& xs, const LanePlane& plane,
              int64_t lanes) {
    const int64_t row = plane.padded_width * lanes;
    for (const ResidueTap& y : ys.taps)
      for (const ResidueTap& x : xs.taps) {
        offsets.push_back(-y.back * row - x.back * lanes);
        taps.push_back(y.tap * g.x.kernel + x.tap);
      }
    in_start = (plane.front_y + ys.start) * row + (plane.front_x + xs.start) * lanes;
    out_start = (ys.first * g.x.size + xs.first) * lanes;
    pass = {ys.count,
            xs.count,
            row,
            lanes,
            g.y.stride * g.x.size * lanes,
            g.x.stride * lanes,
            static_cast<int64_t>(taps.size()),
            nullptr};
  }
};

// The chosen taps of weights that lie in lanes.
template <class T>
std::vector<T> chosen_taps(const std::vector<T>& weights, int64_t blocks, int64_t all, const std::vector<int64_t>& taps,
                           int64_t lanes) {
  std::vector<T> result;
  for (int64_t b = 0; b < blocks; ++b)
    for (const int64_t tap : taps)
      for (int64_t l = 0; l < lanes; ++l) result.push_back(weights[static_cast<size_t>((b * all + tap) * lanes + l)]);
  return result;
}

}  // namespace

// Sums over pixels have an order of their own, so the instruction set must not matter here.
bool suits_depthwise(const ConvolutionGeometry& g) {
  if (!g.is_flat() || g.in_channels != 1 || g.out_channels != 1 || g.groups < 8) return false;
  if (g.pixels() == 0 || g.out_pixels() == 0 || g.images == 0 || g.kernel_size() == 0) return false;
  const int64_t pixels =
      std::max(input_plane(g).padded_pixels(), gradient_plane(ResidueAxis(g.y), ResidueAxis(g.x)).padded_pixels());
  return pixels <= kMostPixels;
}

template <class T>
void depthwise_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output) {
  const auto& kernels = isa_table<LaneKernels<T>>();
  const ChannelBlocks<T> blocks(g);
  const LanePlane plane = input_plane(g);
  const std::vector<int64_t> offsets = forward_offsets(g, plane, blocks.lanes);
  const LanePass pass = forward_pass(g, plane, blocks.lanes, offsets);
  const std::vector<T> weights = in_lanes(blocks, pass.taps, weight), biases = in_lanes(blocks, 1, bias);
  const int64_t results = g.out_pixels() * blocks.lanes;
  parallel_for(0, g.images * blocks.count(), grain_for(results * pass.taps / 8), [&](int64_t begin, int64_t end) {
    const Tensor source = scratch<T>(plane.padded_pixels() * blocks.lanes), result = scratch<T>(results);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / blocks.count(), b = i % blocks.count();
      const ChannelBlock block = blocks[b];
      kernels.correlate_own(pass, pack(input, image, blocks, block, plane, source.data<T>()),
                            weights.data() + b * pass.taps * blocks.lanes, biases.data() + b * blocks.lanes,
                            result.data<T>());
      kernels.unpack(result.data<T>(), 1, g.out_pixels(), output + (image * g.groups + block.first) * g.out_pixels(),
                     g.out_pixels(), block.count);
    }
  });
}

bool is_depthwise(const ConvolutionGeometry& g) { return g.in_channels == 1 && g.out_channels == 1 && g.groups > 1; }

Tensor depthwise_weights(const ConvolutionGeometry& g, const float* weight) {
  const std::vector<float> packed = in_lanes(ChannelBlocks<float>(g), g.taps(), weight);
  Tensor result = scratch<float>(static_cast<int64_t>(packed.size()));
  std::copy(packed.begin(), packed.end(), result.data<float>());
  return result;
}

void depthwise_forward_blocks(const ConvolutionGeometry& g, const ImageMemory& input, const float* weight,
                              const float* bias, const PreparedCall& prepared, const ImageMemory& result) {
  const auto& kernels = isa_table<LaneKernels<float>>();
  const BlockedImages &from = input.images, &to = result.images;
  const Tensor weights = prepared.weight ? Tensor::retain(prepared.weight) : depthwise_weights(g, weight);
  const std::vector<float> biases = in_lanes(ChannelBlocks<float>(g), 1, bias);
  std::vector<int64_t> offsets;
  for (int64_t y = 0; y < g.y.kernel; ++y)
    for (int64_t x = 0; x < g.x.kernel; ++x)
      offsets.push_back(from.pixel(y * g.y.dilation - g.y.padding, x * g.x.dilation - g.x.padding));
  const int64_t taps = static_cast<int64_t>(offsets.size());
  const LanePass row{1, to.width, 0, g.x.stride * kBlockChannels, 0, kBlockChannels, taps, offsets.data()};
  const int64_t work = to.height * to.width * kBlockChannels * taps / 8;
  parallel_for(0, g.images * to.blocks(), grain_for(work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % to.blocks() * kBlockChannels;
      float* const plane = result.data + i * to.plane();
      for (int64_t y = 0; y < to.height; ++y) {
        const float* const in = input.data + i * from.plane() + y * g.y.stride * from.row();
        float* const out = plane + to.pixel(y, 0);
        for (int64_t lane = 0; lane < kBlockChannels; lane += kernels.lanes)
          kernels.correlate_own(row, in + lane, weights.data<float>() + (first + lane) * taps,
                                biases.data() + first + lane, out + lane);
        prepared.done(out - result.data, to.width * kBlockChannels, out);
      }
      to.clear_border(plane, 0, to.height);
    }
  });
}

template <class T>
void depthwise_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input) {
  const auto& kernels = isa_table<LaneKernels<T>>();
  const ChannelBlocks<T> blocks(g);
  const ResidueAxis ys(g.y), xs(g.x);
  const LanePlane plane = gradient_plane(ys, xs);
  const std::vector<T> all = in_lanes(blocks, g.kernel_size(), weight), zeros(static_cast<size_t>(blocks.lanes), T(0));
  std::vector<ResiduePass> passes;
  std::vector<std::vector<T>> weights;
  for (const Residue& y : ys.residues)
    for (const Residue& x : xs.residues) {
      passes.emplace_back(g, y, x, plane, blocks.lanes);
      weights.push_back(chosen_taps(all, blocks.count(), g.kernel_size(), passes.back().taps, blocks.lanes));
    }
  const int64_t results = g.pixels() * blocks.lanes, work = g.out_pixels() * blocks.lanes * g.kernel_size() / 8;
  parallel_for(0, g.images * blocks.count(), grain_for(work), [&](int64_t begin, int64_t end) {
    const Tensor source = scratch<T>(plane.padded_pixels() * blocks.lanes), result = scratch<T>(results);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / blocks.count(), b = i % blocks.count();
      const ChannelBlock block = blocks[b];
      pack(grad, image, blocks, block, plane, source.data<T>());
      for (size_t r = 0; r < passes.size(); ++r) {
        LanePass pass = passes[r].pass;
        pass.offsets = passes[r].offsets.data();
        kernels.correlate_own(pass, source.data<T>() + passes[r].in_start,
                              weights[r].data() + b * pass.taps * blocks.lanes, zeros.data(),
                              result.data<T>() + passes[r].out_start);
      }
      kernels.unpack(result.data<T>(), 1, g.pixels(), input + (image * g.groups + block.first) * g.pixels(), g.pixels(),
                     block.count);
    }
  });
}

template <class T>
void depthwise_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight) {
  const auto& kernels = isa_table<LaneKernels<T>>();
  const ChannelBlocks<T> blocks(g);
  const LanePlane plane = input_plane(g), out_plane{g.y.out, g.x.out, 0, 0, g.y.out, g.x.out};
  const std::vector<int64_t> offsets = forward_offsets(g, plane, blocks.lanes);
  const LanePass pass = forward_pass(g, plane, blocks.lanes, offsets);
  const int64_t slots = std::min(g.images, kSlots), size = pass.taps * blocks.lanes, all = blocks.count() * size;
  const int64_t work = g.out_pixels() * size / 8 * ((g.images + slots - 1) / slots);
  std::vector<T> sums(static_cast<size_t>(slots * all), T(0));
  parallel_for(0, slots * blocks.count(), grain_for(work), [&](int64_t begin, int64_t end) {
    const Tensor source = scratch<T>(plane.padded_pixels() * blocks.lanes),
                 grads = scratch<T>(g.out_pixels() * blocks.lanes);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slot = i / blocks.count(), b = i % blocks.count();
      for (int64_t image = slot * g.images / slots; image < (slot + 1) * g.images / slots; ++image)
        kernels.own_gradient(pass, pack(input, image, blocks, blocks[b], plane, source.data<T>()),
                             pack(grad, image, blocks, blocks[b], out_plane, grads.data<T>()),
                             sums.data() + slot * all + b * size);
    }
  });
  for (int64_t c = 0; c < g.groups; ++c)
    for (int64_t t = 0; t < pass.taps; ++t) {
      const T* from = sums.data() + (c / blocks.lanes * pass.taps + t) * blocks.lanes + c % blocks.lanes;
      T sum = from[0];
      for (int64_t slot = 1; slot < slots; ++slot) sum += from[slot * all];
      weight[c * pass.taps + t] = sum;
    }
}

template void depthwise_forward<float>(const ConvolutionGeometry&, const float*, const float*, const float*, float*);
template void depthwise_forward<double>(const ConvolutionGeometry&, const double*, const double*, const double*,
                                        double*);
template void depthwise_backward_input<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void depthwise_backward_input<double>(const ConvolutionGeometry&, const double*, const double*, double*);
template void depthwise_backward_weight<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void depthwise_backward_weight<double>(const ConvolutionGeometry&, const double*, const double*, double*);

}  // namespace tw::cpu
