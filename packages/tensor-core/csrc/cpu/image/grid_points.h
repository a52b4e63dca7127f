// Where a point of a grid lies in an image or volume, and which elements its value is made of.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tw::cpu {

enum class GridMode : int64_t { kLinear, kNearest, kCubic };
enum class GridPadding : int64_t { kZeros, kBorder, kReflection };

// A coordinate in elements, and its derivative by the grid's.
template <class T>
struct GridPlace {
  T value, slope;
};

// One direction of the image.
template <class T>
struct GridAxis {
  int64_t size;
  GridPadding padding;
  bool align_corners;

  T scale() const { return static_cast<T>(align_corners ? size - 1 : size) / 2; }
  // -1 and 1 are the ends.
  T unnormalized(T x) const {
    return align_corners ? (x + 1) / 2 * static_cast<T>(size - 1) : ((x + 1) * static_cast<T>(size) - 1) / 2;
  }
  // What the padding makes of a coordinate; the slope is 0 where it stops moving.
  GridPlace<T> padded(T x) const {
    if (padding == GridPadding::kZeros) return {x, 1};
    if (padding == GridPadding::kBorder) return clipped(x);
    const GridPlace<T> inside = reflected(x), place = clipped(inside.value);
    return {place.value, inside.slope * place.slope};
  }

 private:
  GridPlace<T> clipped(T x) const {
    const T last = static_cast<T>(size - 1);
    if (!(x > 0)) return {0, 0};  // a NaN as well
    return x < last ? GridPlace<T>{x, 1} : GridPlace<T>{last, 0};
  }
  // Back and forth between the centres of the first and last elements, or their outer edges.
  GridPlace<T> reflected(T x) const {
    const T low = align_corners ? T(0) : T(-0.5), span = static_cast<T>(align_corners ? size - 1 : size);
    if (span == 0) return {0, 0};
    const T sign = x < low ? T(-1) : T(1), distance = std::abs(x - low);
    const T extra = std::fmod(distance, span), flips = std::floor(distance / span);
    const bool is_even = std::fmod(flips, T(2)) == 0;
    return is_even ? GridPlace<T>{extra + low, sign} : GridPlace<T>{span - extra + low, -sign};
  }
};

// An index or -1: outside, or no number.
template <class T>
int64_t index_inside(T x, int64_t size) {
  return x >= 0 && x < static_cast<T>(size) ? static_cast<int64_t>(x) : -1;
}

// Elements of one direction with their weights and the derivatives of those by the grid's coordinate.
template <class T>
struct GridTaps {
  int count;
  int64_t index[4];
  T weight[4], slope[4];
};

// Keys' cubic kernel with slope -3/4 at 1: weights of the elements at -1, 0, 1, 2 of a point at t, and their
// derivatives.
template <class T>
void cubic_weights(T t, T (&weight)[4], T (&slope)[4]) {
  constexpr T a = T(-0.75);
  const auto near = [](T x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](T x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  const auto near_slope = [](T x) { return (3 * (a + 2) * x - 2 * (a + 3)) * x; };
  const auto far_slope = [](T x) { return (3 * a * x - 10 * a) * x + 8 * a; };
  weight[0] = far(t + 1), weight[1] = near(t), weight[2] = near(1 - t), weight[3] = far(2 - t);
  slope[0] = far_slope(t + 1), slope[1] = near_slope(t), slope[2] = -near_slope(1 - t), slope[3] = -far_slope(2 - t);
}

template <class T>
GridTaps<T> taps_of(const GridAxis<T>& axis, GridMode mode, T coordinate) {
  GridTaps<T> taps;
  const T x = axis.unnormalized(coordinate);
  if (mode == GridMode::kCubic) {  // each element is padded by itself
    const T first = std::floor(x);
    taps.count = 4;
    cubic_weights(x - first, taps.weight, taps.slope);
    for (int k = 0; k < 4; ++k) {
      taps.index[k] = index_inside(axis.padded(first + static_cast<T>(k - 1)).value, axis.size);
      taps.slope[k] *= axis.scale();
    }
    return taps;
  }
  const GridPlace<T> place = axis.padded(x);
  if (mode == GridMode::kNearest) {
    taps.count = 1;
    taps.index[0] = index_inside(std::nearbyint(place.value), axis.size);
    taps.weight[0] = 1, taps.slope[0] = 0;
    return taps;
  }
  const T first = std::floor(place.value), share = place.value - first;
  taps.count = 2;
  taps.index[0] = index_inside(first, axis.size), taps.index[1] = index_inside(first + 1, axis.size);
  taps.weight[0] = 1 - share, taps.weight[1] = share;
  taps.slope[1] = place.slope * axis.scale(), taps.slope[0] = -taps.slope[1];
  return taps;
}

}  // namespace tw::cpu
