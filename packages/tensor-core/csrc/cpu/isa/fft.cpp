// Stockham passes over vectors of lines: element k of all lines is one pair of vectors, so every operation is a full
// one whatever the length, and each line gets the same bits however many there are.
#include <utility>

#include <tensorwright/simd/vec.h>
#include "cpu/fft/kernels.h"
#include "cpu/isa/transpose.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::FftLines;
using cpu::FftTables;

template <class V>
struct Value {
  V re, im;
};
template <class V>
TW_INLINE Value<V> operator+(Value<V> a, Value<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
TW_INLINE Value<V> operator-(Value<V> a, Value<V> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class V>
TW_INLINE Value<V> times_minus_i(Value<V> a) {
  return {a.im, -a.re};
}
template <class V>
TW_INLINE Value<V> scaled(Value<V> a, Element<V> factor) {
  return {a.re * factor, a.im * factor};
}
// By the root of unity w^k.
template <class V>
TW_INLINE Value<V> twiddled(Value<V> a, const Element<V>* roots, int64_t k) {
  const Element<V> c = roots[2 * k], s = roots[2 * k + 1];
  return {a.re * c - a.im * s, a.re * s + a.im * c};
}

// One pass: `length` / `radix` butterflies of elements `parts` * `stride` apart, each for `stride` finished parts.
template <class V>
struct Pass {
  const Value<V>* from;
  Value<V>* to;
  int64_t parts, stride;  // length of what is left, divided by the radix; product of the radices before
  const Element<V>* roots;
  int64_t length;
  TW_INLINE_MEMBER Value<V> get(int64_t p, int64_t j, int64_t q) const { return from[q + stride * (p + parts * j)]; }
};

template <class V>
void pass2(const Pass<V>& s) {
  for (int64_t p = 0; p < s.parts; ++p)
    for (int64_t q = 0; q < s.stride; ++q) {
      const Value<V> a = s.get(p, 0, q), b = s.get(p, 1, q);
      Value<V>* to = s.to + q + s.stride * 2 * p;
      to[0] = a + b;
      to[s.stride] = twiddled(a - b, s.roots, p * s.stride);
    }
}

template <class V>
void pass4(const Pass<V>& s) {
  for (int64_t p = 0; p < s.parts; ++p)
    for (int64_t q = 0; q < s.stride; ++q) {
      const Value<V> a = s.get(p, 0, q), b = s.get(p, 1, q), c = s.get(p, 2, q), d = s.get(p, 3, q);
      const Value<V> even = a + c, odd = a - c, sum = b + d, turned = times_minus_i(b - d);
      Value<V>* to = s.to + q + s.stride * 4 * p;
      to[0] = even + sum;
      to[s.stride] = twiddled(odd + turned, s.roots, p * s.stride);
      to[2 * s.stride] = twiddled(even - sum, s.roots, 2 * p * s.stride);
      to[3 * s.stride] = twiddled(odd - turned, s.roots, 3 * p * s.stride);
    }
}

// Odd radices: results k and radix - k share their cosines, and their sines but for the sign. R = 0 is one known only
// at run time.
template <class V, int R>
void pass_odd(const Pass<V>& s, int64_t radix_at_run_time) {
  const int64_t radix = R > 0 ? R : radix_at_run_time, half = radix / 2, step = s.length / radix;
  constexpr int kMost = R > 0 ? R / 2 : cpu::kLargestRadix / 2;
  for (int64_t p = 0; p < s.parts; ++p)
    for (int64_t q = 0; q < s.stride; ++q) {
      const Value<V> first = s.get(p, 0, q);
      Value<V> sums[kMost], differences[kMost], total = first;
      for (int64_t j = 0; j < half; ++j) {
        const Value<V> a = s.get(p, j + 1, q), b = s.get(p, radix - 1 - j, q);
        sums[j] = a + b, differences[j] = a - b;
        total = total + sums[j];
      }
      Value<V>* to = s.to + q + s.stride * radix * p;
      to[0] = total;
      for (int64_t k = 1; k <= half; ++k) {
        Value<V> cosines = first, sines{V{}, V{}};
        for (int64_t j = 0; j < half; ++j) {
          const int64_t root = (j + 1) * k % radix * step;
          cosines = cosines + scaled(sums[j], s.roots[2 * root]);
          sines = sines + scaled(differences[j], -s.roots[2 * root + 1]);
        }
        const Value<V> turned = times_minus_i(sines);
        to[k * s.stride] = twiddled(cosines + turned, s.roots, k * p * s.stride);
        to[(radix - k) * s.stride] = twiddled(cosines - turned, s.roots, (radix - k) * p * s.stride);
      }
    }
}

template <class V>
Value<V>* run_passes(const FftTables<Element<V>>& tables, Value<V>* from, Value<V>* to) {
  int64_t left = tables.length, stride = 1;
  for (int64_t i = 0; i < tables.factor_count; ++i) {
    const int64_t radix = tables.factors[i];
    left /= radix;
    const Pass<V> pass{from, to, left, stride, tables.roots, tables.length};
    if (radix == 4)
      pass4(pass);
    else if (radix == 2)
      pass2(pass);
    else if (radix == 3)
      pass_odd<V, 3>(pass, 3);
    else if (radix == 5)
      pass_odd<V, 5>(pass, 5);
    else if (radix == 7)
      pass_odd<V, 7>(pass, 7);
    else
      pass_odd<V, 0>(pass, radix);
    stride *= radix;
    std::swap(from, to);
  }
  return from;
}

// ---- lines to vectors and back: an inverse transform is a forward one of exchanged real and imaginary parts
// ----------

template <class V>
void gather(const FftLines<Element<V>>& lines, int64_t first, int64_t length, Value<V>* work) {
  const int re = lines.inverse ? 1 : 0, im = 1 - re;
  for (int64_t k = first; k < length; ++k) {
    Value<V> v{V{}, V{}};
    for (int64_t l = 0; l < lines.count; ++l) {
      const Element<V>* x = lines.in + 2 * (k * lines.in_element + l * lines.in_line);
      v.re[l] = x[re], v.im[l] = x[im];
    }
    work[k] = v;
  }
}

template <int first, class V, int... i>
TW_INLINE V every_second_of(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (first + 2 * i)...);
}

// Lines side by side: element k of all of them is contiguous.
template <class V>
void load_columns(const FftLines<Element<V>>& lines, int64_t length, Value<V>* work) {
  constexpr auto order = std::make_integer_sequence<int, lanes_of<V>>();
  for (int64_t k = 0; k < length; ++k) {
    const Element<V>* x = lines.in + 2 * k * lines.in_element;
    const V low = load<V>(x), high = load<V>(x + lanes_of<V>);
    const V even = every_second_of<0>(low, high, order), odd = every_second_of<1>(low, high, order);
    work[k] = lines.inverse ? Value<V>{odd, even} : Value<V>{even, odd};
  }
}

// Contiguous lines: squares of them are transposed in registers.
template <class V>
int64_t load_rows(const FftLines<Element<V>>& lines, int64_t length, Value<V>* work) {
  constexpr int n = lanes_of<V>, elements = n / 2;
  const int re = lines.inverse ? 1 : 0, im = 1 - re;
  int64_t k = 0;
  for (; k + elements <= length; k += elements) {
    V tile[n];
    for (int l = 0; l < n; ++l) tile[l] = load<V>(lines.in + 2 * (k + l * lines.in_line));
    transpose(tile);
    for (int e = 0; e < elements; ++e) work[k + e] = {tile[2 * e + re], tile[2 * e + im]};
  }
  return k;
}

template <class V>
TW_INLINE Value<V> finished(Value<V> v, const FftLines<Element<V>>& lines, int64_t k) {
  if (lines.twist) {
    const Element<V>* t = lines.twist + 2 * k * lanes_of<V>;
    const V c = load<V>(t), s = load<V>(t + lanes_of<V>);
    v = {v.re * c - v.im * s, v.re * s + v.im * c};
  }
  v = scaled(v, lines.scale);
  return lines.inverse ? Value<V>{v.im, v.re} : v;
}

template <class V>
void scatter(const FftLines<Element<V>>& lines, int64_t first, int64_t length, const Value<V>* work) {
  for (int64_t k = first; k < length; ++k) {
    const Value<V> v = finished(work[k], lines, k);
    for (int64_t l = 0; l < lines.count; ++l) {
      Element<V>* y = lines.out + 2 * (k * lines.out_element + l * lines.out_line);
      y[0] = v.re[l], y[1] = v.im[l];
    }
  }
}

template <class V>
void store_columns(const FftLines<Element<V>>& lines, int64_t length, const Value<V>* work) {
  constexpr auto order = std::make_integer_sequence<int, lanes_of<V>>();
  for (int64_t k = 0; k < length; ++k) {
    const Value<V> v = finished(work[k], lines, k);
    Element<V>* y = lines.out + 2 * k * lines.out_element;
    store(y, zip<0>(v.re, v.im, order));
    store(y + lanes_of<V>, zip<lanes_of<V> / 2>(v.re, v.im, order));
  }
}

template <class V>
int64_t store_rows(const FftLines<Element<V>>& lines, int64_t length, const Value<V>* work) {
  constexpr int n = lanes_of<V>, elements = n / 2;
  int64_t k = 0;
  for (; k + elements <= length; k += elements) {
    V tile[n];
    for (int e = 0; e < elements; ++e) {
      const Value<V> v = finished(work[k + e], lines, k + e);
      tile[2 * e] = v.re, tile[2 * e + 1] = v.im;
    }
    transpose(tile);
    for (int l = 0; l < n; ++l) store(lines.out + 2 * (k + l * lines.out_line), tile[l]);
  }
  return k;
}

template <class V>
void load_lines(const FftLines<Element<V>>& lines, int64_t length, Value<V>* work) {
  const bool full = lines.count == lanes_of<V>;
  if (full && lines.in_line == 1)
    load_columns(lines, length, work);
  else
    gather(lines, full && lines.in_element == 1 ? load_rows(lines, length, work) : 0, length, work);
}

template <class V>
void store_lines(const FftLines<Element<V>>& lines, int64_t length, const Value<V>* work) {
  const bool full = lines.count == lanes_of<V>;
  if (full && lines.out_line == 1)
    store_columns(lines, length, work);
  else
    scatter(lines, full && lines.out_element == 1 ? store_rows(lines, length, work) : 0, length, work);
}

// ---- lines of 2 h real numbers --------------------------------------------------------------------------------------

// From z, the transform of x[2j] + i x[2j+1], in place: X[k] = E + w^k O with E = (z[k] + conj z[h-k]) / 2 and
// O = (z[k] - conj z[h-k]) / 2i; then X[h-k] is the conjugate of E - w^k O.
template <class V>
void combine_halves(const Element<V>* roots, int64_t h, Value<V>* z) {
  const Value<V> first = z[0];
  z[0] = {first.re + first.im, V{}}, z[h] = {first.re - first.im, V{}};
  for (int64_t k = 1; k <= h - k; ++k) {
    const Value<V> a = z[k], b{z[h - k].re, -z[h - k].im};
    const Value<V> even = scaled(a + b, Element<V>(0.5));
    const Value<V> odd = twiddled(scaled(times_minus_i(a - b), Element<V>(0.5)), roots, k);
    z[k] = even + odd;
    z[h - k] = {even.re - odd.re, odd.im - even.im};
  }
}

// The other way: z[k] = E + i O with E = X[k] + conj X[h-k], O = conj w^k (X[k] - conj X[h-k]); z[h-k] has the
// conjugates of both. The imaginary parts of X[0] and X[h] do not count. The parts of z are exchanged.
template <class V>
void split_halves(const Element<V>* roots, int64_t h, Value<V>* z) {
  const V start = z[0].re, end = z[h].re;
  z[0] = {start - end, start + end};
  for (int64_t k = 1; k <= h - k; ++k) {
    const Value<V> a = z[k], b{z[h - k].re, -z[h - k].im};
    const Value<V> even = a + b, difference = a - b;
    const Element<V> c = roots[2 * k], s = roots[2 * k + 1];
    const Value<V> odd{difference.re * c + difference.im * s, difference.im * c - difference.re * s};
    z[k] = {even.im + odd.re, even.re - odd.im};
    z[h - k] = {odd.re - even.im, even.re + odd.im};
  }
}

template <class V>
void transform(const FftTables<Element<V>>& tables, const FftLines<Element<V>>& lines, Element<V>* room) {
  auto* work = reinterpret_cast<Value<V>*>(room);
  const int64_t n = tables.length;
  if (lines.half_roots && lines.inverse) {
    FftLines<Element<V>> coefficients = lines;
    coefficients.inverse = false;  // read as they are
    load_lines(coefficients, n + 1, work);
    split_halves(lines.half_roots, n, work);
  } else {
    load_lines(lines, n, work);
  }
  Value<V>* result = run_passes(tables, work, work + n);
  const bool to_coefficients = lines.half_roots && !lines.inverse;
  if (to_coefficients) combine_halves(lines.half_roots, n, result);
  store_lines(lines, n + (to_coefficients ? 1 : 0), result);
}

}  // namespace

extern const cpu::FftKernels<float> kFftF32;
extern const cpu::FftKernels<double> kFftF64;
const cpu::FftKernels<float> kFftF32 = {lanes_of<F32>, transform<F32>};
const cpu::FftKernels<double> kFftF64 = {lanes_of<F64>, transform<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
