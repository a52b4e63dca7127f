#include "cpu/copies/cast.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "cpu/copies/movement.h"
#include "cpu/copies/truncation.h"
#include "cpu/half.h"

namespace tw::cpu {

namespace {

struct Bool {
  uint8_t value;
};
template <class T>
struct Complex {
  T re, im;
};

template <class T>
constexpr bool is_complex_type = false;
template <class T>
constexpr bool is_complex_type<Complex<T>> = true;

// Every conversion goes through a number that C++ converts by itself.
template <class T>
T number(T x) {
  return x;
}
inline int32_t number(Bool b) { return b.value != 0; }
inline float number(Half h) { return to_float(h); }
inline float number(BFloat b) { return to_float(b); }
inline float number(Float8E4M3 b) { return to_float(b); }
inline float number(Float8E5M2 b) { return to_float(b); }

template <class To>
struct Convert {
  template <class N>
  static To from(N n) {
    if constexpr (std::is_same_v<To, Bool>)
      return {static_cast<uint8_t>(n != 0)};
    else if constexpr (std::is_same_v<To, Half>)
      return to_half(narrow(n));
    else if constexpr (std::is_same_v<To, BFloat>)
      return to_bfloat(narrow(n));
    else if constexpr (std::is_same_v<To, Float8E4M3>)
      return to_float8_e4m3(narrow(n));
    else if constexpr (std::is_same_v<To, Float8E5M2>)
      return to_float8_e5m2(narrow(n));
    else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<N>)
      return truncated_to<To>(n);
    else
      return static_cast<To>(n);
  }
  template <class N>
  static float narrow(N n) {
    if constexpr (std::is_same_v<N, float>)
      return n;
    else
      return round_to_odd(static_cast<double>(n));
  }
};

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From> && !std::is_same_v<To, Bool>) {
    return x;
  } else if constexpr (is_complex_type<To>) {
    using Part = decltype(To::re);
    if constexpr (is_complex_type<From>)
      return {static_cast<Part>(x.re), static_cast<Part>(x.im)};
    else
      return {Convert<Part>::from(number(x)), 0};
  } else if constexpr (is_complex_type<From>) {
    if constexpr (std::is_same_v<To, Bool>)
      return {static_cast<uint8_t>(x.re != 0 || x.im != 0)};
    else
      return Convert<To>::from(x.re);
  } else {
    return Convert<To>::from(number(x));
  }
}

// A conversion between dense runs that has a kernel of its own, or null.
template <class To, class From>
ConvertKernel vector_kernel() {
  if constexpr (std::is_same_v<From, Half> && std::is_same_v<To, float>)
    return movement_kernels().half_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Half>)
    return movement_kernels().float_to_half;
  else if constexpr (std::is_same_v<From, BFloat> && std::is_same_v<To, float>)
    return movement_kernels().bfloat_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat>)
    return movement_kernels().float_to_bfloat;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, int32_t>)
    return conversion_kernels().float_to_int32;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, uint8_t>)
    return conversion_kernels().float_to_uint8;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Bool>)
    return conversion_kernels().float_to_bool;
  else if constexpr (std::is_same_v<From, uint8_t> && std::is_same_v<To, float>)
    return conversion_kernels().uint8_to_float;
  else if constexpr (std::is_same_v<From, int64_t> && std::is_same_v<To, float>)
    return conversion_kernels().int64_to_float;
  else if constexpr (std::is_same_v<From, int32_t> && std::is_same_v<To, float>)
    return conversion_kernels().int32_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, double>)
    return conversion_kernels().float_to_double;
  else if constexpr (std::is_same_v<From, double> && std::is_same_v<To, float>)
    return conversion_kernels().double_to_float;
  else
    return nullptr;
}

// A copy of every second element, or backwards, to a dense run; null for others.
template <class To, class From>
ConvertKernel strided_kernel(int64_t from_step) {
  if constexpr (std::is_same_v<To, From> && (sizeof(To) == 4 || sizeof(To) == 8)) {
    const ConversionKernels& kernels = conversion_kernels();
    if (from_step == 2 * int64_t{sizeof(To)})
      return sizeof(To) == 4 ? kernels.every_second_32 : kernels.every_second_64;
    if (from_step == -int64_t{sizeof(To)}) return sizeof(To) == 4 ? kernels.reverse_32 : kernels.reverse_64;
  }
  return nullptr;
}

// Whether the compiler makes vectors of a loop that converts dense runs; of others one loop serves dense and strided.
template <class T>
constexpr bool has_vectors = std::is_arithmetic_v<T> || std::is_same_v<T, Bool>;

template <class To, class From>
void cast_run(int64_t n, const char* from, int64_t from_step, char* to, int64_t to_step) {
  if (from_step == sizeof(From) && to_step == sizeof(To)) {
    if constexpr (std::is_same_v<To, From> && !std::is_same_v<To, Bool>) {
      std::memmove(to, from, n * sizeof(To));
      return;
    }
    if (const ConvertKernel kernel = vector_kernel<To, From>()) return kernel(n, from, to);
    if constexpr (has_vectors<To> && has_vectors<From>) {
      for (int64_t i = 0; i < n; ++i) {
        From x;
        std::memcpy(&x, from + i * sizeof(From), sizeof x);
        const To y = convert<To>(x);
        std::memcpy(to + i * sizeof(To), &y, sizeof y);
      }
      return;
    }
  }
  if (to_step == sizeof(To))
    if (const ConvertKernel kernel = strided_kernel<To, From>(from_step)) return kernel(n, from, to);
  for (int64_t i = 0; i < n; ++i) {
    From x;
    std::memcpy(&x, from + i * from_step, sizeof x);
    const To y = convert<To>(x);
    std::memcpy(to + i * to_step, &y, sizeof y);
  }
}

// From and to the types in the order of DtypeId.
template <class To, class... From>
constexpr std::array<CastFn, kDtypes> casts_to() {
  return {cast_run<To, From>...};
}
template <class... T>
constexpr std::array<std::array<CastFn, kDtypes>, kDtypes> all_casts() {
  return {casts_to<T, T...>()...};
}

constexpr auto kCasts =
    all_casts<Bool, uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t, int64_t, Float8E4M3, Float8E5M2,
              Half, BFloat, float, double, Complex<float>, Complex<double>>();

}  // namespace

CastFn cast_function(DtypeId from, DtypeId to) { return kCasts[static_cast<int>(to)][static_cast<int>(from)]; }

}  // namespace tw::cpu
