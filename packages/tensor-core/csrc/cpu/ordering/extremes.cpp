// Extremes with their places along one dimension. NaN is the largest value for max, and what min finds first; of equal
// elements the first counts.
#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/ordering.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 64;  // neighbouring lines that one pass over the dimension compares

template <class T>
bool is_nan(T x) {
  return x != x;
}

struct Greater {
  template <class T>
  static bool before(T a, T b) {
    return a < b;
  }
  template <class T>
  static bool better(T a, T b) {
    return a > b || (is_nan(a) && !is_nan(b));
  }
};
struct Less {
  template <class T>
  static bool before(T a, T b) {
    return a > b;
  }
  template <class T>
  static bool better(T a, T b) {
    return a < b || (is_nan(a) && !is_nan(b));
  }
};

// The place of the extreme of one contiguous line of floats: its value by lanes, then where that is first.
template <class Order, class T>
int64_t extreme_place(const T* line, int64_t n) {
  constexpr int64_t kLanes = 16;
  T best[kLanes];
  bool any_nan = false;
  std::fill_n(best, kLanes, line[0]);
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) {
      const T x = line[k + l];
      best[l] = Order::before(best[l], x) ? x : best[l];
      any_nan |= x != x;
    }
  for (; k < n; ++k) {
    best[0] = Order::before(best[0], line[k]) ? line[k] : best[0];
    any_nan |= is_nan(line[k]);
  }
  if (any_nan) return std::find_if(line, line + n, is_nan<T>) - line;
  for (int64_t l = 1; l < kLanes; ++l) best[0] = Order::before(best[0], best[l]) ? best[l] : best[0];
  return std::find(line, line + n, best[0]) - line;
}

template <class Order, class T>
void extremes_of_lines(int64_t lines, int64_t n, const T* in, T* values, int64_t* places) {
  parallel_for(0, lines, grain_for(n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      places[i] = extreme_place<Order>(in + i * n, n);
      if (values) values[i] = in[i * n + places[i]];
    }
  });
}

template <class Order, class T>
void extremes(const DimSplit& s, const T* in, T* values, int64_t* places) {
  if constexpr (std::is_floating_point_v<T>)
    if (s.inner == 1) return extremes_of_lines<Order>(s.outer, s.size, in, values, places);
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  parallel_for(0, s.outer * strips, grain_for(s.size * std::min(s.inner, kStrip)), [&](int64_t begin, int64_t end) {
    T best[kStrip];
    int64_t place[kStrip];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / strips, first = i % strips * kStrip, width = std::min(kStrip, s.inner - first);
      const T* line = in + outer * s.size * s.inner + first;
      std::copy_n(line, width, best);
      std::fill_n(place, width, int64_t{0});
      for (int64_t k = 1; k < s.size; ++k)
        for (int64_t c = 0; c < width; ++c)
          if (Order::better(line[k * s.inner + c], best[c])) best[c] = line[k * s.inner + c], place[c] = k;
      if (values) std::copy_n(best, width, values + outer * s.inner + first);
      std::copy_n(place, width, places + outer * s.inner + first);
    }
  });
}

template <class Order>
void find_extremes(const char* op, TensorRef self, std::optional<int64_t> dim, TensorRef values, TensorRef indices) {
  if (indices.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  const int64_t flat[] = {self.numel()};
  const DimSplit split = dim ? DimSplit(self.shape(), *dim) : DimSplit({flat, 1}, 0);
  std::optional<StagedResult> result;
  if (values) result.emplace(values, dtype);
  visit_ordered(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    extremes<Order>(split, input.data<T>(), result ? result->data<T>() : nullptr, indices.data<int64_t>());
  });
  if (result) result->commit();
}

}  // namespace

void argmax(TensorRef self, std::optional<int64_t> dim, bool /*keepdim*/, TensorRef out) {
  find_extremes<Greater>("argmax", self, dim, nullptr, out);
}
void argmin(TensorRef self, std::optional<int64_t> dim, bool /*keepdim*/, TensorRef out) {
  find_extremes<Less>("argmin", self, dim, nullptr, out);
}
void max_dim(TensorRef self, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  find_extremes<Greater>("max", self, dim, values, indices);
}
void min_dim(TensorRef self, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  find_extremes<Less>("min", self, dim, values, indices);
}

}  // namespace tw::cpu
