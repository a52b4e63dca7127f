// Vector types of the native width, their loads and stores. Part of vec.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if (defined(__x86_64__) || defined(__i386__)) && !defined(TW_SIMD_PORTABLE)
// GCC's own header passes an undefined vector where every lane is overwritten, and warns about it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)  // which does not know this one
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef TW_ISA_NS
#error "TW_ISA_NS must name the namespace of the instruction set this unit is compiled for"
#endif
#ifndef TW_VBYTES
#error "TW_VBYTES must be the bytes of a native vector: 16, 32 or 64"
#endif

// Everything is forced inline: a function emitted out of line could be merged by the linker with one compiled for
// another instruction set, and vectors would travel through memory. Only functions of this namespace are shared: the
// long ones of the expression library, and all of it where x86-64 machines have neither AVX2 nor a fused multiply-add.
#define TW_INLINE static inline __attribute__((always_inline))
#define TW_SHARED inline __attribute__((noinline))
#if defined(__x86_64__) && TW_VBYTES == 16
#define TW_FUNCTION TW_SHARED
#else
#define TW_FUNCTION TW_INLINE
#endif
#define TW_INLINE_MEMBER inline __attribute__((always_inline))
#define TW_INLINE_LAMBDA __attribute__((always_inline))

namespace tw {
namespace TW_ISA_NS {

typedef float F32 __attribute__((vector_size(TW_VBYTES)));
typedef double F64 __attribute__((vector_size(TW_VBYTES)));
typedef int32_t I32 __attribute__((vector_size(TW_VBYTES)));
typedef int64_t I64 __attribute__((vector_size(TW_VBYTES)));
typedef uint32_t U32 __attribute__((vector_size(TW_VBYTES)));
typedef uint64_t U64 __attribute__((vector_size(TW_VBYTES)));
typedef uint8_t U8 __attribute__((vector_size(TW_VBYTES)));

// 64-bit values in a kernel whose lanes are 32 bits wide: lanes of the lower half, then of the upper half.
template <class V>
struct Pair {
  V lo, hi;
};
using F64x2 = Pair<F64>;
using I64x2 = Pair<I64>;

// Truth values of a kernel over bytes (b8): each byte 0 or 1.
struct M8 {
  U8 v;
};

template <class V>
struct Lane;
template <>
struct Lane<F32> {
  using Element = float;
  using Wrapping = F32;  // the type whose + - * wrap around where V's are undefined on overflow
  using Signed = I32;
  using Unsigned = U32;
  static constexpr int kCount = TW_VBYTES / 4;
};
template <>
struct Lane<F64> {
  using Element = double;
  using Wrapping = F64;
  using Signed = I64;
  using Unsigned = U64;
  static constexpr int kCount = TW_VBYTES / 8;
};
template <>
struct Lane<I32> {
  using Element = int32_t;
  using Wrapping = U32;
  using Signed = I32;
  using Unsigned = U32;
  static constexpr int kCount = TW_VBYTES / 4;
};
template <>
struct Lane<I64> {
  using Element = int64_t;
  using Wrapping = U64;
  using Signed = I64;
  using Unsigned = U64;
  static constexpr int kCount = TW_VBYTES / 8;
};
template <>
struct Lane<U64> {
  using Element = uint64_t;
  using Wrapping = U64;
  using Signed = I64;
  using Unsigned = U64;
  static constexpr int kCount = TW_VBYTES / 8;
};
template <class V>
using Element = typename Lane<V>::Element;
template <class V>
using Signed = typename Lane<V>::Signed;
template <class V>
using Unsigned = typename Lane<V>::Unsigned;
template <class V>
using Wrapping = typename Lane<V>::Wrapping;

template <class V>
constexpr int lanes_of = Lane<V>::kCount;
constexpr int kLanes32 = TW_VBYTES / 4;
constexpr int kLanes64 = TW_VBYTES / 8;

// Loads, stores and splats of numbers write through a reference, so that masks (whose lanes are bytes in memory) can
// overload them. The `first` forms take how many lanes exist in memory; the others are loaded as anything and not
// stored. That number may be larger than the lanes of a vector, up to 63: then they mean all.
template <class V>
TW_INLINE void splat_into(V& v, Element<V> x) {
  v = x - V{};  // not V{} + x, which would make +0 of -0
}

template <class V>
TW_INLINE void load_into(V& v, const void* from) {
  std::memcpy(&v, from, sizeof(V));
}

template <class V>
TW_INLINE void store(void* to, V v) {
  std::memcpy(to, &v, sizeof(V));
}

template <class V>
TW_INLINE V splat(Element<V> x) {
  V v;
  splat_into(v, x);
  return v;
}

template <class V>
TW_INLINE V load(const void* from) {
  V v;
  load_into(v, from);
  return v;
}

// f(0), ..., f(n - 1) written out, so that arrays indexed by the argument stay in registers.
template <class F, int... i>
TW_INLINE void unroll_sequence(F f, std::integer_sequence<int, i...>) {
  (f(i), ...);
}
template <int n, class F>
TW_INLINE void unroll(F f) {
  unroll_sequence(f, std::make_integer_sequence<int, n>());
}

TW_INLINE int at_most(int n, int limit) { return n < limit ? n : limit; }

// f of every lane, one at a time: for what an instruction set has no vector instruction for.
template <class R, class V, class F>
TW_INLINE R per_lane(V a, F f) {
  R r{};
  for (int i = 0; i < lanes_of<V>; ++i) r[i] = f(a[i]);
  return r;
}

template <class V, class F>
TW_INLINE V per_lane(V a, V b, F f) {
  V r{};
  for (int i = 0; i < lanes_of<V>; ++i) r[i] = f(a[i], b[i]);
  return r;
}

}  // namespace TW_ISA_NS
}  // namespace tw
