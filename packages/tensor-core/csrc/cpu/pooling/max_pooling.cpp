// Maxima over windows of volumes, with where they were found, and their gradient; every volume is independent.
#include <limits>
#include <tensorwright/checked.hpp>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/pooling/windows.h"
#include "cpu/staging.h"
#include "declarations/pooling.h"

namespace tw::cpu {
namespace {

template <class T>
constexpr T kLeast =
    std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();

template <class T>
struct Found {
  T value;
  int64_t place;
};

// The first of the largest values, NaN being the largest. A window that dilation leads around the input finds nothing.
template <class T>
Found<T> max_of_window(const WindowPlan& w, const WindowRange& zs, const WindowRange& ys, const WindowRange& xs,
                       const T* in) {
  const int64_t corner = (zs.first * w.y.size + ys.first) * w.x.size + xs.first;
  Found<T> best{kLeast<T>, std::min(corner, w.in_volume() - 1)};
  for (int64_t z = zs.first; z < zs.last; z += zs.step)
    for (int64_t y = ys.first; y < ys.last; y += ys.step) {
      const int64_t row = (z * w.y.size + y) * w.x.size;
      for (int64_t x = xs.first; x < xs.last; x += xs.step) {
        const T value = in[row + x];
        if (value > best.value || value != value) best = {value, row + x};
        if (best.value != best.value) return best;  // the first NaN stays
      }
    }
  return best;
}

template <class T>
void max_of_volume(const WindowPlan& w, const T* in, T* values, int64_t* indices) {
  for_each_window(w, [&](const WindowRange& zs, const WindowRange& ys, const WindowRange& xs) {
    const Found<T> found = max_of_window(w, zs, ys, xs, in);
    *values++ = found.value;
    if (indices) *indices++ = found.place;
  });
}

// Neighbouring results of a row at once, tap by tap: nothing to branch on. As many as stay in the nearest cache.
constexpr int64_t kRowPiece = 1024;
template <class T>
struct RowMaxima {
  T values[kRowPiece];
  int32_t places[kRowPiece];  // as wide as the values, mostly
};

template <class T>
void consider_tap(const T* __restrict in, int64_t stride, int32_t place, int64_t count, T* __restrict best,
                  int32_t* __restrict best_place) {
  for (int64_t i = 0; i < count; ++i) {
    const T value = in[i * stride], before = best[i];
    const bool better = (value > before) | ((value != value) & (before == before));  // the first NaN stays
    best[i] = better ? value : before;
    best_place[i] = better ? place + static_cast<int32_t>(i * stride) : best_place[i];
  }
}

// Results [begin, end) of a row.
template <class T>
void max_of_row(const WindowPlan& w, const WindowRange& zs, const WindowRange& ys, int64_t begin, int64_t end,
                const T* in, RowMaxima<T>& row) {
  const WindowSteps steps = w.x.steps;
  const int64_t corner = (zs.first * w.y.size + ys.first) * w.x.size;
  for (int64_t i = begin; i < end; ++i) {
    row.values[i - begin] = kLeast<T>;
    row.places[i - begin] = static_cast<int32_t>(std::min(corner + w.x.range(i).first, w.in_volume() - 1));
  }
  // Taps that no window of these has inside of the input are left out: there may be any number of them.
  const int64_t before = steps.padding - (end - 1) * steps.stride;
  const int64_t behind = w.x.size - 1 + steps.padding - begin * steps.stride;
  const int64_t first_tap = before > 0 ? (before - 1) / steps.dilation + 1 : 0;
  const int64_t end_tap = behind < 0 ? 0 : std::min(steps.kernel, behind / steps.dilation + 1);
  for (int64_t z = zs.first; z < zs.last; z += zs.step)
    for (int64_t y = ys.first; y < ys.last; y += ys.step)
      for (int64_t k = first_tap; k < end_tap; ++k) {
        const int64_t start = k * steps.dilation - steps.padding, room = w.x.size - 1 - start;
        const int64_t first = std::max(begin, start < 0 ? (-start + steps.stride - 1) / steps.stride : 0);
        const int64_t last = room < 0 ? 0 : std::min(room / steps.stride + 1, end);
        if (first >= last) continue;
        const int64_t place = (z * w.y.size + y) * w.x.size + start + first * steps.stride;
        consider_tap(in + place, steps.stride, static_cast<int32_t>(place), last - first, row.values + first - begin,
                     row.places + first - begin);
      }
}

template <class T>
void max_of_volume_by_rows(const WindowPlan& w, const T* in, T* values, int64_t* indices) {
  RowMaxima<T> row;
  threads::Paces paces;
  for (int64_t iz = 0; iz < w.z.out; ++iz)
    for (int64_t iy = 0; iy < w.y.out; ++iy)
      for (int64_t begin = 0; begin < w.x.out; begin += kRowPiece) {
        const WindowRange zs = w.z.range(iz), ys = w.y.range(iy);
        const int64_t end = std::min(begin + kRowPiece, w.x.out);
        max_of_row(w, zs, ys, begin, end, in, row);
        values = std::copy(row.values, row.values + (end - begin), values);
        if (indices) indices = std::copy(row.places, row.places + (end - begin), indices);
        paces.took((end - begin) * taps_of(zs, ys, w.x.range(begin)));
      }
}

// The windows of a row that lie inside of the input have the same taps; the others are looked at one by one.
template <class T>
void max_of_inner_windows(const WindowPlan& w, const T* in, T* values, int64_t* indices) {
  const WindowSteps& steps = w.x.steps;
  const int64_t first = checked::within((steps.padding + steps.stride - 1) / steps.stride, 0, w.x.out);
  const int64_t room = w.x.size - 1 - (steps.kernel - 1) * steps.dilation + steps.padding;
  const int64_t last = room < 0 ? first : checked::within(room / steps.stride + 1, first, w.x.out);
  std::vector<int64_t> offsets;
  threads::Paces paces;
  for (int64_t iz = 0; iz < w.z.out; ++iz)
    for (int64_t iy = 0; iy < w.y.out; ++iy) {
      const WindowRange zs = w.z.range(iz), ys = w.y.range(iy);
      offsets.clear();
      for (int64_t z = zs.first; z < zs.last; z += zs.step)
        for (int64_t y = ys.first; y < ys.last; y += ys.step)
          for (int64_t k = 0; k < steps.kernel && first < last; ++k)
            offsets.push_back((z * w.y.size + y) * w.x.size + k * steps.dilation);
      const bool inner = !offsets.empty();
      for (int64_t i = 0; i < w.x.out; ++i) {
        if (inner && i == first) i = last;
        if (i == w.x.out) break;
        const Found<T> found = max_of_window(w, zs, ys, w.x.range(i), in);
        values[i] = found.value;
        if (indices) indices[i] = found.place;
      }
      const int64_t column = first * steps.stride - steps.padding;
      if (inner)
        isa_table<PoolingKernels<T>>().max_of_taps(last - first, std::min(steps.stride, w.x.size),
                                                   static_cast<int64_t>(offsets.size()), offsets.data(), in + column,
                                                   column, values + first, indices ? indices + first : nullptr);
      values += w.x.out;
      if (indices) indices += w.x.out;
      paces.took(w.x.out * (1 + static_cast<int64_t>(offsets.size())));
    }
}

// Windows of 2 x 2 that touch and fit: the usual case.
template <class T>
void max_of_plane_2x2(const WindowPlan& w, const T* in, T* values, int64_t* indices) {
  const auto rows = isa_table<PoolingKernels<T>>().max_2x2;
  for (int64_t oy = 0; oy < w.y.out; ++oy) {
    const int64_t row = 2 * oy * w.x.size;
    rows(w.x.out, in + row, w.x.size, row, values + oy * w.x.out, indices ? indices + oy * w.x.out : nullptr);
  }
}

bool is_2x2(const WindowPlan& w) {
  const auto plain = [](const WindowAxis& a) {
    return a.steps.kernel == 2 && a.steps.stride == 2 && a.steps.padding == 0 && a.steps.dilation == 1 &&
           2 * a.out <= a.size;
  };
  return w.z.size == 1 && w.z.out == 1 && plain(w.y) && plain(w.x) &&
         w.in_volume() <= std::numeric_limits<int32_t>::max();
}

constexpr int64_t kMostTaps = 1024;  // that are listed
int64_t taps_of(const WindowPlan& w) {
  const auto taps = [](const WindowAxis& a) {
    int64_t most = 0;
    for (int64_t i = 0; i < a.out; ++i) {
      const WindowRange r = a.range(i);
      most = std::max(most, r.last > r.first ? (r.last - r.first - 1) / r.step + 1 : 0);
    }
    return static_cast<double>(most);
  };
  const double all = taps(w.z) * taps(w.y) * static_cast<double>(w.x.steps.kernel);
  return static_cast<int64_t>(std::min(all, 1e9));
}

template <class T>
using VolumeMax = void (*)(const WindowPlan&, const T*, T*, int64_t*);
template <class T>
VolumeMax<T> volume_max(const WindowPlan& w) {
  const bool by_rows = w.x.steps.any() && w.x.out >= 4 && w.in_volume() <= std::numeric_limits<int32_t>::max();
  if constexpr (std::is_floating_point_v<T>) {
    if (is_2x2(w)) return max_of_plane_2x2<T>;
    if (by_rows && taps_of(w) <= kMostTaps) return max_of_inner_windows<T>;
  }
  if (by_rows) return max_of_volume_by_rows<T>;
  return max_of_volume<T>;
}

// `indices` may be null.
void run_max(const WindowPlan& w, int64_t window_size, TensorRef self, TensorRef values, TensorRef indices) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(values, dtype);
  visit_ordered("max pooling", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const VolumeMax<T> run = volume_max<T>(w);
    for_each_volume(w.volumes, w.out_volume() * window_size, [&](int64_t p) {
      run(w, input.data<T>() + p * w.in_volume(), result.data<T>() + p * w.out_volume(),
          indices ? indices.data<int64_t>() + p * w.out_volume() : nullptr);
    });
  });
  result.commit();
}

void run_pooled_max(TensorRef self, IntList kernel, std::optional<IntList> stride, IntList padding, IntList dilation,
                    TensorRef values, TensorRef indices) {
  const WindowPlan w =
      pooled_windows(self.shape(), values.shape(), {kernel, stride.value_or(IntList()), padding, dilation});
  int64_t window_size = 1;
  for (int64_t k : kernel) window_size = checked::mul(window_size, k);
  run_max(w, std::clamp<int64_t>(window_size, 0, w.in_volume()), self, values, indices);
}

void run_adaptive_max(TensorRef self, size_t dims, TensorRef values, TensorRef indices) {
  const WindowPlan w = adaptive_windows(self.shape(), values.shape(), dims);
  run_max(w, w.in_volume() / std::max<int64_t>(w.out_volume(), 1) + 1, self, values, indices);
}

// ---- windows at pseudo-random places (Graham 2014) -----------------------------------------------------------------

// Windows start at floor((i + sample) * alpha) - floor(sample * alpha), the last one at the end.
template <class T>
void set_fractional(WindowAxis& axis, int64_t kernel, T sample) {
  if (!(sample >= 0 && sample <= 1))
    throw fail(TW_E_VALUE, "fractional_max_pool: random samples must be between 0 and 1, got ", sample);
  const int64_t length = checked::within(kernel, 1, axis.size), room = axis.size - length;
  const T alpha = axis.out > 1 ? static_cast<T>(room) / static_cast<T>(axis.out - 1) : T(0);
  axis.ranges.clear();
  for (int64_t i = 0; i < axis.out; ++i) {
    const T place = (static_cast<T>(i) + sample) * alpha;
    int64_t first = i == axis.out - 1 ? room : static_cast<int64_t>(place) - static_cast<int64_t>(sample * alpha);
    first = std::clamp<int64_t>(first, 0, room);
    axis.ranges.push_back({first, first + length, 1, length});
  }
}

void run_fractional_max(TensorRef self, IntList kernel, TensorRef random_samples, TensorRef values, TensorRef indices) {
  const size_t dims = kernel.size();
  const WindowPlan sizes = volumes_of(self.shape(), values.shape(), dims);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), samples = dense(random_samples, dtype);
  StagedResult result(values, dtype);
  visit_floating("fractional max pooling", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_volume(sizes.volumes, sizes.out_volume() * 8, [&](int64_t p) {
      const T* sample = samples.data<T>() + p * static_cast<int64_t>(dims);
      WindowPlan w = sizes;
      // Of two samples the first is the columns', of three the first is the depths'.
      set_fractional(w.x, kernel[dims - 1], dims == 2 ? sample[0] : sample[2]);
      set_fractional(w.y, kernel[dims - 2], sample[1]);
      if (dims == 3) set_fractional(w.z, kernel[0], sample[0]);
      max_of_volume(w, input.data<T>() + p * w.in_volume(), result.data<T>() + p * w.out_volume(),
                    indices.data<int64_t>() + p * w.out_volume());
    });
  });
  result.commit();
}

}  // namespace

void max_pool2d_with_indices(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                             IntList dilation, bool /*ceil_mode: in the result's shape*/, TensorRef values,
                             TensorRef indices) {
  run_pooled_max(self, kernel_size, stride, padding, dilation, values, indices);
}

void max_pool_values(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                     IntList dilation, bool /*ceil_mode: in the result's shape*/, TensorRef out) {
  run_pooled_max(self, kernel_size, stride, padding, dilation, out, nullptr);
}

void adaptive_max_pool2d(TensorRef self, IntList output_size, TensorRef values, TensorRef indices) {
  run_adaptive_max(self, output_size.size(), values, indices);
}

void fractional_max_pool2d(TensorRef self, IntList kernel_size, IntList /*output_size*/, TensorRef random_samples,
                           TensorRef values, TensorRef indices) {
  run_fractional_max(self, kernel_size, random_samples, values, indices);
}

void max_pool3d_with_indices(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                             IntList dilation, bool /*ceil_mode: in the result's shape*/, TensorRef values,
                             TensorRef indices) {
  run_pooled_max(self, kernel_size, stride, padding, dilation, values, indices);
}

void adaptive_max_pool3d(TensorRef self, IntList output_size, TensorRef values, TensorRef indices) {
  run_adaptive_max(self, output_size.size(), values, indices);
}

void fractional_max_pool3d(TensorRef self, IntList kernel_size, IntList /*output_size*/, TensorRef random_samples,
                           TensorRef values, TensorRef indices) {
  run_fractional_max(self, kernel_size, random_samples, values, indices);
}

void max_pool_backward(TensorRef grad, TensorRef indices, IntList input_shape, int64_t dims, TensorRef out) {
  const WindowPlan w = volumes_of(input_shape, grad.shape(), static_cast<size_t>(dims));
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), places = dense(indices);
  StagedResult result(out, dtype);
  visit_floating("max_pool_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_volume(w.volumes, w.in_volume() + w.out_volume(), [&](int64_t p) {
      T* volume = result.data<T>() + p * w.in_volume();
      std::fill_n(volume, w.in_volume(), T(0));
      const T* from = grads.data<T>() + p * w.out_volume();
      const int64_t* place = places.data<int64_t>() + p * w.out_volume();
      for (int64_t i = 0; i < w.out_volume(); ++i) {
        if (place[i] < 0 || place[i] >= w.in_volume())
          throw fail(TW_E_INDEX, "max_pool_backward: index ", place[i], " is out of range for ", w.in_volume(),
                     " elements");
        volume[place[i]] += from[i];
      }
    });
  });
  result.commit();
}

}  // namespace tw::cpu
