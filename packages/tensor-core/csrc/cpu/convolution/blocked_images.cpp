#include "cpu/convolution/blocked_images.h"

#include <limits>

#include "cpu/pooling/windows.h"
#include "threads/pool.h"

namespace tw::cpu {

// ---- maxima ---------------------------------------------------------------------------------------------------------

namespace {

// Neighbouring windows of a row with the same taps.
struct WindowRun {
  int64_t first, last;
  WindowRange taps;
};

std::vector<WindowRun> runs_of(const WindowAxis& axis) {
  std::vector<WindowRun> runs;
  const auto count = [](const WindowRange& r) { return (r.last - r.first + r.step - 1) / r.step; };
  for (int64_t i = 0; i < axis.out; ++i) {
    const WindowRange range = axis.range(i);
    const bool goes_on = !runs.empty() && count(runs.back().taps) == count(range) &&
                         range.first - runs.back().taps.first == (i - runs.back().first) * axis.steps.stride;
    if (goes_on)
      runs.back().last = i + 1;
    else
      runs.push_back({i, i + 1, range});
  }
  return runs;
}

class MaximaOfBlocks {
 public:
  MaximaOfBlocks(const WindowPlan& windows, const BlockedImages& input, const BlockedImages& result)
      : windows_(windows), runs_(runs_of(windows.x)), input_(input), result_(result) {}

  // Of one row of one block.
  void row(const float* in, float* out, int64_t y, std::vector<int64_t>& offsets) const {
    const WindowRange ys = windows_.y.range(y);
    for (const WindowRun& run : runs_) {
      offsets.clear();
      for (int64_t iy = ys.first; iy < ys.last; iy += ys.step)
        for (int64_t ix = run.taps.first; ix < run.taps.last; ix += run.taps.step)
          offsets.push_back(input_.pixel(iy, ix));
      float* values = out + result_.pixel(y, run.first);
      if (offsets.empty())  // dilation leads around the image
        std::fill_n(values, (run.last - run.first) * kBlockChannels, -std::numeric_limits<float>::infinity());
      else
        isa_table<PoolingKernels<float>>().max_of_block(
            run.last - run.first, std::min(windows_.x.steps.stride, input_.width) * kBlockChannels,
            static_cast<int64_t>(offsets.size()), offsets.data(), in, values);
    }
  }

 private:
  const WindowPlan& windows_;
  std::vector<WindowRun> runs_;
  const BlockedImages &input_, &result_;
};

}  // namespace

void blocked_max_pool(const PoolingArguments& a, int64_t images, const ImageMemory& input, const ImageMemory& result) {
  const BlockedImages &from = input.images, &to = result.images;
  const int64_t in_shape[] = {images, from.channels, from.height, from.width};
  const int64_t out_shape[] = {images, to.channels, to.height, to.width};
  const WindowPlan windows =
      pooled_windows(IntList(in_shape, 4), IntList(out_shape, 4), {a.kernel, a.stride, a.padding, a.dilation});
  const MaximaOfBlocks maxima(windows, from, to);
  const int64_t taps = windows.y.steps.kernel * windows.x.steps.kernel;
  parallel_for(0, images * to.blocks(), grain_for(to.height * to.width * taps), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> offsets;
    threads::Paces paces;
    for (int64_t i = begin; i < end; ++i) {
      float* plane = result.data + i * to.plane();
      for (int64_t y = 0; y < to.height; ++y, paces.took(to.width * taps))
        maxima.row(input.data + i * from.plane(), plane, y, offsets);
      to.clear_border(plane, 0, to.height);
    }
  });
}

// ---- to planes and back ---------------------------------------------------------------------------------------------

void move_images(int64_t images, const ImageMemory& input, const ImageMemory& result) {
  const auto& kernels = isa_table<ConvolutionKernels<float>>();
  const BlockedImages& blocks = (input.blocked ? input : result).images;
  const int64_t pixels = blocks.height * blocks.width, vectors = kBlockChannels / kernels.lanes;
  const bool at_once = blocks.border_x == 0;
  const int64_t rows = at_once ? 1 : blocks.height, cols = at_once ? pixels : blocks.width;
  parallel_for(0, images * blocks.blocks(), grain_for(pixels * kBlockChannels), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t planes = i * kBlockChannels * pixels;
      for (int64_t y = 0; y < rows; ++y) {
        const int64_t at = i * blocks.plane() + blocks.pixel(y, 0);
        if (input.blocked)
          kernels.channels_first(input.data + at, static_cast<int>(vectors), kBlockChannels, cols,
                                 result.data + planes + y * cols, pixels);
        else
          kernels.channels_last(input.data + planes + y * cols, pixels, kBlockChannels, cols, static_cast<int>(vectors),
                                result.data + at);
      }
      if (result.blocked) blocks.clear_border(result.data + i * blocks.plane(), 0, blocks.height);
    }
  });
}

}  // namespace tw::cpu
