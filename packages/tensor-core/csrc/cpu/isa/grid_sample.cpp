// Values of images and volumes at the points of a grid, a vector of points at a time.
#include <utility>

#include <tensorwright/simd/vec.h>
#include "cpu/image/grid_kernels.h"
#include "cpu/isa/filled.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::GridGeometry;
using cpu::GridPadding;
using cpu::GridPatches;
using cpu::GridStretches;
using cpu::kGridBlock;

// ---- where the patches lie ------------------------------------------------------------------------------------------

// A coordinate in elements, and its derivative by the grid's.
template <class V>
struct Place {
  V value, slope;
};

// One direction of the image.
template <class V>
struct Axis {
  using T = Element<V>;
  int64_t size;
  GridPadding padding;
  bool align_corners;

  TW_INLINE_MEMBER T scale() const { return static_cast<T>(align_corners ? size - 1 : size) / 2; }
  // -1 and 1 are the ends.
  TW_INLINE_MEMBER V unnormalized(V x) const {
    const V up = x + T(1);
    return align_corners ? up / T(2) * static_cast<T>(size - 1) : (up * static_cast<T>(size) - T(1)) / T(2);
  }
  // What the padding makes of a coordinate; the slope is 0 where it stops moving.
  TW_INLINE_MEMBER Place<V> padded(V x) const {
    if (padding == GridPadding::kZeros) return {x, splat<V>(1)};
    return clipped(padding == GridPadding::kBorder ? Place<V>{x, splat<V>(1)} : reflected(x));
  }

 private:
  TW_INLINE_MEMBER Place<V> clipped(Place<V> x) const {
    const V last = splat<V>(static_cast<T>(size - 1));
    const auto above = gt(x.value, V{}), inside = and_(above, lt(x.value, last));  // a NaN becomes 0
    return {select(inside, x.value, select(above, last, V{})), select(inside, x.slope, V{})};
  }
  // Back and forth between the centres of the first and last elements, or their outer edges.
  TW_INLINE_MEMBER Place<V> reflected(V x) const {
    const T low = align_corners ? T(0) : T(-0.5), span = static_cast<T>(align_corners ? size - 1 : size);
    if (span == 0) return {V{}, V{}};
    const V one = splat<V>(1), sign = select(lt(x, splat<V>(low)), -one, one), distance = abs(x - low);
    const V flips = floor(distance / span), extra = distance - flips * span;
    const auto even = eq(flips, floor(flips / T(2)) * T(2));
    return {select(even, extra, span - extra) + low, select(even, sign, -sign)};
  }
};

// Keys' cubic kernel with slope -3/4 at 1: weights of the elements at -1, 0, 1, 2 of a point at t, and their
// derivatives.
template <class V>
TW_INLINE void cubic_weights(V t, V* weight, V* slope) {
  using T = Element<V>;
  constexpr T a = T(-0.75);
  const auto near = [](V x) TW_INLINE_LAMBDA { return (x * (a + 2) - (a + 3)) * x * x + T(1); };
  const auto far = [](V x) TW_INLINE_LAMBDA { return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a; };
  const auto near_slope = [](V x) TW_INLINE_LAMBDA { return (x * (3 * (a + 2)) - 2 * (a + 3)) * x; };
  const auto far_slope = [](V x) TW_INLINE_LAMBDA { return (x * (3 * a) - 10 * a) * x + 8 * a; };
  const V before = t + T(1), after = T(1) - t, behind = T(2) - t;
  weight[0] = far(before), weight[1] = near(t), weight[2] = near(after), weight[3] = far(behind);
  slope[0] = far_slope(before), slope[1] = near_slope(t), slope[2] = -near_slope(after), slope[3] = -far_slope(behind);
}

// Elements of one direction with their weights, and the derivatives of those by the grid's coordinate.
template <class V, int count>
struct Taps {
  Signed<V> index[count];  // less than 0 or not less than the size: not there
  V weight[count], slope[count];
};

template <class V, int count>
TW_INLINE Taps<V, count> taps_at(const Axis<V>& axis, V coordinate) {
  using T = Element<V>;
  Taps<V, count> taps;
  const V x = axis.unnormalized(coordinate);
  if constexpr (count == 4) {  // each element is padded by itself
    const V first = floor(x);
    cubic_weights(x - first, taps.weight, taps.slope);
#pragma GCC unroll 1
    for (int k = 0; k < 4; ++k) {
      taps.index[k] = to_int(axis.padded(first + T(k - 1)).value);
      taps.slope[k] = taps.slope[k] * axis.scale();
    }
  } else if constexpr (count == 2) {
    const Place<V> place = axis.padded(x);
    const V first = floor(place.value);
    taps.index[0] = to_int(first), taps.index[1] = to_int(first + T(1));
    taps.weight[1] = place.value - first, taps.weight[0] = T(1) - taps.weight[1];
    taps.slope[1] = place.slope * axis.scale(), taps.slope[0] = -taps.slope[1];
  } else {
    taps.index[0] = to_int(rint(axis.padded(x).value));
    taps.weight[0] = splat<V>(1);
  }
  return taps;
}

// `count` neighbours, which the taps are among as far as they are there.
template <class V, int count>
__attribute__((noinline)) void place_along(Axis<V> axis, int64_t points, const Element<V>* coordinates,
                                           GridStretches<Element<V>>& out) {
  using I = Signed<V>;
  using Number = Element<I>;
  const I room = splat<I>(Number(axis.size > count ? axis.size - count : 0));
  for (int64_t at = 0; at < points; at += lanes_of<V>) {
    const Taps<V, count> taps = taps_at<V, count>(axis, load<V>(&coordinates[at]));
    I lowest = taps.index[0], counted{};
    for (int k = 1; k < count; ++k) lowest = min_(lowest, taps.index[k]);
    const I first = max_(min_(lowest, room), I{});
#pragma GCC unroll 2
    for (int j = 0; j < count; ++j) {
      V weight{}, slope{};
      const I place = add(first, splat<I>(Number(j)));
      for (int k = 0; k < count; ++k) {
        const auto here = eq(taps.index[k], place);
        counted = or_(counted, select(here, splat<I>(Number(1 << j)), I{}));
        weight = weight + select(here, taps.weight[k], V{});
        if (count > 1) slope = slope + select(here, taps.slope[k], V{});
      }
      store(out.weight[j] + at, weight);
      if (count > 1) store(out.slope[j] + at, slope);
    }
    store(out.lowest + at, first), store(out.counted + at, counted);
  }
}

// y's neighbours become the rows of all planes.
template <class V, int count>
TW_INLINE void take_planes(int64_t at, GridPatches<Element<V>>& p) {
  using I = Signed<V>;
  const I y = load<I>(&p.y.counted[at]), z = load<I>(&p.z.counted[at]);
  I counted{};
  V weight[count], slope[count];
  unroll<count>([&](int j) TW_INLINE_LAMBDA {
    weight[j] = load<V>(&p.y.weight[j][at]);
    if (count > 1) slope[j] = load<V>(&p.y.slope[j][at]);
  });
  V z_slope[count];
  unroll<count>([&](int k) TW_INLINE_LAMBDA {
    if (count > 1) z_slope[k] = load<V>(&p.z.slope[k][at]);
  });
  unroll<count>([&](int k) TW_INLINE_LAMBDA {
    const auto has_plane = ne(and_(z, splat<I>(Element<I>(1 << k))), I{});
    counted = or_(counted, select(has_plane, mul(y, splat<I>(Element<I>(1 << k * count))), I{}));
    const V plane = load<V>(&p.z.weight[k][at]);
    unroll<count>([&](int j) TW_INLINE_LAMBDA {
      const int row = k * count + j;
      store(p.y.weight[row] + at, weight[j] * plane);
      if (count == 1) return;
      store(p.y.slope[row] + at, slope[j] * plane);
      store(p.z.slope[row] + at, weight[j] * z_slope[k]);
    });
  });
  store(p.y.counted + at, counted);
}

template <int first, class V, int... i>
TW_INLINE V every_second(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (first + 2 * i)...);
}
template <int first, class V>
TW_INLINE V every_second(V a, V b) {
  return every_second<first>(a, b, std::make_integer_sequence<int, lanes_of<V>>());
}

// The points' coordinates by direction, zeros behind the last in the vectors that they fill.
template <class V>
TW_INLINE void split(int dims, int64_t points, const Element<V>* grid, Element<V> (*coordinates)[kGridBlock]) {
  int64_t i = 0;
  if (dims == 2)
    for (; i + lanes_of<V> <= points; i += lanes_of<V>) {
      const V low = load<V>(&grid[2 * i]), high = load<V>(&grid[2 * i + lanes_of<V>]);
      store(coordinates[0] + i, every_second<0>(low, high)), store(coordinates[1] + i, every_second<1>(low, high));
    }
  for (; i < points; ++i)
    for (int d = 0; d < dims; ++d) coordinates[d][i] = grid[i * dims + d];
  for (; i % lanes_of<V> != 0; ++i)
    for (int d = 0; d < dims; ++d) coordinates[d][i] = 0;
}

template <class V>
void place_patches(const GridGeometry& g, int64_t points, const Element<V>* grid, GridPatches<Element<V>>& patches) {
  using I = Signed<V>;
  Element<V> coordinates[3][kGridBlock];
  split<V>(g.dims, points, grid, coordinates);
  const auto run = g.columns == 1 ? place_along<V, 1> : g.columns == 2 ? place_along<V, 2> : place_along<V, 4>;
  const auto axis = [&](int d) { return Axis<V>{g.size[d], g.padding, g.align_corners}; };
  run(axis(0), points, coordinates[0], patches.x);
  run(axis(1), points, coordinates[1], patches.y);
  if (g.dims == 3) run(axis(2), points, coordinates[2], patches.z);
  for (int64_t at = 0; at < points; at += lanes_of<V>) {
    const I row = mul(load<I>(&patches.y.lowest[at]), splat<I>(Element<I>(g.row_length)));
    I offset = add(load<I>(&patches.x.lowest[at]), row);
    if (g.dims == 3) {
      offset = add(offset, mul(load<I>(&patches.z.lowest[at]), splat<I>(Element<I>(g.plane_length))));
      if (g.columns == 1)
        take_planes<V, 1>(at, patches);
      else
        take_planes<V, 2>(at, patches);
    }
    store(patches.offset + at, offset);
  }
}

// ---- neighbours of many places --------------------------------------------------------------------------------------

template <class E>
TW_INLINE E read(const void* from) {
  E value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Two neighbours for each lane.
template <class V, class I>
TW_INLINE void pairs_at(const Element<V>* from, const I* offset, V* columns) {
  constexpr int n = lanes_of<V>;
  const auto half = [&](const I* at) TW_INLINE_LAMBDA {
    if constexpr (sizeof(Element<V>) == 4)
      return (V)filled<double, n / 2>([&](int i) TW_INLINE_LAMBDA { return read<double>(from + at[i]); });
    else
      return filled<double, n>([&](int i) TW_INLINE_LAMBDA { return from[at[i / 2] + i % 2]; });
  };
  const V low = half(offset), high = half(offset + n / 2);
  columns[0] = every_second<0>(low, high), columns[1] = every_second<1>(low, high);
}

// A row of the patches of as many points as there are lanes, by column.
template <class V, int count, class I>
TW_INLINE void row_at(const Element<V>* from, const I* offset, V* columns) {
  asm("" : "+r"(offset));  // or all offsets are loaded before the loop over rows, and spilled
  if constexpr (count == 1) {
    columns[0] = filled<Element<V>, lanes_of<V>>([&](int i) TW_INLINE_LAMBDA { return from[offset[i]]; });
  } else {
#pragma GCC unroll 1
    for (int j = 0; j < count; j += 2) pairs_at<V>(from + j, offset, columns + j);
  }
}

// ---- values ---------------------------------------------------------------------------------------------------------

// One value from the elements that count alone: what does not count may be no number.
template <class T>
__attribute__((noinline)) T value_of_counted(const GridGeometry& g, const GridPatches<T>& p, int64_t i,
                                             const T* volume) {
  T sum = 0;
  for (int r = 0; r < g.rows; ++r)
    for (int j = 0; j < g.columns; ++j)
      if (p.y.counted[i] >> r & p.x.counted[i] >> j & 1)
        sum += p.y.weight[r][i] * p.x.weight[j][i] * volume[p.offset[i] + g.row_offset[r] + j];
  return sum;
}

template <class V, int count>
void sample_by(const GridGeometry& g, const GridPatches<Element<V>>& p, int64_t points, const Element<V>* volume,
               Element<V>* out) {
  for (int64_t at = 0; at < points; at += lanes_of<V>) {
    V columns[count], sums[count] = {};
    for (int r = 0; r < (count == 1 ? 1 : g.rows); ++r) {
      row_at<V, count>(volume + g.row_offset[r], p.offset + at, columns);
      const V weight = load<V>(&p.y.weight[r][at]);
      unroll<count>([&](int j) TW_INLINE_LAMBDA { sums[j] = sums[j] + weight * columns[j]; });
    }
    V value = sums[0] * load<V>(&p.x.weight[0][at]);
    for (int j = 1; j < count; ++j) value = value + sums[j] * load<V>(&p.x.weight[j][at]);
    const int left = int(at_most(points - at, lanes_of<V>));
    if (__builtin_expect(any(ne(value, value)), 0))
      for (int i = 0; i < left; ++i)
        if (value[i] != value[i]) value[i] = value_of_counted(g, p, at + i, volume);
    store_first(out + at, value, left);
  }
}

template <class V>
void sample(const GridGeometry& g, const GridPatches<Element<V>>& p, int64_t points, const Element<V>* volume,
            Element<V>* out) {
  const auto run = g.columns == 1 ? sample_by<V, 1> : g.columns == 2 ? sample_by<V, 2> : sample_by<V, 4>;
  run(g, p, points, volume, out);
}

// ---- derivatives by the points --------------------------------------------------------------------------------------

template <class T>
__attribute__((noinline)) void slopes_of_counted(const GridGeometry& g, const GridPatches<T>& p, int64_t i,
                                                 int64_t channels, const T* volumes, const T* grad, int64_t grad_step,
                                                 T* out) {
  T sums[3] = {};
  for (int64_t c = 0; c < channels; ++c, volumes += g.volume_length)
    for (int r = 0; r < g.rows; ++r)
      for (int j = 0; j < g.columns; ++j) {
        if (!(p.y.counted[i] >> r & p.x.counted[i] >> j & 1)) continue;
        const T product = grad[c * grad_step] * volumes[p.offset[i] + g.row_offset[r] + j];
        sums[0] += product * (p.y.weight[r][i] * p.x.slope[j][i]);
        sums[1] += product * (p.y.slope[r][i] * p.x.weight[j][i]);
        if (g.dims == 3) sums[2] += product * (p.z.slope[r][i] * p.x.weight[j][i]);
      }
  for (int d = 0; d < g.dims; ++d) out[d] = sums[d];
}

// Sums over rows, for each column, with the weights and the slopes of rows.
template <class V, int count>
struct RowSums {
  V weighted[count], by_y[count], by_z[count];
};

template <class V, int count>
void slopes_by(const GridGeometry& g, const GridPatches<Element<V>>& p, int64_t points, int64_t channels,
               const Element<V>* volumes, const Element<V>* grad, int64_t grad_step, Element<V>* out) {
  for (int64_t at = 0; at < points; at += lanes_of<V>) {
    const int left = int(at_most(points - at, lanes_of<V>));
    V total[3] = {};
    for (int64_t c = 0; c < channels; ++c) {
      RowSums<V, count> sums{};
      for (int r = 0; r < g.rows; ++r) {
        V columns[count];
        row_at<V, count>(volumes + c * g.volume_length + g.row_offset[r], p.offset + at, columns);
        const V weight = load<V>(&p.y.weight[r][at]), y = load<V>(&p.y.slope[r][at]);
        const V z = g.dims == 3 ? load<V>(&p.z.slope[r][at]) : V{};
        unroll<count>([&](int j) TW_INLINE_LAMBDA {
          sums.weighted[j] = sums.weighted[j] + weight * columns[j];
          sums.by_y[j] = sums.by_y[j] + y * columns[j];
          if (count < 4) sums.by_z[j] = sums.by_z[j] + z * columns[j];
        });
      }
      V along[3] = {};
      unroll<count>([&](int j) TW_INLINE_LAMBDA {
        const V weight = load<V>(&p.x.weight[j][at]);
        along[0] = along[0] + sums.weighted[j] * load<V>(&p.x.slope[j][at]);
        along[1] = along[1] + sums.by_y[j] * weight;
        if (count < 4) along[2] = along[2] + sums.by_z[j] * weight;
      });
      const V g_c = load_first<V>(&grad[c * grad_step + at], left);
      for (int d = 0; d < 3; ++d) total[d] = total[d] + g_c * along[d];
    }
    const V sum = total[0] + total[1] + total[2];  // NaN where one of them is
    for (int i = 0; i < left; ++i) {
      Element<V>* to = out + (at + i) * g.dims;
      for (int d = 0; d < g.dims; ++d) to[d] = total[d][i];
      if (__builtin_expect(sum[i] != sum[i], 0))
        slopes_of_counted(g, p, at + i, channels, volumes, grad + at + i, grad_step, to);
    }
  }
}

template <class V>
void slopes(const GridGeometry& g, const GridPatches<Element<V>>& p, int64_t points, int64_t channels,
            const Element<V>* volumes, const Element<V>* grad, int64_t grad_step, Element<V>* out) {
  const auto run = g.columns == 2 ? slopes_by<V, 2> : slopes_by<V, 4>;
  run(g, p, points, channels, volumes, grad, grad_step, out);
}

}  // namespace

extern const cpu::GridKernels<float> kGridF32;
extern const cpu::GridKernels<double> kGridF64;
const cpu::GridKernels<float> kGridF32 = {place_patches<F32>, sample<F32>, slopes<F32>};
const cpu::GridKernels<double> kGridF64 = {place_patches<F64>, sample<F64>, slopes<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
