// Unsigned 64-bit lanes, through the signed ones where the bits are the same. Part of vec.h.
#pragma once

#include "vec_types.h"

namespace tw {
namespace TW_ISA_NS {

// The same order among signed numbers.
TW_INLINE I64 ordered(U64 x) { return (I64)(x ^ (U64{} + (uint64_t{1} << 63))); }

TW_INLINE M64 lt(U64 a, U64 b) { return lt(ordered(a), ordered(b)); }
TW_INLINE M64 le(U64 a, U64 b) { return le(ordered(a), ordered(b)); }
TW_INLINE M64 gt(U64 a, U64 b) { return gt(ordered(a), ordered(b)); }
TW_INLINE M64 ge(U64 a, U64 b) { return ge(ordered(a), ordered(b)); }
TW_INLINE M64 eq(U64 a, U64 b) { return eq((I64)a, (I64)b); }
TW_INLINE M64 ne(U64 a, U64 b) { return ne((I64)a, (I64)b); }

TW_INLINE U64 select(M64 m, U64 a, U64 b) { return (U64)select(m, (I64)a, (I64)b); }
TW_INLINE U64 min_(U64 a, U64 b) { return select(lt(a, b), a, b); }
TW_INLINE U64 max_(U64 a, U64 b) { return select(gt(a, b), a, b); }
TW_INLINE U64 minimum(U64 a, U64 b) { return min_(a, b); }
TW_INLINE U64 maximum(U64 a, U64 b) { return max_(a, b); }
TW_INLINE U64 neg(U64 x) { return U64{} - x; }
TW_INLINE U64 abs(U64 x) { return x; }

// A count beyond int64 is negative there, and as far outside the word.
TW_INLINE U64 shl(U64 a, U64 n) { return (U64)shl((I64)a, (I64)n); }
TW_INLINE U64 ushr(U64 a, U64 n) { return (U64)ushr((I64)a, (I64)n); }
TW_INLINE U64 shr(U64 a, U64 n) { return ushr(a, n); }

TW_INLINE U64 idiv_trunc(U64 a, U64 b) {
  return per_lane(a, b, [](uint64_t x, uint64_t y) { return y == 0 ? 0 : x / y; });
}
TW_INLINE U64 irem_trunc(U64 a, U64 b) {
  return per_lane(a, b, [](uint64_t x, uint64_t y) { return y == 0 ? 0 : x % y; });
}
TW_INLINE U64 idiv_floor(U64 a, U64 b) { return idiv_trunc(a, b); }
TW_INLINE U64 imod_floor(U64 a, U64 b) { return irem_trunc(a, b); }
TW_INLINE F64 to_float(U64 x) {
  return per_lane<F64>(x, [](uint64_t e) { return double(e); });
}

TW_INLINE void load_first_into(U64& v, const void* from, int count) {
  I64 bits;
  load_first_into(bits, from, count);
  v = (U64)bits;
}
TW_INLINE void store_first(void* to, U64 v, int count) { store_first(to, (I64)v, count); }

}  // namespace TW_ISA_NS
}  // namespace tw
