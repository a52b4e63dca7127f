// Complex numbers in kernels: a vector of real parts and one of imaginary parts. In memory the two alternate, so loads
// take them apart and stores put them together; all arithmetic is generated on the parts. Part of vec.h.
#pragma once

namespace tw {
namespace TW_ISA_NS {

template <class V>
struct Complex {
  V re, im;
};
using C32 = Complex<F32>;
using C64 = Complex<F64>;

template <class E>
struct ComplexElement {
  E re, im;
};

template <class V>
struct Lane<Complex<V>> {
  using Element = ComplexElement<typename Lane<V>::Element>;
  static constexpr int kCount = Lane<V>::kCount;
};
template <class V>
struct MaskFor<Complex<V>> {
  using Type = typename MaskFor<V>::Type;
};

template <class V>
TW_INLINE V real(Complex<V> z) {
  return z.re;
}
template <class V>
TW_INLINE V imag(Complex<V> z) {
  return z.im;
}
template <class V>
TW_INLINE Complex<V> complex(V re, V im) {
  return {re, im};
}
template <class M, class V>
TW_INLINE Complex<V> select(M m, Complex<V> a, Complex<V> b) {
  return {select(m, a.re, b.re), select(m, a.im, b.im)};
}
template <class V>
TW_INLINE Complex<V> add(Complex<V> a, Complex<V> b) {
  return {add(a.re, b.re), add(a.im, b.im)};
}
template <class V>
TW_INLINE Complex<V> mul(Complex<V> a, Complex<V> b) {
  return {sub(mul(a.re, b.re), mul(a.im, b.im)), add(mul(a.re, b.im), mul(a.im, b.re))};
}
template <class V>
TW_INLINE void splat_into(Complex<V>& v, ComplexElement<Element<V>> x) {
  v = {splat<V>(x.re), splat<V>(x.im)};
}

// -- memory

template <class V, int... i>
TW_INLINE Complex<V> deinterleave(V a, V b, std::integer_sequence<int, i...>) {
  return {__builtin_shufflevector(a, b, (2 * i)...), __builtin_shufflevector(a, b, (2 * i + 1)...)};
}
template <class V>
TW_INLINE Complex<V> deinterleave(V a, V b) {
  return deinterleave(a, b, std::make_integer_sequence<int, lanes_of<V>>());
}
template <int first, class V, int... i>
TW_INLINE V interleave(Complex<V> z, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(z.re, z.im, (first + i / 2 + i % 2 * int(sizeof...(i)))...);
}
template <int first, class V>
TW_INLINE V interleave(Complex<V> z) {
  return interleave<first>(z, std::make_integer_sequence<int, lanes_of<V>>());
}

template <class V>
TW_INLINE void load_into(Complex<V>& z, const void* from) {
  const char* at = static_cast<const char*>(from);
  z = deinterleave(load<V>(at), load<V>(at + sizeof(V)));
}
template <class V>
TW_INLINE void store(void* to, Complex<V> z) {
  char* at = static_cast<char*>(to);
  store(at, interleave<0>(z));
  store(at + sizeof(V), interleave<lanes_of<V> / 2>(z));
}

// How many of the 2 * count parts lie in the upper of two vectors.
template <class V>
TW_INLINE int in_upper(int count) {
  return 2 * count > lanes_of<V> ? 2 * count - lanes_of<V> : 0;
}
template <class V>
TW_INLINE void load_first_into(Complex<V>& z, const void* from, int count) {
  const char* at = static_cast<const char*>(from);
  count = at_most(count, lanes_of<V>);
  z = deinterleave(load_first<V>(at, at_most(2 * count, lanes_of<V>)),
                   load_first<V>(at + sizeof(V), in_upper<V>(count)));
}
template <class V>
TW_INLINE void store_first(void* to, Complex<V> z, int count) {
  char* at = static_cast<char*>(to);
  count = at_most(count, lanes_of<V>);
  store_first(at, interleave<0>(z), at_most(2 * count, lanes_of<V>));
  store_first(at + sizeof(V), interleave<lanes_of<V> / 2>(z), in_upper<V>(count));
}

}  // namespace TW_ISA_NS
}  // namespace tw
