#include "cpu/pooling/windows.h"

#include <tensorwright/checked.hpp>

namespace tw::cpu {
namespace {

// Sums of these numbers stay far from the ends of 64 bits. A step that leads out of the input may be any longer.
WindowSteps bounded(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  constexpr int64_t kFar = int64_t{1} << 61;
  return {checked::within(kernel, 1, 2 * kFar), std::clamp<int64_t>(stride, 1, 2 * kFar),
          checked::within(padding, 0, kFar), std::clamp<int64_t>(dilation, 1, std::max<int64_t>(size, 1))};
}

WindowAxis adaptive_axis(int64_t size, int64_t out) {
  WindowAxis axis{size, out, {}, {}};
  for (int64_t i = 0; i < out; ++i) {
    const int64_t first = i * size / out, last = ((i + 1) * size + out - 1) / out;
    axis.ranges.push_back({first, last, 1, last - first});
  }
  return axis;
}

// `axis(size, out, d)` for each direction.
template <class F>
WindowPlan plan_of(IntList input, IntList output, size_t dims, F&& axis) {
  WindowPlan plan;
  const WindowAxis one{1, 1, {{0, 1, 1, 1}}, {}};
  plan.z = plan.y = plan.x = one;
  WindowAxis* const axes[3] = {&plan.z, &plan.y, &plan.x};
  const size_t first = input.size() - dims;
  for (size_t d = 0; d < first; ++d) plan.volumes *= input[d];
  bool is_empty = plan.volumes == 0;
  for (int64_t size : output) is_empty = is_empty || size == 0;
  for (size_t d = 0; d < dims; ++d) {
    WindowAxis& a = *axes[3 - dims + d];
    a = is_empty ? WindowAxis{input[first + d], 0, {}, {}}  // nothing to go through, also where one is huge
                 : axis(input[first + d], output[first + d], d);
  }
  return plan;
}

}  // namespace

WindowPlan pooled_windows(IntList input, IntList output, const WindowArguments& arguments) {
  const auto value = [](IntList list, size_t d, int64_t absent) { return list.empty() ? absent : list[d]; };
  return plan_of(input, output, arguments.kernel.size(), [&](int64_t size, int64_t out, size_t d) {
    const int64_t kernel = arguments.kernel[d];
    const WindowSteps steps = bounded(size, kernel, value(arguments.stride, d, kernel), value(arguments.padding, d, 0),
                                      value(arguments.dilation, d, 1));
    return WindowAxis{size, out, {}, steps, arguments.count_padding};
  });
}

WindowPlan adaptive_windows(IntList input, IntList output, size_t dims) {
  return plan_of(input, output, dims, [](int64_t size, int64_t out, size_t) { return adaptive_axis(size, out); });
}

WindowPlan volumes_of(IntList input, IntList output, size_t dims) {
  return plan_of(input, output, dims, [](int64_t size, int64_t out, size_t) { return WindowAxis{size, out, {}, {}}; });
}

}  // namespace tw::cpu
