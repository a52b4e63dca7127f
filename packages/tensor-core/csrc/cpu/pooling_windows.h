// Windows over volumes of up to three dimensions: which inputs each result covers, direction by direction.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <optional>
#include <vector>

#include "cpu/staging.h"

namespace tw::cpu {

// The inputs first, first + step, ... below `last` of one result in one direction.
struct WindowRange {
  int64_t first, last, step;
  int64_t counted;  // how many a mean's divisor counts
};

// Windows at equal distances: tap k of window i is input i * stride - padding + k * dilation.
struct WindowSteps {
  int64_t kernel, stride, padding, dilation;
};

struct WindowAxis {
  int64_t size = 1, out = 1;
  std::vector<WindowRange> ranges;
  std::optional<WindowSteps> steps;  // if the windows are such
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

template <class F>
void for_each_volume(int64_t volumes, int64_t work_per_volume, F&& f) {
  parallel_for(0, volumes, grain_for(work_per_volume), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p);
  });
}

}  // namespace tw::cpu
