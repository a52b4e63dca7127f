// Means over windows of volumes, and their gradients; every volume is independent.
#include "declarations/pooling.h"
#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/pooling/windows.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

struct MeanPlan {
  WindowPlan windows;
  std::optional<int64_t> divisor;
  bool is_adaptive = false;
};

template <class T>
T divisor_of(const MeanPlan& plan, const WindowRange& z, const WindowRange& y, const WindowRange& x) {
  return static_cast<T>(plan.divisor ? static_cast<double>(*plan.divisor)
                                     : static_cast<double>(z.counted) * static_cast<double>(y.counted) *
                                           static_cast<double>(x.counted));
}

template <class T>
void mean_of_volume(const MeanPlan& plan, const T* in, T* out) {
  const WindowPlan& w = plan.windows;
  for_each_window(w, [&](const WindowRange& zs, const WindowRange& ys, const WindowRange& xs) {
    T sum = 0;
    for (int64_t z = zs.first; z < zs.last; ++z)
      for (int64_t y = ys.first; y < ys.last; ++y) {
        const T* row = in + (z * w.y.size + y) * w.x.size;
        for (int64_t x = xs.first; x < xs.last; ++x) sum += row[x];
      }
    *out++ = sum / divisor_of<T>(plan, zs, ys, xs);
  });
}

// One window over everything.
template <class T>
void mean_of_all(const MeanPlan& plan, const T* in, T* out) {
  const int64_t count = plan.windows.in_volume();
  *out = isa_table<BatchNormKernels<T>>().sum(count, in) / static_cast<T>(count);
}

bool covers_all(const WindowPlan& w) {
  const auto whole = [](const WindowAxis& a) {
    if (a.out != 1) return false;
    const WindowRange only = a.range(0);
    return only.first == 0 && only.last == a.size;
  };
  return w.in_volume() > 0 && whole(w.z) && whole(w.y) && whole(w.x);
}

template <class T>
void spread_over_volume(const MeanPlan& plan, const T* grad, T* in) {
  const WindowPlan& w = plan.windows;
  std::fill_n(in, w.in_volume(), T(0));
  for_each_window(w, [&](const WindowRange& zs, const WindowRange& ys, const WindowRange& xs) {
    const T share = *grad++ / divisor_of<T>(plan, zs, ys, xs);
    for (int64_t z = zs.first; z < zs.last; ++z)
      for (int64_t y = ys.first; y < ys.last; ++y) {
        T* row = in + (z * w.y.size + y) * w.x.size;
        for (int64_t x = xs.first; x < xs.last; ++x) row[x] += share;
      }
  });
}

void run_mean(const MeanPlan& plan, TensorRef from, TensorRef to, bool backward) {
  const tw_dtype dtype = compute_dtype(to.dtype());
  const Tensor source = dense(from, dtype);
  StagedResult result(to, dtype);
  const int64_t in_volume = plan.windows.in_volume(), out_volume = plan.windows.out_volume();
  visit_floating("average pooling", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* in = source.data<T>();
    T* out = result.data<T>();
    const auto mean = plan.is_adaptive && covers_all(plan.windows) ? mean_of_all<T> : mean_of_volume<T>;
    for_each_volume(plan.windows.volumes, in_volume + out_volume, [&](int64_t p) {
      if (backward)
        spread_over_volume(plan, in + p * out_volume, out + p * in_volume);
      else
        mean(plan, in + p * in_volume, out + p * out_volume);
    });
  });
  result.commit();
}

MeanPlan mean_plan(IntList input, IntList output, IntList kernel, std::optional<IntList> stride, IntList padding,
                   bool count_padding, std::optional<int64_t> divisor) {
  return {pooled_windows(input, output, {kernel, stride.value_or(IntList()), padding, {}, count_padding}), divisor,
          false};
}

}  // namespace

void avg_pool2d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool /*ceil_mode*/,
                bool count_include_pad, std::optional<int64_t> divisor_override, TensorRef out) {
  run_mean(mean_plan(self.shape(), out.shape(), kernel_size, stride, padding, count_include_pad, divisor_override),
           self, out, false);
}

void avg_pool3d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool /*ceil_mode*/,
                bool count_include_pad, std::optional<int64_t> divisor_override, TensorRef out) {
  run_mean(mean_plan(self.shape(), out.shape(), kernel_size, stride, padding, count_include_pad, divisor_override),
           self, out, false);
}

void avg_pool_backward(TensorRef grad, IntList input_shape, IntList kernel_size, std::optional<IntList> stride,
                       IntList padding, bool /*ceil_mode*/, bool count_include_pad,
                       std::optional<int64_t> divisor_override, TensorRef out) {
  run_mean(mean_plan(input_shape, grad.shape(), kernel_size, stride, padding, count_include_pad, divisor_override),
           grad, out, true);
}

void adaptive_avg_pool2d(TensorRef self, IntList output_size, TensorRef out) {
  run_mean({adaptive_windows(self.shape(), out.shape(), output_size.size()), std::nullopt, true}, self, out, false);
}

void adaptive_avg_pool3d(TensorRef self, IntList output_size, TensorRef out) {
  run_mean({adaptive_windows(self.shape(), out.shape(), output_size.size()), std::nullopt, true}, self, out, false);
}

void adaptive_avg_pool_backward(TensorRef grad, IntList input_shape, int64_t dims, TensorRef out) {
  run_mean({adaptive_windows(input_shape, grad.shape(), static_cast<size_t>(dims)), std::nullopt, true}, grad, out,
           true);
}

}  // namespace tw::cpu
