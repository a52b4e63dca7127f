// Integer powers by repeated squaring, with wraparound (modulo 2^64).
#include <tensorwright/ops/copy.hpp>

#include "declarations/pointwise.h"

namespace tw::cpu {

namespace {

uint64_t power(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

uint64_t signed_power(uint64_t base, uint64_t exponent) {
  if (static_cast<int64_t>(exponent) >= 0) return power(base, exponent);
  if (base == ~uint64_t{0}) return exponent % 2 ? base : 1;  // of -1; otherwise the reciprocal, rounded towards zero
  return base == 1;
}

}  // namespace

void pow_integer(TensorRef self, TensorRef exponent, TensorRef out) {
  const Tensor base = ops::contiguous(self), powers = ops::contiguous(exponent);
  const auto* b = base.data<uint64_t>();
  const auto* e = powers.data<uint64_t>();
  auto* y = out.data<uint64_t>();
  const auto raise = self.dtype() == kUInt64 ? power : signed_power;
  parallel_for(0, out.numel(), 8192, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = raise(b[i], e[i]);
  });
}

}  // namespace tw::cpu
