// Maxima and means over windows of image planes; every plane is independent.
#include <algorithm>
#include <limits>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/staging.h"
#include "declarations/pooling.h"

namespace tw::cpu {
namespace {

// One direction of a window: where the windows start and what of them lies inside.
struct Axis {
  int64_t size, out_size, kernel, stride, padding, dilation;
  int64_t start(int64_t i) const { return i * stride - padding; }
  int64_t first_inside(int64_t i) const { return start(i) < 0 ? (-start(i) + dilation - 1) / dilation : 0; }
  int64_t last_inside(int64_t i) const {  // one past the last tap inside
    const int64_t room = size - start(i);
    return room <= 0 ? 0 : std::min(kernel, (room + dilation - 1) / dilation);
  }
};

struct Window {
  Axis y, x;
  int64_t planes;
  int64_t in_plane() const { return y.size * x.size; }
  int64_t out_plane() const { return y.out_size * x.out_size; }
};

Window window_of(IntList input, IntList output, IntList kernel, std::optional<IntList> stride, IntList padding,
                 IntList dilation) {
  const IntList step = stride ? *stride : kernel;
  const size_t n = input.size();
  int64_t planes = 1;
  for (size_t d = 0; d + 2 < n; ++d) planes *= input[d];
  return {{input[n - 2], output[n - 2], kernel[0], step[0], padding[0], dilation[0]},
          {input[n - 1], output[n - 1], kernel[1], step[1], padding[1], dilation[1]},
          planes};
}

template <class F>
void for_each_plane(int64_t planes, int64_t work_per_plane, F&& f) {
  parallel_for(0, planes, grain_for(work_per_plane), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p);
  });
}

// ---- maxima -----------------------------------------------------------------------------------------------

template <class T>
constexpr T kLeast =
    std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();

template <class T>
void max_of_plane(const Window& w, const T* in, T* values, int64_t* indices) {
  for (int64_t oy = 0; oy < w.y.out_size; ++oy) {
    const int64_t y0 = w.y.start(oy), first_y = w.y.first_inside(oy), last_y = w.y.last_inside(oy);
    for (int64_t ox = 0; ox < w.x.out_size; ++ox) {
      const int64_t x0 = w.x.start(ox), first_x = w.x.first_inside(ox), last_x = w.x.last_inside(ox);
      T best = kLeast<T>;
      int64_t place = (y0 + first_y * w.y.dilation) * w.x.size + x0 + first_x * w.x.dilation;
      for (int64_t ky = first_y; ky < last_y; ++ky) {
        const int64_t row = (y0 + ky * w.y.dilation) * w.x.size + x0;
        for (int64_t kx = first_x; kx < last_x; ++kx) {
          const T value = in[row + kx * w.x.dilation];
          if (value > best || value != value) best = value, place = row + kx * w.x.dilation;
          if (best != best) break;  // the first NaN stays
        }
        if (best != best) break;
      }
      *values++ = best;
      *indices++ = place;
    }
  }
}

// Windows of 2 x 2 that touch and fit: the usual case.
template <class T>
void max_of_plane_2x2(const Window& w, const T* in, T* values, int64_t* indices) {
  const auto rows = isa_table<PoolingKernels<T>>().max_2x2;
  for (int64_t oy = 0; oy < w.y.out_size; ++oy) {
    const int64_t row = 2 * oy * w.x.size;
    rows(w.x.out_size, in + row, w.x.size, row, values + oy * w.x.out_size, indices + oy * w.x.out_size);
  }
}

bool is_2x2(const Window& w) {
  const auto plain = [](const Axis& a) {
    return a.kernel == 2 && a.stride == 2 && a.padding == 0 && a.dilation == 1 && a.out_size * 2 <= a.size;
  };
  return plain(w.y) && plain(w.x) && w.in_plane() <= std::numeric_limits<int32_t>::max();
}

template <class T>
using PlaneMax = void (*)(const Window&, const T*, T*, int64_t*);
template <class T>
PlaneMax<T> plane_max(const Window& w) {
  if constexpr (std::is_floating_point_v<T>)
    if (is_2x2(w)) return max_of_plane_2x2<T>;
  return max_of_plane<T>;
}

// ---- means ------------------------------------------------------------------------------------------------

// Ranges of the input that a pooled row or column averages, and what it divides by.
struct MeanRange {
  int64_t first, last, counted;  // counted: how many the divisor counts in this direction
};

MeanRange pooled_range(const Axis& a, int64_t i, bool count_padding) {
  const int64_t start = a.start(i), end = std::min(start + a.kernel, a.size + a.padding);
  const int64_t first = std::max<int64_t>(start, 0), last = std::max(std::min(end, a.size), first);
  return {first, last, count_padding ? end - start : last - first};
}

MeanRange adaptive_range(const Axis& a, int64_t i) {
  const int64_t first = i * a.size / a.out_size, last = ((i + 1) * a.size + a.out_size - 1) / a.out_size;
  return {first, last, last - first};
}

std::vector<MeanRange> ranges_of(const Axis& a, bool adaptive, bool count_padding) {
  std::vector<MeanRange> ranges;
  for (int64_t i = 0; i < a.out_size; ++i)
    ranges.push_back(adaptive ? adaptive_range(a, i) : pooled_range(a, i, count_padding));
  return ranges;
}

struct MeanPlan {
  Window window;
  std::vector<MeanRange> rows, cols;
  std::optional<int64_t> divisor;
  MeanPlan(const Window& w, bool adaptive, bool count_padding, std::optional<int64_t> divisor_override)
      : window(w),
        rows(ranges_of(w.y, adaptive, count_padding)),
        cols(ranges_of(w.x, adaptive, count_padding)),
        divisor(divisor_override) {}
  template <class T>
  T divisor_at(const MeanRange& row, const MeanRange& col) const {
    return static_cast<T>(divisor ? *divisor : row.counted * col.counted);
  }
};

template <class T>
void mean_of_plane(const MeanPlan& plan, const T* in, T* out) {
  for (const MeanRange& row : plan.rows)
    for (const MeanRange& col : plan.cols) {
      T sum = 0;
      for (int64_t y = row.first; y < row.last; ++y)
        for (int64_t x = col.first; x < col.last; ++x) sum += in[y * plan.window.x.size + x];
      *out++ = sum / plan.divisor_at<T>(row, col);
    }
}

template <class T>
void spread_over_plane(const MeanPlan& plan, const T* grad, T* in) {
  std::fill_n(in, plan.window.in_plane(), T(0));
  for (const MeanRange& row : plan.rows)
    for (const MeanRange& col : plan.cols) {
      const T share = *grad++ / plan.divisor_at<T>(row, col);
      for (int64_t y = row.first; y < row.last; ++y)
        for (int64_t x = col.first; x < col.last; ++x) in[y * plan.window.x.size + x] += share;
    }
}

void run_mean(const char* op, const MeanPlan& plan, TensorRef from, TensorRef to, bool backward) {
  const tw_dtype dtype = compute_dtype(to.dtype());
  const Tensor source = dense(from, dtype);
  StagedResult result(to, dtype);
  const Window& w = plan.window;
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* in = source.data<T>();
    T* out = result.data<T>();
    for_each_plane(w.planes, w.in_plane() + w.out_plane(), [&](int64_t p) {
      if (backward)
        spread_over_plane(plan, in + p * w.out_plane(), out + p * w.in_plane());
      else
        mean_of_plane(plan, in + p * w.in_plane(), out + p * w.out_plane());
    });
  });
  result.commit();
}

constexpr int64_t kOnes[2] = {1, 1};
constexpr int64_t kZeros[2] = {0, 0};

Window adaptive_window(IntList input, IntList output) {
  return window_of(input, output, {kOnes, 2}, std::nullopt, {kZeros, 2}, {kOnes, 2});
}

}  // namespace

void max_pool2d_with_indices(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                             IntList dilation, bool /*ceil_mode: in the result's shape*/, TensorRef values,
                             TensorRef indices) {
  const Window w = window_of(self.shape(), values.shape(), kernel_size, stride, padding, dilation);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(values, dtype);
  visit_ordered("max_pool2d", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const PlaneMax<T> plane = plane_max<T>(w);
    for_each_plane(w.planes, w.out_plane() * w.y.kernel * w.x.kernel, [&](int64_t p) {
      plane(w, input.data<T>() + p * w.in_plane(), result.data<T>() + p * w.out_plane(),
            indices.data<int64_t>() + p * w.out_plane());
    });
  });
  result.commit();
}

void max_pool2d_backward(TensorRef grad, TensorRef indices, IntList input_shape, TensorRef out) {
  const Window w = window_of(input_shape, grad.shape(), {kOnes, 2}, std::nullopt, {kZeros, 2}, {kOnes, 2});
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), places = dense(indices);
  StagedResult result(out, dtype);
  visit_floating("max_pool2d_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_plane(w.planes, w.in_plane() + w.out_plane(), [&](int64_t p) {
      T* plane = result.data<T>() + p * w.in_plane();
      std::fill_n(plane, w.in_plane(), T(0));
      const T* from = grads.data<T>() + p * w.out_plane();
      const int64_t* place = places.data<int64_t>() + p * w.out_plane();
      for (int64_t i = 0; i < w.out_plane(); ++i) {
        if (place[i] < 0 || place[i] >= w.in_plane())
          throw fail(TW_E_INDEX, "max_pool2d_backward: index ", place[i], " is out of range for a plane of ",
                     w.in_plane(), " pixels");
        plane[place[i]] += from[i];
      }
    });
  });
  result.commit();
}

void avg_pool2d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool /*ceil_mode*/,
                bool count_include_pad, std::optional<int64_t> divisor_override, TensorRef out) {
  const Window w = window_of(self.shape(), out.shape(), kernel_size, stride, padding, {kOnes, 2});
  run_mean("avg_pool2d", MeanPlan(w, false, count_include_pad, divisor_override), self, out, false);
}

void avg_pool2d_backward(TensorRef grad, IntList input_shape, IntList kernel_size, std::optional<IntList> stride,
                         IntList padding, bool /*ceil_mode*/, bool count_include_pad,
                         std::optional<int64_t> divisor_override, TensorRef out) {
  const Window w = window_of(input_shape, grad.shape(), kernel_size, stride, padding, {kOnes, 2});
  run_mean("avg_pool2d_backward", MeanPlan(w, false, count_include_pad, divisor_override), grad, out, true);
}

void adaptive_avg_pool2d(TensorRef self, IntList /*output_size*/, TensorRef out) {
  run_mean("adaptive_avg_pool2d", MeanPlan(adaptive_window(self.shape(), out.shape()), true, false, std::nullopt), self,
           out, false);
}

void adaptive_avg_pool2d_backward(TensorRef grad, IntList input_shape, TensorRef out) {
  run_mean("adaptive_avg_pool2d_backward",
           MeanPlan(adaptive_window(input_shape, grad.shape()), true, false, std::nullopt), grad, out, true);
}

}  // namespace tw::cpu
