// Divisors of integers, parts and neighbours of floating numbers.
#include <cmath>

#include "cpu/pointwise/broadcast_loop.h"
#include "declarations/number_theory.h"

namespace tw::cpu {
namespace {

uint64_t magnitude(int64_t x) { return x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x); }

uint64_t greatest_common_divisor(uint64_t a, uint64_t b) {
  while (b) a %= b, std::swap(a, b);
  return a;
}

uint64_t least_common_multiple(uint64_t a, uint64_t b) {
  const uint64_t divisor = greatest_common_divisor(a, b);
  return divisor ? a / divisor * b : 0;
}

// f of the magnitudes of both, as numbers that are not negative.
void fill_from_magnitudes(TensorRef self, TensorRef other, TensorRef out, uint64_t (*f)(uint64_t, uint64_t)) {
  if (promote_types(self.dtype(), other.dtype()) == kUInt64)
    return fill_from_pairs<uint64_t>(self, other, out, kUInt64, 100, f);
  fill_from_pairs<int64_t>(self, other, out, kInt64, 100, [f](int64_t a, int64_t b) {
    return static_cast<int64_t>(magnitude(static_cast<int64_t>(f(magnitude(a), magnitude(b)))));
  });
}

// The neighbour of `from` towards `to` among numbers whose bits count up with their magnitude.
template <class Bits>
Bits neighbour(Bits bits, bool away_from_zero) {
  return static_cast<Bits>(away_from_zero ? bits + 1 : bits - 1);
}

uint16_t next_half(uint16_t bits, float from, float to) {
  if (std::isnan(from) || std::isnan(to)) return bits | 0x7FFFu;
  if (from == 0) return std::signbit(to) ? uint16_t{0x8001} : uint16_t{1};
  return neighbour(bits, (to > from) == (from > 0));
}

// Of 16-bit dtypes, whose bits are handled as they stand.
void nextafter_half(TensorRef self, TensorRef other, TensorRef out) {
  const tw_dtype dtype = out.dtype();
  const Tensor from = dense(expand(self, out.shape()), dtype), to = dense(expand(other, out.shape()), dtype);
  const Tensor x = dense(from, kFloat32), y = dense(to, kFloat32);
  for (int64_t i = 0; i < out.numel(); ++i) {
    const bool same = x.data<float>()[i] == y.data<float>()[i];
    const uint16_t* bits = same ? to.data<uint16_t>() : from.data<uint16_t>();
    out.data<uint16_t>()[i] = same ? bits[i] : next_half(bits[i], x.data<float>()[i], y.data<float>()[i]);
  }
}

template <class T>
void take_apart(const T* x, int64_t count, T* mantissa, int32_t* exponent) {
  for (int64_t i = 0; i < count; ++i) {
    int e = 0;
    mantissa[i] = std::frexp(x[i], &e);
    exponent[i] = std::isfinite(x[i]) ? e : 0;
  }
}

}  // namespace

void gcd(TensorRef self, TensorRef other, TensorRef out) {
  fill_from_magnitudes(self, other, out, greatest_common_divisor);
}

void lcm(TensorRef self, TensorRef other, TensorRef out) {
  fill_from_magnitudes(self, other, out, least_common_multiple);
}

void frexp(TensorRef self, TensorRef mantissa, TensorRef exponent) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult mantissas(mantissa, dtype);
  visit_floating("frexp", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    take_apart(input.data<T>(), self.numel(), mantissas.data<T>(), exponent.data<int32_t>());
  });
  mantissas.commit();
}

void nextafter(TensorRef self, TensorRef other, TensorRef out) {
  if (out.dtype().bits == 16) return nextafter_half(self, other, out);
  visit_floating("nextafter", out.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    fill_from_pairs<T>(self, other, out, out.dtype(), 4, [](T a, T b) { return std::nextafter(a, b); });
  });
}

void xor_rows(TensorRef self, TensorRef out) {
  const Tensor rows = dense(self);
  const int64_t columns = self.size(1);
  parallel_for(0, self.size(0), grain_for(columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t bits = 0;
      for (int64_t k = 0; k < columns; ++k) bits ^= rows.data<int64_t>()[i * columns + k];
      out.data<int64_t>()[i] = bits;
    }
  });
}

}  // namespace tw::cpu
