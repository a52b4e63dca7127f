// SIMD vectors at the native width and the scalar primitives of the expression language over their lanes.
//
// A unit is compiled once for each instruction set, with TW_ISA_NS naming the namespace its code goes into and
// TW_VBYTES the bytes of a vector. Every primitive gives the same bits on all of them; what each computes is specified
// in docs/expression-language.md and evaluated by tensorwright_codegen.expression. Compile with -ffp-contract=off
// -fno-math-errno.
#pragma once

#include "vec_types.h"

#if defined(TW_SIMD_PORTABLE) || !(defined(__x86_64__) || defined(__i386__))
#include "vec_generic.h"
#elif TW_VBYTES == 64
#include "vec_avx512.h"
#elif TW_VBYTES == 32
#include "vec_avx2.h"
#else
#include "vec_sse2.h"
#endif
#include "vec_unsigned.h"

namespace tw {
namespace TW_ISA_NS {

// -- arithmetic and bits of one native vector

template <class V>
TW_INLINE V add(V a, V b) {
  return (V)((Wrapping<V>)a + (Wrapping<V>)b);
}
template <class V>
TW_INLINE V sub(V a, V b) {
  return (V)((Wrapping<V>)a - (Wrapping<V>)b);
}
template <class V>
TW_INLINE V mul(V a, V b) {
  return (V)((Wrapping<V>)a * (Wrapping<V>)b);
}
template <class V>
TW_INLINE V div(V a, V b) {
  return a / b;
}
template <class V>
TW_INLINE V and_(V a, V b) {
  return a & b;
}
template <class V>
TW_INLINE V or_(V a, V b) {
  return a | b;
}
template <class V>
TW_INLINE V xor_(V a, V b) {
  return a ^ b;
}
template <class V>
TW_INLINE V not_(V a) {
  return ~a;
}
template <int n, class V>
TW_INLINE V shl_by(V a) {
  return (V)((Unsigned<V>)a << n);
}
template <int n, class V>
TW_INLINE V shr_by(V a) {
  return a >> n;
}
template <int n, class V>
TW_INLINE V ushr_by(V a) {
  return (V)((Unsigned<V>)a >> n);
}

TW_INLINE I32 bitcast(F32 x) { return (I32)x; }
TW_INLINE F32 bitcast(I32 x) { return (F32)x; }
TW_INLINE I64 bitcast(F64 x) { return (I64)x; }
TW_INLINE F64 bitcast(I64 x) { return (F64)x; }

TW_INLINE I32 sign_bit(F32) { return splat<I32>(INT32_MIN); }
TW_INLINE I64 sign_bit(F64) { return splat<I64>(INT64_MIN); }

#define TW_FLOAT_SIGN(V)                                                                                            \
  TW_INLINE V neg(V x) { return bitcast(bitcast(x) ^ sign_bit(x)); }                                                \
  TW_INLINE V abs(V x) { return bitcast(bitcast(x) & ~sign_bit(x)); }                                               \
  TW_INLINE V copysign(V a, V b) { return bitcast((bitcast(a) & ~sign_bit(a)) | (bitcast(b) & sign_bit(b))); }      \
  /* min_ gives its second argument for NaN and for zeros of both signs, so the two orders differ just there: or */ \
  /* keeps a NaN and prefers -0. */                                                                                 \
  TW_INLINE V minimum(V a, V b) { return bitcast(bitcast(min_(a, b)) | bitcast(min_(b, a))); }                      \
  TW_INLINE V maximum(V a, V b) { return neg(minimum(neg(a), neg(b))); }
TW_FLOAT_SIGN(F32)
TW_FLOAT_SIGN(F64)
#undef TW_FLOAT_SIGN

#define TW_INTEGER_SIGN(V)                                       \
  TW_INLINE V neg(V x) { return sub(V{}, x); }                   \
  TW_INLINE V abs(V x) { return select(lt(x, V{}), neg(x), x); } \
  TW_INLINE V minimum(V a, V b) { return min_(a, b); }           \
  TW_INLINE V maximum(V a, V b) { return max_(a, b); }
TW_INTEGER_SIGN(I32)
TW_INTEGER_SIGN(I64)
#undef TW_INTEGER_SIGN

// -- integer division: there is no vector instruction, and the scalar one traps on what these answer

template <class E>
TW_INLINE E quotient_of(E a, E b) {
  if (b == 0) return 0;
  return b == -1 ? E(0 - uint64_t(a)) : E(a / b);
}
template <class E>
TW_INLINE E remainder_of(E a, E b) {
  return b == 0 || b == -1 ? 0 : E(a % b);
}
template <class V>
TW_INLINE V idiv_trunc(V a, V b) {
  return per_lane(a, b, [](Element<V> x, Element<V> y) { return quotient_of(x, y); });
}
template <class V>
TW_INLINE V irem_trunc(V a, V b) {
  return per_lane(a, b, [](Element<V> x, Element<V> y) { return remainder_of(x, y); });
}
template <class V>
TW_INLINE V idiv_floor(V a, V b) {
  return per_lane(a, b, [](Element<V> x, Element<V> y) {
    Element<V> rest = remainder_of(x, y);
    return Element<V>(quotient_of(x, y) - (rest != 0 && (rest < 0) != (y < 0)));
  });
}
template <class V>
TW_INLINE V imod_floor(V a, V b) {
  return per_lane(a, b, [](Element<V> x, Element<V> y) {
    Element<V> rest = remainder_of(x, y);
    return Element<V>(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
  });
}

// Element `index` of a table, which it is an index of.
template <class V, int size, class I>
TW_INLINE V lookup_inside(const Element<V> (&table)[size], I index) {
  if constexpr (size == 16 && sizeof(Element<V>) == 4)
    return one_of_16<V>(&table[0], index);
  else if constexpr (size == 8 && sizeof(Element<V>) == 4)
    return one_of_8<V>(&table[0], index);
  else
    return gather<V>(&table[0], index);
}

// The same with the index clamped to the table.
template <class V, int size, class I>
TW_INLINE V lookup(const Element<V> (&table)[size], I index) {
  I top = splat<I>(size - 1);
  return lookup_inside<V>(table, min_(max_(index, I{}), top));
}

// -- masks over bytes

TW_INLINE M8 and_(M8 a, M8 b) { return {a.v & b.v}; }
TW_INLINE M8 or_(M8 a, M8 b) { return {a.v | b.v}; }
TW_INLINE M8 xor_(M8 a, M8 b) { return {a.v ^ b.v}; }
TW_INLINE M8 not_(M8 a) { return {a.v ^ uint8_t(1)}; }
TW_INLINE M8 select(M8 m, M8 a, M8 b) { return or_(and_(m, a), and_(not_(m), b)); }
TW_INLINE void splat_into(M8& m, uint8_t x) { m.v = x - U8{}; }
TW_INLINE void load_into(M8& m, const void* from) { std::memcpy(&m.v, from, sizeof m.v); }
TW_INLINE void store(void* to, M8 m) { std::memcpy(to, &m.v, sizeof m.v); }
TW_INLINE void load_first_into(M8& m, const void* from, int count) {
  m.v = U8{};
  std::memcpy(&m.v, from, size_t(at_most(count, TW_VBYTES)));
}
TW_INLINE void store_first(void* to, M8 m, int count) { std::memcpy(to, &m.v, size_t(at_most(count, TW_VBYTES))); }
TW_INLINE bool any(M8 m) {
  uint64_t words[TW_VBYTES / 8], found = 0;
  std::memcpy(words, &m.v, sizeof words);
  for (uint64_t word : words) found |= word;
  return found != 0;
}
TW_INLINE void first_into(M8& m, int count) {
  uint8_t ones[TW_VBYTES] = {};
  std::memset(ones, 1, size_t(at_most(count, TW_VBYTES)));
  load_into(m, ones);
}

// -- what the kernel loops use for numbers and masks alike; the elements of a mask are bytes

template <>
struct Lane<M8> {
  using Element = uint8_t;
  static constexpr int kCount = TW_VBYTES;
};
template <>
struct Lane<M32> {
  using Element = uint8_t;
  static constexpr int kCount = kLanes32;
};
template <>
struct Lane<M64> {
  using Element = uint8_t;
  static constexpr int kCount = kLanes64;
};

template <class V>
constexpr int bytes_of = lanes_of<V> * sizeof(Element<V>);

template <class V>
TW_INLINE V load_first(const void* from, int count) {
  V v;
  load_first_into(v, from, count);
  return v;
}
template <class M>
TW_INLINE M splat_mask(bool x) {
  M m;
  splat_into(m, uint8_t(x));
  return m;
}

// The mask itself: the generated code branches on it.
template <class M>
TW_INLINE M unlikely(M m) {
  return m;
}

// The mask that selects between values of V.
template <class V>
struct MaskFor {
  using Type = V;
};
template <>
struct MaskFor<F32> {
  using Type = M32;
};
template <>
struct MaskFor<I32> {
  using Type = M32;
};
template <>
struct MaskFor<F64> {
  using Type = M64;
};
template <>
struct MaskFor<I64> {
  using Type = M64;
};
template <>
struct MaskFor<U64> {
  using Type = M64;
};

// The mask of V's lanes below `count`.
template <class V>
TW_INLINE auto first_lanes(int count) {
  typename MaskFor<V>::Type m;
  first_into(m, count);
  return m;
}

}  // namespace TW_ISA_NS
}  // namespace tw

#include "vec_complex.h"
#include "vec_pair.h"
