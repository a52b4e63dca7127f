// The primitives on AVX2 with FMA. Part of vec.h.
#pragma once

#include "vec_vector_masks.h"

namespace tw {
namespace TW_ISA_NS {

TW_INLINE F32 select(M32 m, F32 a, F32 b) { return (F32)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m.v); }
TW_INLINE F64 select(M64 m, F64 a, F64 b) { return (F64)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)m.v); }
TW_INLINE I32 select(M32 m, I32 a, I32 b) { return (I32)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m.v); }
TW_INLINE I64 select(M64 m, I64 a, I64 b) { return (I64)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m.v); }

TW_INLINE bool any(M32 m) { return _mm256_movemask_ps((__m256)m.v) != 0; }
TW_INLINE bool any(M64 m) { return _mm256_movemask_pd((__m256d)m.v) != 0; }

TW_INLINE F32 sqrt(F32 x) { return (F32)_mm256_sqrt_ps((__m256)x); }
TW_INLINE F64 sqrt(F64 x) { return (F64)_mm256_sqrt_pd((__m256d)x); }
TW_INLINE F32 min_(F32 a, F32 b) { return (F32)_mm256_min_ps((__m256)a, (__m256)b); }
TW_INLINE F64 min_(F64 a, F64 b) { return (F64)_mm256_min_pd((__m256d)a, (__m256d)b); }
TW_INLINE F32 max_(F32 a, F32 b) { return (F32)_mm256_max_ps((__m256)a, (__m256)b); }
TW_INLINE F64 max_(F64 a, F64 b) { return (F64)_mm256_max_pd((__m256d)a, (__m256d)b); }
TW_INLINE I32 min_(I32 a, I32 b) { return (I32)_mm256_min_epi32((__m256i)a, (__m256i)b); }
TW_INLINE I64 min_(I64 a, I64 b) { return select(lt(a, b), a, b); }
TW_INLINE I32 max_(I32 a, I32 b) { return (I32)_mm256_max_epi32((__m256i)a, (__m256i)b); }
TW_INLINE I64 max_(I64 a, I64 b) { return select(gt(a, b), a, b); }
TW_INLINE F32 fma(F32 a, F32 b, F32 c) { return (F32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
TW_INLINE F64 fma(F64 a, F64 b, F64 c) { return (F64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }

#define TW_ROUND(name, mode)                                                                        \
  TW_INLINE F32 name(F32 x) { return (F32)_mm256_round_ps((__m256)x, (mode) | _MM_FROUND_NO_EXC); } \
  TW_INLINE F64 name(F64 x) { return (F64)_mm256_round_pd((__m256d)x, (mode) | _MM_FROUND_NO_EXC); }
TW_ROUND(rint, _MM_FROUND_TO_NEAREST_INT)
TW_ROUND(floor, _MM_FROUND_TO_NEG_INF)
TW_ROUND(ceil, _MM_FROUND_TO_POS_INF)
TW_ROUND(trunc, _MM_FROUND_TO_ZERO)
#undef TW_ROUND

TW_INLINE I32 to_int(F32 x) { return (I32)_mm256_cvttps_epi32((__m256)x); }
TW_INLINE F32 to_float(I32 x) { return (F32)_mm256_cvtepi32_ps((__m256i)x); }
TW_INLINE I64 to_int(F64 x) {
  return per_lane<I64>(x, [](double e) { return int64_t(_mm_cvttsd_si64(_mm_set_sd(e))); });
}
TW_INLINE F64 to_float(I64 x) {
  return per_lane<F64>(x, [](int64_t e) { return double(e); });
}

TW_INLINE F64x2 widen(F32 x) {
  return {(F64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)),
          (F64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1))};
}
TW_INLINE I64x2 widen(I32 x) {
  return {(I64)_mm256_cvtepi32_epi64(_mm256_castsi256_si128((__m256i)x)),
          (I64)_mm256_cvtepi32_epi64(_mm256_extracti128_si256((__m256i)x, 1))};
}
TW_INLINE F32 narrow(F64x2 x) {
  return (F32)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)x.hi), _mm256_cvtpd_ps((__m256d)x.lo));
}
TW_INLINE I32 narrow(I64x2 x) { return __builtin_shufflevector((I32)x.lo, (I32)x.hi, 0, 2, 4, 6, 8, 10, 12, 14); }

// The variable shifts of AVX2 treat counts as unsigned and shift everything out when they are too large.
TW_INLINE I32 shl(I32 a, I32 n) { return (I32)_mm256_sllv_epi32((__m256i)a, (__m256i)n); }
TW_INLINE I64 shl(I64 a, I64 n) { return (I64)_mm256_sllv_epi64((__m256i)a, (__m256i)n); }
TW_INLINE I32 ushr(I32 a, I32 n) { return (I32)_mm256_srlv_epi32((__m256i)a, (__m256i)n); }
TW_INLINE I64 ushr(I64 a, I64 n) { return (I64)_mm256_srlv_epi64((__m256i)a, (__m256i)n); }
TW_INLINE I32 shr(I32 a, I32 n) { return (I32)_mm256_srav_epi32((__m256i)a, (__m256i)n); }
// The 64-bit arithmetic one is missing: shift the sign-folded value logically and unfold it.
TW_INLINE I64 shr(I64 a, I64 n) {
  I64 sign = a < 0;
  return ushr(a ^ sign, n) ^ sign;
}

TW_INLINE void load_into(M32& m, const void* from) {
  __m256i words = _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from)));
  m.v = (I32)_mm256_cmpgt_epi32(words, _mm256_setzero_si256());
}
TW_INLINE void load_into(M64& m, const void* from) {
  int32_t bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  __m256i words = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes));
  m.v = (I64)_mm256_cmpgt_epi64(words, _mm256_setzero_si256());
}
// The top bits of the lanes spread over bytes: two multiplications place bit i at bit 8 i.
TW_INLINE uint32_t bytes_of_nibble(uint32_t bits) { return (bits * 0x00204081u) & 0x01010101u; }
TW_INLINE void store(void* to, M32 m) {
  uint32_t bits = uint32_t(_mm256_movemask_ps((__m256)m.v));
  uint64_t bytes = bytes_of_nibble(bits & 15) | uint64_t(bytes_of_nibble(bits >> 4)) << 32;
  std::memcpy(to, &bytes, sizeof bytes);
}
TW_INLINE void store(void* to, M64 m) {
  uint32_t bytes = bytes_of_nibble(uint32_t(_mm256_movemask_pd((__m256d)m.v)));
  std::memcpy(to, &bytes, sizeof bytes);
}

#define TW_FIRST(V, M, suffix, type)                                               \
  TW_INLINE void load_first_into(V& v, const void* from, int count) {              \
    M m;                                                                           \
    first_into(m, count);                                                          \
    v = (V)_mm256_maskload_##suffix(static_cast<const type*>(from), (__m256i)m.v); \
  }                                                                                \
  TW_INLINE void store_first(void* to, V v, int count) {                           \
    M m;                                                                           \
    first_into(m, count);                                                          \
    _mm256_maskstore_##suffix(static_cast<type*>(to), (__m256i)m.v, (__m256i)v);   \
  }
TW_FIRST(I32, M32, epi32, int)
TW_FIRST(I64, M64, epi64, long long)
#undef TW_FIRST
template <class V>
TW_INLINE void load_first_into(V& v, const void* from, int count) {
  Signed<V> bits;
  load_first_into(bits, from, count);
  v = (V)bits;
}
template <class V>
TW_INLINE void store_first(void* to, V v, int count) {
  store_first(to, (Signed<V>)v, count);
}
template <class M>
TW_INLINE void load_first_bytes(M& m, const void* from, int count) {
  uint64_t bytes = 0;
  std::memcpy(&bytes, from, size_t(at_most(count, sizeof m.v / sizeof m.v[0])));
  load_into(m, &bytes);
}
template <class M>
TW_INLINE void store_first_bytes(void* to, M m, int count) {
  uint64_t bytes = 0;
  store(&bytes, m);
  std::memcpy(to, &bytes, size_t(at_most(count, sizeof m.v / sizeof m.v[0])));
}
TW_INLINE void load_first_into(M32& m, const void* from, int count) { load_first_bytes(m, from, count); }
TW_INLINE void load_first_into(M64& m, const void* from, int count) { load_first_bytes(m, from, count); }
TW_INLINE void store_first(void* to, M32 m, int count) { store_first_bytes(to, m, count); }
TW_INLINE void store_first(void* to, M64 m, int count) { store_first_bytes(to, m, count); }

template <class V>
TW_INLINE V gather(const Element<V>* table, I32 index) {
  return (V)_mm256_i32gather_epi32(reinterpret_cast<const int*>(table), (__m256i)index, 4);
}
template <class V>
TW_INLINE V gather(const Element<V>* table, I64 index) {
  return (V)_mm256_i64gather_epi64(reinterpret_cast<const long long*>(table), (__m256i)index, 8);
}
// An instruction takes one of eight by the lowest three bits; the fourth chooses between two of them.
template <class V>
TW_INLINE V one_of_8(const Element<V>* table, I32 index) {
  const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table));
  return (V)_mm256_permutevar8x32_epi32(eight, (__m256i)index);
}
template <class V>
TW_INLINE V one_of_16(const Element<V>* table, I32 index) {
  const __m256i* halves = reinterpret_cast<const __m256i*>(table);
  const __m256 low = _mm256_permutevar8x32_ps((__m256)_mm256_loadu_si256(halves), (__m256i)index);
  const __m256 high = _mm256_permutevar8x32_ps((__m256)_mm256_loadu_si256(halves + 1), (__m256i)index);
  return (V)_mm256_blendv_ps(low, high, (__m256)_mm256_slli_epi32((__m256i)index, 28));
}

}  // namespace TW_ISA_NS
}  // namespace tw
