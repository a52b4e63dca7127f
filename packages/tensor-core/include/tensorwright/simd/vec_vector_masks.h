// Masks held as vectors of all-ones and all-zeros lanes, for instruction sets without mask registers. Part of vec.h.
#pragma once

#include "vec_types.h"

namespace tw {
namespace TW_ISA_NS {

struct M32 {
  I32 v;
};
struct M64 {
  I64 v;
};

#define TW_COMPARE(V, M)                        \
  TW_INLINE M lt(V a, V b) { return {a < b}; }  \
  TW_INLINE M le(V a, V b) { return {a <= b}; } \
  TW_INLINE M gt(V a, V b) { return {a > b}; }  \
  TW_INLINE M ge(V a, V b) { return {a >= b}; } \
  TW_INLINE M eq(V a, V b) { return {a == b}; } \
  TW_INLINE M ne(V a, V b) { return {a != b}; }
TW_COMPARE(F32, M32)
TW_COMPARE(I32, M32)
TW_COMPARE(F64, M64)
TW_COMPARE(I64, M64)
#undef TW_COMPARE

#define TW_MASK_LOGIC(M, E)                                                     \
  TW_INLINE M and_(M a, M b) { return {a.v & b.v}; }                            \
  TW_INLINE M or_(M a, M b) { return {a.v | b.v}; }                             \
  TW_INLINE M xor_(M a, M b) { return {a.v ^ b.v}; }                            \
  TW_INLINE M not_(M a) { return {~a.v}; }                                      \
  TW_INLINE M select(M m, M a, M b) { return {(m.v & a.v) | (~m.v & b.v)}; }    \
  TW_INLINE void splat_into(M& m, uint8_t x) { m.v = -E(x) - decltype(m.v){}; } \
  /* Lanes below `count`. */                                                    \
  TW_INLINE void first_into(M& m, int count) {                                  \
    decltype(m.v) index;                                                        \
    for (int i = 0; i < int(sizeof(m.v) / sizeof(E)); ++i) index[i] = E(i);     \
    m.v = index < E(count) - decltype(m.v){};                                   \
  }
TW_MASK_LOGIC(M32, int32_t)
TW_MASK_LOGIC(M64, int64_t)
#undef TW_MASK_LOGIC

// The mask of a pair's lanes from those of its halves, and back.
#if TW_VBYTES == 16
TW_INLINE M32 join(M64 lo, M64 hi) { return {__builtin_shufflevector((I32)lo.v, (I32)hi.v, 0, 2, 4, 6)}; }
TW_INLINE M64 low(M32 m) { return {(I64)__builtin_shufflevector(m.v, m.v, 0, 0, 1, 1)}; }
TW_INLINE M64 high(M32 m) { return {(I64)__builtin_shufflevector(m.v, m.v, 2, 2, 3, 3)}; }
#else
TW_INLINE M32 join(M64 lo, M64 hi) {
  return {__builtin_shufflevector((I32)lo.v, (I32)hi.v, 0, 2, 4, 6, 8, 10, 12, 14)};
}
TW_INLINE M64 low(M32 m) { return {(I64)__builtin_shufflevector(m.v, m.v, 0, 0, 1, 1, 2, 2, 3, 3)}; }
TW_INLINE M64 high(M32 m) { return {(I64)__builtin_shufflevector(m.v, m.v, 4, 4, 5, 5, 6, 6, 7, 7)}; }
#endif

}  // namespace TW_ISA_NS
}  // namespace tw
