// The primitives on 64-bit values in kernels of 32-bit lanes: each half on its own. Part of vec.h.
#pragma once

namespace tw {
namespace TW_ISA_NS {

#define TW_PAIR_UNARY(name)           \
  template <class V>                  \
  TW_INLINE Pair<V> name(Pair<V> a) { \
    return {name(a.lo), name(a.hi)};  \
  }
#define TW_PAIR_BINARY(name)                     \
  template <class V>                             \
  TW_INLINE Pair<V> name(Pair<V> a, Pair<V> b) { \
    return {name(a.lo, b.lo), name(a.hi, b.hi)}; \
  }
#define TW_PAIR_COMPARE(name)                        \
  template <class V>                                 \
  TW_INLINE M32 name(Pair<V> a, Pair<V> b) {         \
    return join(name(a.lo, b.lo), name(a.hi, b.hi)); \
  }
#define TW_PAIR_SHIFT_BY(name)             \
  template <int n, class V>                \
  TW_INLINE Pair<V> name(Pair<V> a) {      \
    return {name<n>(a.lo), name<n>(a.hi)}; \
  }
TW_PAIR_UNARY(neg)
TW_PAIR_UNARY(abs)
TW_PAIR_UNARY(sqrt)
TW_PAIR_UNARY(floor)
TW_PAIR_UNARY(ceil)
TW_PAIR_UNARY(trunc)
TW_PAIR_UNARY(rint)
TW_PAIR_UNARY(not_)
TW_PAIR_BINARY(add)
TW_PAIR_BINARY(sub)
TW_PAIR_BINARY(mul)
TW_PAIR_BINARY(div)
TW_PAIR_BINARY(min_)
TW_PAIR_BINARY(max_)
TW_PAIR_BINARY(minimum)
TW_PAIR_BINARY(maximum)
TW_PAIR_BINARY(copysign)
TW_PAIR_BINARY(and_)
TW_PAIR_BINARY(or_)
TW_PAIR_BINARY(xor_)
TW_PAIR_BINARY(shl)
TW_PAIR_BINARY(shr)
TW_PAIR_BINARY(ushr)
TW_PAIR_BINARY(idiv_floor)
TW_PAIR_BINARY(imod_floor)
TW_PAIR_BINARY(idiv_trunc)
TW_PAIR_BINARY(irem_trunc)
TW_PAIR_COMPARE(lt)
TW_PAIR_COMPARE(le)
TW_PAIR_COMPARE(gt)
TW_PAIR_COMPARE(ge)
TW_PAIR_COMPARE(eq)
TW_PAIR_COMPARE(ne)
TW_PAIR_SHIFT_BY(shl_by)
TW_PAIR_SHIFT_BY(shr_by)
TW_PAIR_SHIFT_BY(ushr_by)
#undef TW_PAIR_UNARY
#undef TW_PAIR_BINARY
#undef TW_PAIR_COMPARE
#undef TW_PAIR_SHIFT_BY

TW_INLINE F64x2 fma(F64x2 a, F64x2 b, F64x2 c) { return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)}; }
TW_INLINE I64x2 bitcast(F64x2 x) { return {bitcast(x.lo), bitcast(x.hi)}; }
TW_INLINE F64x2 bitcast(I64x2 x) { return {bitcast(x.lo), bitcast(x.hi)}; }
TW_INLINE I64x2 to_int(F64x2 x) { return {to_int(x.lo), to_int(x.hi)}; }
TW_INLINE F64x2 to_float(I64x2 x) { return {to_float(x.lo), to_float(x.hi)}; }

template <class V>
TW_INLINE Pair<V> select(M32 m, Pair<V> a, Pair<V> b) {
  return {select(low(m), a.lo, b.lo), select(high(m), a.hi, b.hi)};
}

template <class V>
TW_INLINE Pair<V> splat_pair(Element<V> x) {
  return {splat<V>(x), splat<V>(x)};
}

template <class P, int size, class E>
TW_INLINE P lookup_pair(const E (&table)[size], I64x2 index) {
  return {lookup<decltype(P::lo)>(table, index.lo), lookup<decltype(P::lo)>(table, index.hi)};
}

}  // namespace TW_ISA_NS
}  // namespace tw
