// The primitives of an instruction set without a part of its own (aarch64 NEON through the compiler's vectors, and
// x86 with TW_SIMD_PORTABLE, which the tests use). Part of vec.h.
#pragma once

#include "vec_portable.h"

#if TW_VBYTES != 16
#error "the generic vectors are 16 bytes"
#endif

namespace tw {
namespace TW_ISA_NS {

template <class M>
TW_INLINE bool any_lane(M m) {
  bool found = false;
  for (int i = 0; i < int(sizeof m.v / sizeof m.v[0]); ++i) found |= m.v[i] != 0;
  return found;
}
TW_INLINE bool any(M32 m) { return any_lane(m); }
TW_INLINE bool any(M64 m) { return any_lane(m); }

TW_INLINE F32 sqrt(F32 x) {
  return per_lane<F32>(x, [](float e) { return __builtin_sqrtf(e); });
}
TW_INLINE F64 sqrt(F64 x) {
  return per_lane<F64>(x, [](double e) { return __builtin_sqrt(e); });
}
TW_INLINE F32 min_(F32 a, F32 b) { return select(lt(a, b), a, b); }
TW_INLINE F64 min_(F64 a, F64 b) { return select(lt(a, b), a, b); }
TW_INLINE F32 max_(F32 a, F32 b) { return select(gt(a, b), a, b); }
TW_INLINE F64 max_(F64 a, F64 b) { return select(gt(a, b), a, b); }

TW_INLINE F32 fma(F32 a, F32 b, F32 c) {
  F32 r{};
  for (int i = 0; i < kLanes32; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
}
TW_INLINE F64 fma(F64 a, F64 b, F64 c) {
  F64 r{};
  for (int i = 0; i < kLanes64; ++i) r[i] = __builtin_fma(a[i], b[i], c[i]);
  return r;
}

// Conversions out of range are undefined in C++, so they are sorted out first.
TW_INLINE I32 to_int(F32 x) {
  return per_lane<I32>(x, [](float e) { return e >= -0x1p31f && e < 0x1p31f ? int32_t(e) : INT32_MIN; });
}
TW_INLINE I64 to_int(F64 x) {
  return per_lane<I64>(x, [](double e) { return e >= -0x1p63 && e < 0x1p63 ? int64_t(e) : INT64_MIN; });
}
TW_INLINE F32 to_float(I32 x) { return __builtin_convertvector(x, F32); }
TW_INLINE F64 to_float(I64 x) { return __builtin_convertvector(x, F64); }

// By halves and not lane by lane: from lanes written out, GCC 12 drops a narrowing that is widened again.
typedef float HalfF32 __attribute__((vector_size(TW_VBYTES / 2)));
typedef int32_t HalfI32 __attribute__((vector_size(TW_VBYTES / 2)));
TW_INLINE F64x2 widen(F32 x) {
  HalfF32 lo = __builtin_shufflevector(x, x, 0, 1), hi = __builtin_shufflevector(x, x, 2, 3);
  return {__builtin_convertvector(lo, F64), __builtin_convertvector(hi, F64)};
}
TW_INLINE I64x2 widen(I32 x) {
  HalfI32 lo = __builtin_shufflevector(x, x, 0, 1), hi = __builtin_shufflevector(x, x, 2, 3);
  return {__builtin_convertvector(lo, I64), __builtin_convertvector(hi, I64)};
}
TW_INLINE F32 narrow(F64x2 x) {
  HalfF32 lo = __builtin_convertvector(x.lo, HalfF32), hi = __builtin_convertvector(x.hi, HalfF32);
  return __builtin_shufflevector(lo, hi, 0, 1, 2, 3);
}
TW_INLINE I32 narrow(I64x2 x) { return __builtin_shufflevector((I32)x.lo, (I32)x.hi, 0, 2, 4, 6); }

TW_INLINE void load_into(M32& m, const void* from) { load_first_into(m, from, kLanes32); }
TW_INLINE void load_into(M64& m, const void* from) { load_first_into(m, from, kLanes64); }
TW_INLINE void store(void* to, M32 m) { store_first(to, m, kLanes32); }
TW_INLINE void store(void* to, M64 m) { store_first(to, m, kLanes64); }

}  // namespace TW_ISA_NS
}  // namespace tw
