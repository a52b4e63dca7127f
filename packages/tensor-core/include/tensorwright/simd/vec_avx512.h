// The primitives and mask registers on AVX-512 (F, BW, DQ, VL). Part of vec.h.
#pragma once

#include "vec_types.h"

namespace tw {
namespace TW_ISA_NS {

struct M32 {
  __mmask16 v;
};
struct M64 {
  __mmask8 v;
};

#define TW_COMPARE(name, real, integral)                                                                 \
  TW_INLINE M32 name(F32 a, F32 b) { return {_mm512_cmp_ps_mask((__m512)a, (__m512)b, real)}; }          \
  TW_INLINE M64 name(F64 a, F64 b) { return {_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, real)}; }        \
  TW_INLINE M32 name(I32 a, I32 b) { return {_mm512_cmp_epi32_mask((__m512i)a, (__m512i)b, integral)}; } \
  TW_INLINE M64 name(I64 a, I64 b) { return {_mm512_cmp_epi64_mask((__m512i)a, (__m512i)b, integral)}; }
TW_COMPARE(lt, _CMP_LT_OQ, _MM_CMPINT_LT)
TW_COMPARE(le, _CMP_LE_OQ, _MM_CMPINT_LE)
TW_COMPARE(gt, _CMP_GT_OQ, _MM_CMPINT_NLE)
TW_COMPARE(ge, _CMP_GE_OQ, _MM_CMPINT_NLT)
TW_COMPARE(eq, _CMP_EQ_OQ, _MM_CMPINT_EQ)
TW_COMPARE(ne, _CMP_NEQ_UQ, _MM_CMPINT_NE)
#undef TW_COMPARE

#define TW_MASK_LOGIC(M, K)                                                     \
  TW_INLINE M and_(M a, M b) { return {K(a.v & b.v)}; }                         \
  TW_INLINE M or_(M a, M b) { return {K(a.v | b.v)}; }                          \
  TW_INLINE M xor_(M a, M b) { return {K(a.v ^ b.v)}; }                         \
  TW_INLINE M not_(M a) { return {K(~a.v)}; }                                   \
  TW_INLINE M select(M m, M a, M b) { return {K((m.v & a.v) | (~m.v & b.v))}; } \
  TW_INLINE void splat_into(M& m, uint8_t x) { m.v = K(x ? -1 : 0); }           \
  /* Lanes below `count`. */                                                    \
  TW_INLINE void first_into(M& m, int count) { m.v = K((uint64_t(1) << count) - 1); }
TW_MASK_LOGIC(M32, __mmask16)
TW_MASK_LOGIC(M64, __mmask8)
#undef TW_MASK_LOGIC

TW_INLINE bool any(M32 m) { return m.v != 0; }
TW_INLINE bool any(M64 m) { return m.v != 0; }

TW_INLINE M32 join(M64 lo, M64 hi) { return {__mmask16(unsigned(lo.v) | unsigned(hi.v) << 8)}; }
TW_INLINE M64 low(M32 m) { return {__mmask8(m.v)}; }
TW_INLINE M64 high(M32 m) { return {__mmask8(m.v >> 8)}; }

TW_INLINE F32 select(M32 m, F32 a, F32 b) { return (F32)_mm512_mask_blend_ps(m.v, (__m512)b, (__m512)a); }
TW_INLINE F64 select(M64 m, F64 a, F64 b) { return (F64)_mm512_mask_blend_pd(m.v, (__m512d)b, (__m512d)a); }
TW_INLINE I32 select(M32 m, I32 a, I32 b) { return (I32)_mm512_mask_blend_epi32(m.v, (__m512i)b, (__m512i)a); }
TW_INLINE I64 select(M64 m, I64 a, I64 b) { return (I64)_mm512_mask_blend_epi64(m.v, (__m512i)b, (__m512i)a); }

TW_INLINE F32 sqrt(F32 x) { return (F32)_mm512_sqrt_ps((__m512)x); }
TW_INLINE F64 sqrt(F64 x) { return (F64)_mm512_sqrt_pd((__m512d)x); }
TW_INLINE F32 min_(F32 a, F32 b) { return (F32)_mm512_min_ps((__m512)a, (__m512)b); }
TW_INLINE F64 min_(F64 a, F64 b) { return (F64)_mm512_min_pd((__m512d)a, (__m512d)b); }
TW_INLINE F32 max_(F32 a, F32 b) { return (F32)_mm512_max_ps((__m512)a, (__m512)b); }
TW_INLINE F64 max_(F64 a, F64 b) { return (F64)_mm512_max_pd((__m512d)a, (__m512d)b); }
TW_INLINE I32 min_(I32 a, I32 b) { return (I32)_mm512_min_epi32((__m512i)a, (__m512i)b); }
TW_INLINE I64 min_(I64 a, I64 b) { return (I64)_mm512_min_epi64((__m512i)a, (__m512i)b); }
TW_INLINE I32 max_(I32 a, I32 b) { return (I32)_mm512_max_epi32((__m512i)a, (__m512i)b); }
TW_INLINE I64 max_(I64 a, I64 b) { return (I64)_mm512_max_epi64((__m512i)a, (__m512i)b); }
TW_INLINE F32 fma(F32 a, F32 b, F32 c) { return (F32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
TW_INLINE F64 fma(F64 a, F64 b, F64 c) { return (F64)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }

#define TW_ROUND(name, mode)                                                                             \
  TW_INLINE F32 name(F32 x) { return (F32)_mm512_roundscale_ps((__m512)x, (mode) | _MM_FROUND_NO_EXC); } \
  TW_INLINE F64 name(F64 x) { return (F64)_mm512_roundscale_pd((__m512d)x, (mode) | _MM_FROUND_NO_EXC); }
TW_ROUND(rint, _MM_FROUND_TO_NEAREST_INT)
TW_ROUND(floor, _MM_FROUND_TO_NEG_INF)
TW_ROUND(ceil, _MM_FROUND_TO_POS_INF)
TW_ROUND(trunc, _MM_FROUND_TO_ZERO)
#undef TW_ROUND

TW_INLINE I32 to_int(F32 x) { return (I32)_mm512_cvttps_epi32((__m512)x); }
TW_INLINE I64 to_int(F64 x) { return (I64)_mm512_cvttpd_epi64((__m512d)x); }
TW_INLINE F32 to_float(I32 x) { return (F32)_mm512_cvtepi32_ps((__m512i)x); }
TW_INLINE F64 to_float(I64 x) { return (F64)_mm512_cvtepi64_pd((__m512i)x); }

TW_INLINE F64x2 widen(F32 x) {
  return {(F64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)),
          (F64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1))};
}
TW_INLINE I64x2 widen(I32 x) {
  return {(I64)_mm512_cvtepi32_epi64(_mm512_castsi512_si256((__m512i)x)),
          (I64)_mm512_cvtepi32_epi64(_mm512_extracti32x8_epi32((__m512i)x, 1))};
}
TW_INLINE F32 narrow(F64x2 x) {
  __m512 low = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)x.lo));
  return (F32)_mm512_insertf32x8(low, _mm512_cvtpd_ps((__m512d)x.hi), 1);
}
TW_INLINE I32 narrow(I64x2 x) {
  __m512i low = _mm512_castsi256_si512(_mm512_cvtepi64_epi32((__m512i)x.lo));
  return (I32)_mm512_inserti32x8(low, _mm512_cvtepi64_epi32((__m512i)x.hi), 1);
}

// The variable shifts treat counts as unsigned and shift everything out when they are too large.
TW_INLINE I32 shl(I32 a, I32 n) { return (I32)_mm512_sllv_epi32((__m512i)a, (__m512i)n); }
TW_INLINE I64 shl(I64 a, I64 n) { return (I64)_mm512_sllv_epi64((__m512i)a, (__m512i)n); }
TW_INLINE I32 ushr(I32 a, I32 n) { return (I32)_mm512_srlv_epi32((__m512i)a, (__m512i)n); }
TW_INLINE I64 ushr(I64 a, I64 n) { return (I64)_mm512_srlv_epi64((__m512i)a, (__m512i)n); }
TW_INLINE I32 shr(I32 a, I32 n) { return (I32)_mm512_srav_epi32((__m512i)a, (__m512i)n); }
TW_INLINE I64 shr(I64 a, I64 n) { return (I64)_mm512_srav_epi64((__m512i)a, (__m512i)n); }

TW_INLINE void load_into(M32& m, const void* from) {
  __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(from));
  m.v = _mm_test_epi8_mask(bytes, bytes);
}
TW_INLINE void load_into(M64& m, const void* from) {
  __m128i bytes = _mm_loadl_epi64(static_cast<const __m128i*>(from));
  m.v = __mmask8(_mm_test_epi8_mask(bytes, bytes));
}
TW_INLINE void store(void* to, M32 m) { _mm_storeu_si128(static_cast<__m128i*>(to), _mm_maskz_set1_epi8(m.v, 1)); }
TW_INLINE void store(void* to, M64 m) { _mm_storel_epi64(static_cast<__m128i*>(to), _mm_maskz_set1_epi8(m.v, 1)); }

#define TW_FIRST(V, M, suffix, type)                                  \
  TW_INLINE void load_first_into(V& v, const void* from, int count) { \
    M m;                                                              \
    first_into(m, count);                                             \
    v = (V)_mm512_maskz_loadu_##suffix(m.v, from);                    \
  }                                                                   \
  TW_INLINE void store_first(void* to, V v, int count) {              \
    M m;                                                              \
    first_into(m, count);                                             \
    _mm512_mask_storeu_##suffix(to, m.v, (type)v);                    \
  }
TW_FIRST(F32, M32, ps, __m512)
TW_FIRST(F64, M64, pd, __m512d)
TW_FIRST(I32, M32, epi32, __m512i)
TW_FIRST(I64, M64, epi64, __m512i)
#undef TW_FIRST
template <class M>
TW_INLINE void load_first_bytes(M& m, const void* from, int count) {
  M first;
  first_into(first, count);
  __m128i bytes = _mm_maskz_loadu_epi8(first.v, from);
  m.v = decltype(m.v)(_mm_test_epi8_mask(bytes, bytes));
}
template <class M>
TW_INLINE void store_first_bytes(void* to, M m, int count) {
  M first;
  first_into(first, count);
  _mm_mask_storeu_epi8(to, first.v, _mm_maskz_set1_epi8(m.v, 1));
}
TW_INLINE void load_first_into(M32& m, const void* from, int count) { load_first_bytes(m, from, count); }
TW_INLINE void load_first_into(M64& m, const void* from, int count) { load_first_bytes(m, from, count); }
TW_INLINE void store_first(void* to, M32 m, int count) { store_first_bytes(to, m, count); }
TW_INLINE void store_first(void* to, M64 m, int count) { store_first_bytes(to, m, count); }

template <class V>
TW_INLINE V gather(const Element<V>* table, I32 index) {
  return (V)_mm512_i32gather_epi32((__m512i)index, table, 4);
}
template <class V>
TW_INLINE V gather(const Element<V>* table, I64 index) {
  return (V)_mm512_i64gather_epi64((__m512i)index, table, 8);
}
template <class V>
TW_INLINE V one_of_16(const Element<V>* table, I32 index) {
  return (V)_mm512_permutexvar_epi32((__m512i)index, _mm512_loadu_si512(table));
}
template <class V>
TW_INLINE V one_of_8(const Element<V>* table, I32 index) {
  const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table));
  return (V)_mm512_permutexvar_epi32((__m512i)index, _mm512_broadcast_i64x4(eight));
}

// y * 2**floor(n), rounded once: what the library's _scale makes of its arguments.
#define TW_SCALES
TW_INLINE F32 scale(F32 y, F32 n) { return (F32)_mm512_scalef_ps((__m512)y, (__m512)n); }
TW_INLINE F64 scale(F64 y, F64 n) { return (F64)_mm512_scalef_pd((__m512d)y, (__m512d)n); }

}  // namespace TW_ISA_NS
}  // namespace tw
