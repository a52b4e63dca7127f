// Conversions between dtypes, and copies of every second element or in reverse.
#include <tensorwright/simd/vec.h>

#include <algorithm>

#include "cpu/copies/movement.h"
#include "cpu/copies/truncation.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

// As many elements as fill a native vector of the wider type.
template <class E, int lanes>
using Lanes [[gnu::vector_size(lanes * sizeof(E))]] = E;

template <class From, class To>
constexpr int kStep = TW_VBYTES / static_cast<int>(std::max(sizeof(From), sizeof(To)));

// Whether every lane has a value that vector instructions truncate to an integer of the lane's width.
template <class V>
TW_INLINE bool truncates(V x) {
  return !any(not_(lt(abs(x), splat<V>(sizeof(Element<V>) == 4 ? 2147483648.0f : 9223372036854775808.0))));
}

// One vector converted, and stored to `to`.
template <class From, class To>
TW_INLINE void convert_vector(const void* from, void* to) {
  constexpr int lanes = kStep<From, To>;
  Lanes<From, lanes> x;
  std::memcpy(&x, from, sizeof x);
  Lanes<To, lanes> y;
  if constexpr (sizeof(From) == 1) {  // doubled twice: compilers do not know a larger step
    const Lanes<int16_t, lanes> doubled = __builtin_convertvector(x, Lanes<int16_t, lanes>);
    y = __builtin_convertvector(__builtin_convertvector(doubled, Lanes<int32_t, lanes>), Lanes<To, lanes>);
  } else {
    y = __builtin_convertvector(x, Lanes<To, lanes>);
  }
  std::memcpy(to, &y, sizeof y);
}

// By the processor's instruction where it has one: compilers widen vectors in halves.
TW_INLINE void uint8_to_float_vector(const void* from, void* to) {
#if defined(__AVX512F__) && TW_VBYTES == 64
  _mm512_storeu_ps(to, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(from)))));
#elif defined(__AVX2__) && TW_VBYTES == 32
  _mm256_storeu_ps(static_cast<float*>(to),
                   _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from)))));
#else
  convert_vector<uint8_t, float>(from, to);
#endif
}

// Floats to integers: lanes that need care are rare, and go one by one.
template <class From, class To>
TW_INLINE void truncate_vector(const void* from, void* to) {
  constexpr int lanes = kStep<From, int32_t>;
  From x[lanes];
  std::memcpy(x, from, sizeof x);
  Lanes<From, lanes> v;
  std::memcpy(&v, x, sizeof v);
  if (__builtin_expect(truncates(v), 1)) {
    const Lanes<int32_t, lanes> whole = __builtin_convertvector(v, Lanes<int32_t, lanes>);
    const Lanes<To, lanes> y = __builtin_convertvector(whole, Lanes<To, lanes>);
    std::memcpy(to, &y, sizeof y);
    return;
  }
  To y[lanes];
  for (int i = 0; i < lanes; ++i) y[i] = cpu::truncated_to<To>(x[i]);
  std::memcpy(to, y, sizeof y);
}

TW_INLINE void truth_vector(const void* from, void* to) {
  constexpr int lanes = TW_VBYTES / 4;
  Lanes<float, lanes> x;
  std::memcpy(&x, from, sizeof x);
  const Lanes<int32_t, lanes> truth = (x != 0.0f) & 1;
  const Lanes<uint8_t, lanes> y = __builtin_convertvector(truth, Lanes<uint8_t, lanes>);
  std::memcpy(to, &y, sizeof y);
}

// The last elements go through vectors of their own.
template <class From, class To, int lanes, class Convert>
TW_INLINE void convert_run(int64_t n, const void* from, void* to, Convert convert) {
  const From* in = static_cast<const From*>(from);
  To* out = static_cast<To*>(to);
  for (; n >= lanes; n -= lanes, in += lanes, out += lanes) convert(in, out);
  From rest[lanes] = {};
  To converted[lanes];
  std::memcpy(rest, in, static_cast<size_t>(n) * sizeof(From));
  convert(rest, converted);
  std::memcpy(out, converted, static_cast<size_t>(n) * sizeof(To));
}

template <class From, class To>
void convert(int64_t n, const void* from, void* to) {
  convert_run<From, To, kStep<From, To>>(
      n, from, to, [](const void* x, void* y) TW_INLINE_LAMBDA { convert_vector<From, To>(x, y); });
}
template <class To>
void truncate_float(int64_t n, const void* from, void* to) {
  convert_run<float, To, TW_VBYTES / 4>(
      n, from, to, [](const void* x, void* y) TW_INLINE_LAMBDA { truncate_vector<float, To>(x, y); });
}
void uint8_to_float(int64_t n, const void* from, void* to) {
  convert_run<uint8_t, float, TW_VBYTES / 4>(n, from, to, uint8_to_float_vector);
}
void float_to_bool(int64_t n, const void* from, void* to) {
  convert_run<float, uint8_t, TW_VBYTES / 4>(n, from, to, truth_vector);
}

// The even lanes of two vectors, or all lanes of one in reverse.
template <class V, int... i>
TW_INLINE V even_lanes(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (2 * i)...);
}
template <class V, int... i>
TW_INLINE V reversed_lanes(V a, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, a, (lanes_of<V> - 1 - i)...);
}

bool all_between(int64_t n, const int64_t* values, int64_t low, int64_t high) {
  const I64 least = splat<I64>(low), limit = splat<I64>(high);
  M64 outside = lt(limit, least);
  int64_t i = 0;
  for (; i + lanes_of<I64> <= n; i += lanes_of<I64>) {
    const I64 v = load<I64>(values + i);
    outside = or_(outside, or_(lt(v, least), ge(v, limit)));
  }
  bool inside = !any(outside);
  for (; i < n; ++i) inside &= values[i] >= low && values[i] < high;
  return inside;
}

// to[i] = from[2 * i]
template <class V>
void every_second(int64_t n, const void* from, void* to) {
  using E = Element<V>;
  constexpr int lanes = lanes_of<V>;
  const E* in = static_cast<const E*>(from);
  E* out = static_cast<E*>(to);
  for (; n > lanes; n -= lanes, in += 2 * lanes, out += lanes)  // not the last vector: it would read beyond the end
    store(reinterpret_cast<char*>(out),
          even_lanes(load<V>(in), load<V>(in + lanes), std::make_integer_sequence<int, lanes>()));
  for (int64_t i = 0; i < n; ++i) std::memcpy(out + i, in + 2 * i, sizeof(E));
}

// to[i] = from[-i]
template <class V>
void reverse(int64_t n, const void* from, void* to) {
  using E = Element<V>;
  constexpr int lanes = lanes_of<V>;
  const E* in = static_cast<const E*>(from);
  E* out = static_cast<E*>(to);
  for (; n >= lanes; n -= lanes, in -= lanes, out += lanes)
    store(reinterpret_cast<char*>(out),
          reversed_lanes(load<V>(in - (lanes - 1)), std::make_integer_sequence<int, lanes>()));
  for (int64_t i = 0; i < n; ++i) std::memcpy(out + i, in - i, sizeof(E));
}

}  // namespace

extern const cpu::ConversionKernels kConversions;
const cpu::ConversionKernels kConversions = {truncate_float<int32_t>,
                                             truncate_float<uint8_t>,
                                             float_to_bool,
                                             uint8_to_float,
                                             convert<int64_t, float>,
                                             convert<int32_t, float>,
                                             convert<float, double>,
                                             convert<double, float>,
                                             every_second<F32>,
                                             every_second<F64>,
                                             reverse<F32>,
                                             reverse<F64>,
                                             all_between};

}  // namespace TW_ISA_NS
}  // namespace tw
