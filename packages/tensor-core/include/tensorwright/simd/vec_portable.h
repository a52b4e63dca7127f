// What SSE2 and instruction sets without a part of their own share: bitwise select, rounding by adding and subtracting
// 2^23 or 2^52, lane-by-lane conversions, masks stored lane by lane. Part of vec.h.
#pragma once

#include "vec_vector_masks.h"

namespace tw {
namespace TW_ISA_NS {

#define TW_SELECT(V, M) \
  TW_INLINE V select(M m, V a, V b) { return (V)((m.v & (Signed<V>)a) | (~m.v & (Signed<V>)b)); }
TW_SELECT(F32, M32)
TW_SELECT(I32, M32)
TW_SELECT(F64, M64)
TW_SELECT(I64, M64)
#undef TW_SELECT

TW_INLINE I32 min_(I32 a, I32 b) { return select(lt(a, b), a, b); }
TW_INLINE I64 min_(I64 a, I64 b) { return select(lt(a, b), a, b); }
TW_INLINE I32 max_(I32 a, I32 b) { return select(gt(a, b), a, b); }
TW_INLINE I64 max_(I64 a, I64 b) { return select(gt(a, b), a, b); }

// -- rounding to integral values

template <class V>
struct Rounding;
template <>
struct Rounding<F32> {
  static constexpr float kAllIntegral = 0x1p23f;  // from here on every value is integral
  static constexpr int32_t kSign = INT32_MIN;
};
template <>
struct Rounding<F64> {
  static constexpr double kAllIntegral = 0x1p52;
  static constexpr int64_t kSign = INT64_MIN;
};

template <class V>
TW_INLINE V with_sign_of(V magnitude, V sign) {
  Signed<V> bit = Rounding<V>::kSign - Signed<V>{};
  return (V)(((Signed<V>)magnitude & ~bit) | ((Signed<V>)sign & bit));
}

// f(|x|) with x's sign where |x| is small enough to have a fraction, else x (NaN included).
template <class V>
TW_INLINE V round_small(V x, V rounded) {
  V limit = splat<V>(Rounding<V>::kAllIntegral);
  V magnitude = with_sign_of(x, V{});
  return select(lt(magnitude, limit), with_sign_of(rounded, x), x);
}

template <class V>
TW_INLINE V nearest(V x) {
  V shift = with_sign_of(splat<V>(Rounding<V>::kAllIntegral), x);
  return (x + shift) - shift;
}

template <class V>
TW_INLINE V rint_by_shift(V x) {
  return round_small(x, nearest(x));
}
template <class V>
TW_INLINE V floor_by_shift(V x) {
  V near = nearest(x), one = splat<V>(1), zero{};
  return round_small(x, near - select(gt(near, x), one, zero));
}
template <class V>
TW_INLINE V ceil_by_shift(V x) {
  V near = nearest(x), one = splat<V>(1), zero{};
  return round_small(x, near + select(lt(near, x), one, zero));
}
template <class V>
TW_INLINE V trunc_by_shift(V x) {
  V magnitude = with_sign_of(x, V{});
  return round_small(x, floor_by_shift(magnitude));
}

TW_INLINE F32 rint(F32 x) { return rint_by_shift(x); }
TW_INLINE F64 rint(F64 x) { return rint_by_shift(x); }
TW_INLINE F32 floor(F32 x) { return floor_by_shift(x); }
TW_INLINE F64 floor(F64 x) { return floor_by_shift(x); }
TW_INLINE F32 ceil(F32 x) { return ceil_by_shift(x); }
TW_INLINE F64 ceil(F64 x) { return ceil_by_shift(x); }
TW_INLINE F32 trunc(F32 x) { return trunc_by_shift(x); }
TW_INLINE F64 trunc(F64 x) { return trunc_by_shift(x); }

// -- shifts by a vector of counts; counts outside the word are replaced before the shift, which would be undefined

template <class V>
TW_INLINE auto shift_in_range(V count) {
  constexpr int bits = 8 * sizeof(Element<V>);
  return and_(ge(count, V{}), lt(count, splat<V>(bits)));
}
template <class V>
TW_INLINE V shl(V a, V count) {
  constexpr int bits = 8 * sizeof(Element<V>);
  Unsigned<V> inside = (Unsigned<V>)a << (Unsigned<V>)(count & (bits - 1));
  return select(shift_in_range(count), (V)inside, V{});
}
template <class V>
TW_INLINE V ushr(V a, V count) {
  constexpr int bits = 8 * sizeof(Element<V>);
  Unsigned<V> inside = (Unsigned<V>)a >> (Unsigned<V>)(count & (bits - 1));
  return select(shift_in_range(count), (V)inside, V{});
}
template <class V>
TW_INLINE V shr(V a, V count) {
  constexpr int bits = 8 * sizeof(Element<V>);
  return a >> select(shift_in_range(count), count, splat<V>(bits - 1));
}

// -- masks as bytes in memory

template <class M, class E>
TW_INLINE void load_bytes(M& m, const void* from, int count) {
  const uint8_t* bytes = static_cast<const uint8_t*>(from);
  m.v = decltype(m.v){};
  count = at_most(count, sizeof m.v / sizeof(E));
  for (int i = 0; i < count; ++i) m.v[i] = -E(bytes[i] != 0);
}
template <class M>
TW_INLINE void store_bytes(void* to, M m, int count) {
  count = at_most(count, sizeof m.v / sizeof m.v[0]);
  for (int i = 0; i < count; ++i) static_cast<uint8_t*>(to)[i] = uint8_t(m.v[i] & 1);
}

template <class V>
TW_INLINE void load_first_into(V& v, const void* from, int count) {
  v = V{};
  std::memcpy(&v, from, size_t(at_most(count, lanes_of<V>)) * sizeof(Element<V>));
}
template <class V>
TW_INLINE void store_first(void* to, V v, int count) {
  std::memcpy(to, &v, size_t(at_most(count, lanes_of<V>)) * sizeof(Element<V>));
}
TW_INLINE void load_first_into(M32& m, const void* from, int count) { load_bytes<M32, int32_t>(m, from, count); }
TW_INLINE void load_first_into(M64& m, const void* from, int count) { load_bytes<M64, int64_t>(m, from, count); }
TW_INLINE void store_first(void* to, M32 m, int count) { store_bytes(to, m, count); }
TW_INLINE void store_first(void* to, M64 m, int count) { store_bytes(to, m, count); }

template <class V, class I>
TW_INLINE V gather(const Element<V>* table, I index) {
  V r{};
  for (int i = 0; i < lanes_of<V>; ++i) r[i] = table[index[i]];
  return r;
}

#if defined(__aarch64__) && !defined(__AARCH64EB__)
// An instruction takes 16 bytes of up to 64 by their numbers; those of element i begin with 4 i.
TW_INLINE uint8x16_t bytes_of_elements(I32 index) { return (uint8x16_t)(index * 0x04040404 + 0x03020100); }
template <class V>
TW_INLINE V one_of_8(const Element<V>* table, I32 index) {
  return (V)vqtbl2q_u8(vld1q_u8_x2(reinterpret_cast<const uint8_t*>(table)), bytes_of_elements(index));
}
template <class V>
TW_INLINE V one_of_16(const Element<V>* table, I32 index) {
  return (V)vqtbl4q_u8(vld1q_u8_x4(reinterpret_cast<const uint8_t*>(table)), bytes_of_elements(index));
}
#else
template <class V>
TW_INLINE V one_of_8(const Element<V>* table, I32 index) {
  return gather<V>(table, index);
}
template <class V>
TW_INLINE V one_of_16(const Element<V>* table, I32 index) {
  return gather<V>(table, index);
}
#endif

}  // namespace TW_ISA_NS
}  // namespace tw
