// Maxima of windows, a vector of windows at a time.
#include <tensorwright/simd/reduction_loop.h>
#include "cpu/isa/filled.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
using T = Element<V>;

// Every second lane of two neighbouring vectors.
template <int first, class V, int... i>
TW_INLINE V every_second(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (first + 2 * i)...);
}

// Columns 2 i + `column` of a row, for as many windows as a vector has lanes.
template <int column, class V>
TW_INLINE V columns_of(V low, V high) {
  return every_second<column>(low, high, std::make_integer_sequence<int, lanes_of<V>>());
}

// The candidate where it is larger, or the first NaN.
template <class V, class I>
TW_INLINE void consider(V value, I place, V& best, I& best_place) {
  const auto better = or_(gt(value, best), and_(ne(value, value), eq(best, best)));
  best = select(better, value, best);
  best_place = select(better, place, best_place);
}

TW_INLINE void store_places(int64_t* to, I64 places, int count) { store_first(to, places, count); }
TW_INLINE void store_places(int64_t* to, I32 places, int count) {
  const I64x2 wide = widen(places);
  store_first(to, wide.lo, int(at_most(count, kLanes64)));
  if (count > kLanes64) store_first(to + kLanes64, wide.hi, count - kLanes64);
}

template <class V>
TW_INLINE V load_at_most(const T<V>* from, int64_t count) {
  return count >= lanes_of<V> ? load<V>(from) : count > 0 ? load_first<V>(from, int(count)) : V{};
}

template <class V, bool with_places>
void max_2x2_of(int64_t n, const T<V>* upper, int64_t width, int64_t place, T<V>* values, int64_t* places) {
  using I = Signed<V>;
  I steps;
  for (int i = 0; i < lanes_of<V>; ++i) steps[i] = Element<I>(2 * i);
  for (int64_t i = 0; i < n; i += lanes_of<V>) {
    const int64_t columns = 2 * (n - i);
    const T<V>*top = upper + 2 * i, *bottom = top + width;
    const V top_low = load_at_most<V>(top, columns),
            top_high = load_at_most<V>(top + lanes_of<V>, columns - lanes_of<V>);
    const V low = load_at_most<V>(bottom, columns), high = load_at_most<V>(bottom + lanes_of<V>, columns - lanes_of<V>);
    I best_place = add(steps, splat<I>(Element<I>(place + 2 * i)));
    const I one = splat<I>(1), below = add(best_place, splat<I>(Element<I>(width)));
    V best = columns_of<0>(top_low, top_high);
    consider(columns_of<1>(top_low, top_high), add(best_place, one), best, best_place);
    consider(columns_of<0>(low, high), below, best, best_place);
    consider(columns_of<1>(low, high), add(below, one), best, best_place);
    const int count = int(at_most(n - i, lanes_of<V>));
    store_first(values + i, best, count);
    if constexpr (with_places) store_places(places + i, best_place, count);
  }
}

template <class V>
void max_2x2(int64_t n, const T<V>* upper, int64_t width, int64_t place, T<V>* values, int64_t* places) {
  const auto max_of_row = places ? max_2x2_of<V, true> : max_2x2_of<V, false>;
  max_of_row(n, upper, width, place, values, places);
}

// The same tap of as many windows as a vector has lanes, of which `count` are there.
template <class V, int stride>
TW_INLINE V tap_of_windows(const T<V>* from, int64_t step, int64_t count) {
  if constexpr (stride == 1) return load_at_most<V>(from, count);
  const int64_t columns = 2 * count - 1;
  if constexpr (stride == 2)
    return columns_of<0>(load_at_most<V>(from, columns), load_at_most<V>(from + lanes_of<V>, columns - lanes_of<V>));
  if (count >= lanes_of<V>) return filled<T<V>, lanes_of<V>>([&](int i) TW_INLINE_LAMBDA { return from[i * step]; });
  V value{};
  for (int i = 0; i < int(count); ++i) value[i] = from[i * step];
  return value;
}

template <class V, int stride, bool with_places>
void max_of_taps_by(int64_t n, int64_t step, int64_t taps, const int64_t* offsets, const T<V>* in, int64_t place,
                    T<V>* values, int64_t* places) {
  using I = Signed<V>;
  I steps;
  for (int i = 0; i < lanes_of<V>; ++i) steps[i] = Element<I>(step * i);
  for (int64_t i = 0; i < n; i += lanes_of<V>, in += lanes_of<V> * step, place += lanes_of<V> * step) {
    const int64_t left = n - i;
    const auto tap = [&](int64_t t) TW_INLINE_LAMBDA { return tap_of_windows<V, stride>(in + offsets[t], step, left); };
    const auto place_of = [&](int64_t t)
                              TW_INLINE_LAMBDA { return add(steps, splat<I>(Element<I>(place + offsets[t]))); };
    V best = tap(0);
    I best_place = place_of(0);
    auto unordered = ne(best, best);  // looked at once at the end: few comparisons wait for each other
    for (int64_t t = 1; t < taps; ++t) {
      const V value = tap(t);
      const auto better = gt(value, best);
      unordered = or_(unordered, ne(value, value));
      best = select(better, value, best);
      best_place = select(better, place_of(t), best_place);
    }
    if (__builtin_expect(any(unordered), 0)) {
      best = tap(0), best_place = place_of(0);
      for (int64_t t = 1; t < taps; ++t) consider(tap(t), place_of(t), best, best_place);
    }
    const int count = int(at_most(left, lanes_of<V>));
    store_first(values + i, best, count);
    if constexpr (with_places) store_places(places + i, best_place, count);
  }
}

template <class V, bool with_places>
auto max_of_taps_for(int64_t stride) {
  return stride == 1   ? max_of_taps_by<V, 1, with_places>
         : stride == 2 ? max_of_taps_by<V, 2, with_places>
                       : max_of_taps_by<V, 0, with_places>;
}

template <class V>
void max_of_taps(int64_t n, int64_t stride, int64_t taps, const int64_t* offsets, const T<V>* in, int64_t place,
                 T<V>* values, int64_t* places) {
  const auto run = places ? max_of_taps_for<V, true>(stride) : max_of_taps_for<V, false>(stride);
  run(n, stride, taps, offsets, in, place, values, places);
}

template <class V>
void max_of_block(int64_t n, int64_t step, int64_t taps, const int64_t* offsets, const T<V>* in, T<V>* values) {
  for (int64_t i = 0; i < n; ++i, in += step, values += cpu::kBlockChannels)
    for (int64_t lane = 0; lane < cpu::kBlockChannels; lane += lanes_of<V>) {
      V best = load<V>(in + offsets[0] + lane);
      for (int64_t t = 1; t < taps; ++t) {
        const V value = load<V>(in + offsets[t] + lane);
        best = select(or_(gt(value, best), and_(ne(value, value), eq(best, best))), value, best);
      }
      store(values + lane, best);
    }
}

}  // namespace

extern const cpu::PoolingKernels<float> kPoolingF32;
extern const cpu::PoolingKernels<double> kPoolingF64;
const cpu::PoolingKernels<float> kPoolingF32 = {max_2x2<F32>, max_of_taps<F32>, max_of_block<F32>};
const cpu::PoolingKernels<double> kPoolingF64 = {max_2x2<F64>, max_of_taps<F64>, nullptr};

}  // namespace TW_ISA_NS
}  // namespace tw
