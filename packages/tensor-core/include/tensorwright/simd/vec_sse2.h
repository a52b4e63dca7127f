// The primitives on the x86-64 baseline. Part of vec.h.
#pragma once

#include "vec_portable.h"

namespace tw {
namespace TW_ISA_NS {

TW_INLINE bool any(M32 m) { return _mm_movemask_ps((__m128)m.v) != 0; }
TW_INLINE bool any(M64 m) { return _mm_movemask_pd((__m128d)m.v) != 0; }

TW_INLINE F32 sqrt(F32 x) { return (F32)_mm_sqrt_ps((__m128)x); }
TW_INLINE F64 sqrt(F64 x) { return (F64)_mm_sqrt_pd((__m128d)x); }
TW_INLINE F32 min_(F32 a, F32 b) { return (F32)_mm_min_ps((__m128)a, (__m128)b); }
TW_INLINE F64 min_(F64 a, F64 b) { return (F64)_mm_min_pd((__m128d)a, (__m128d)b); }
TW_INLINE F32 max_(F32 a, F32 b) { return (F32)_mm_max_ps((__m128)a, (__m128)b); }
TW_INLINE F64 max_(F64 a, F64 b) { return (F64)_mm_max_pd((__m128d)a, (__m128d)b); }

TW_INLINE I32 to_int(F32 x) { return (I32)_mm_cvttps_epi32((__m128)x); }
TW_INLINE F32 to_float(I32 x) { return (F32)_mm_cvtepi32_ps((__m128i)x); }
TW_INLINE I64 to_int(F64 x) {
  __m128d high = _mm_unpackhi_pd((__m128d)x, (__m128d)x);
  return I64{_mm_cvttsd_si64((__m128d)x), _mm_cvttsd_si64(high)};
}
TW_INLINE F64 to_float(I64 x) { return F64{double(x[0]), double(x[1])}; }

TW_INLINE F64x2 widen(F32 x) {
  return {(F64)_mm_cvtps_pd((__m128)x), (F64)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x))};
}
TW_INLINE I64x2 widen(I32 x) {
  __m128i sign = _mm_srai_epi32((__m128i)x, 31);
  return {(I64)_mm_unpacklo_epi32((__m128i)x, sign), (I64)_mm_unpackhi_epi32((__m128i)x, sign)};
}
TW_INLINE F32 narrow(F64x2 x) { return (F32)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)x.lo), _mm_cvtpd_ps((__m128d)x.hi)); }
TW_INLINE I32 narrow(I64x2 x) { return __builtin_shufflevector((I32)x.lo, (I32)x.hi, 0, 2, 4, 6); }

// There is no fused multiply-add: the f32 product is exact in f64, its sum with c is rounded to odd there (to the
// neighbour with an odd last bit if inexact), and rounding that to f32 rounds only once. Out of line: it is long.
TW_INLINE F64 add_to_odd(F64 x, F64 y) {
  F64 total = x + y, part = total - x;
  F64 error = (x - (total - part)) + (y - part);
  I64 inexact = (error > 0.0) | (error < 0.0);  // false for NaN: the sum is infinite or NaN
  I64 bits = (I64)total;
  I64 inward = (I64)((U64)((I64)error ^ bits) >> 63);  // the signs differ
  I64 step = 1 - (inward + inward);
  I64 even = (bits & 1) - 1;
  return (F64)(bits + (step & inexact & even));
}
TW_SHARED F32 fma(F32 a, F32 b, F32 c) {
  F64x2 x = widen(a), y = widen(b), z = widen(c);
  return narrow(F64x2{add_to_odd(x.lo * y.lo, z.lo), add_to_odd(x.hi * y.hi, z.hi)});
}
TW_SHARED F64 fma(F64 a, F64 b, F64 c) { return F64{__builtin_fma(a[0], b[0], c[0]), __builtin_fma(a[1], b[1], c[1])}; }

TW_INLINE void load_into(M32& m, const void* from) {
  int32_t bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  __m128i zero = _mm_setzero_si128();
  __m128i words = _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), zero), zero);
  m.v = (I32)_mm_cmpgt_epi32(words, zero);
}
TW_INLINE void load_into(M64& m, const void* from) { load_first_into(m, from, kLanes64); }
TW_INLINE void store(void* to, M32 m) {
  __m128i halves = _mm_packs_epi32((__m128i)m.v, (__m128i)m.v);
  int32_t bytes = _mm_cvtsi128_si32(_mm_packs_epi16(halves, halves)) & 0x01010101;
  std::memcpy(to, &bytes, sizeof bytes);
}
TW_INLINE void store(void* to, M64 m) { store_first(to, m, kLanes64); }

}  // namespace TW_ISA_NS
}  // namespace tw
