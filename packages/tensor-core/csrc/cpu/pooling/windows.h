// Windows over volumes of up to three dimensions: which inputs each result covers, direction by direction.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <vector>

#include "cpu/staging.h"
#include "threads/pool.h"

namespace tw::cpu {

// The inputs first, first + step, ... below `last` of one result in one direction.
struct WindowRange {
  int64_t first, last, step;
  int64_t counted;  // how many a mean's divisor counts
};

// Windows at equal distances: tap k of window i is input i * stride - padding + k * dilation.
struct WindowSteps {
  int64_t kernel = 0, stride = 1, padding = 0, dilation = 1;

  bool any() const { return kernel > 0; }
};

struct WindowAxis {
  int64_t size = 1, out = 1;
  std::vector<WindowRange> ranges;  // of windows of other kinds
  WindowSteps steps;                // if the windows are such
  bool count_padding = false;       // in the divisors of such windows

  WindowRange range(int64_t i) const { return steps.any() ? stepped(i) : ranges[static_cast<size_t>(i)]; }

 private:
  WindowRange stepped(int64_t i) const {
    const int64_t start = i * steps.stride - steps.padding, step = steps.dilation;
    const int64_t skipped = start < 0 ? (-start + step - 1) / step : 0;
    const int64_t first = start + skipped * step, end = start + (steps.kernel - 1) * step + 1;
    const int64_t last = std::max(std::min(end, size), first);
    const int64_t reach = std::min(start + steps.kernel, size + steps.padding);  // means have no dilation
    return {first, last, step, count_padding ? reach - start : last - first};
  }
};

// Directions that an op has fewer of than three are leading ones of size 1.
struct WindowPlan {
  WindowAxis z, y, x;
  int64_t volumes = 1;
  int64_t in_volume() const { return z.size * y.size * x.size; }
  int64_t out_volume() const { return z.out * y.out * x.out; }
};

struct WindowArguments {
  IntList kernel, stride, padding, dilation;  // an empty padding or dilation: none
  bool count_padding = false;
};

WindowPlan pooled_windows(IntList input, IntList output, const WindowArguments& arguments);
// `dims` directions of near-equal windows that cover everything.
WindowPlan adaptive_windows(IntList input, IntList output, size_t dims);
// Sizes alone.
WindowPlan volumes_of(IntList input, IntList output, size_t dims);

// Steps of a loop over a window.
inline int64_t taps_of(const WindowRange& z, const WindowRange& y, const WindowRange& x) {
  return (z.last - z.first) * (y.last - y.first) * (x.last - x.first) + 1;
}

// f(z, y, x) with the ranges of each window of a volume, in the order of the results.
template <class F>
void for_each_window(const WindowPlan& w, F&& f) {
  threads::Paces paces;
  for (int64_t iz = 0; iz < w.z.out; ++iz) {
    const WindowRange z = w.z.range(iz);
    for (int64_t iy = 0; iy < w.y.out; ++iy) {
      const WindowRange y = w.y.range(iy);
      for (int64_t ix = 0; ix < w.x.out; ++ix) {
        const WindowRange x = w.x.range(ix);
        f(z, y, x);
        paces.took(taps_of(z, y, x));
      }
    }
  }
}

template <class F>
void for_each_volume(int64_t volumes, int64_t work_per_volume, F&& f) {
  parallel_for(0, volumes, grain_for(work_per_volume), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p);
  });
}

}  // namespace tw::cpu
