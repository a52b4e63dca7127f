// Integer powers by repeated squaring, with wraparound (two's complement, modulo 2^64).
#include <tensorwright/ops/copy.hpp>

#include "declarations/pointwise.h"

namespace tw::cpu {

namespace {

int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0) {  // the reciprocal, rounded towards zero
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 ? -1 : 1;
    return 0;
  }
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1) result *= factor;
  return static_cast<int64_t>(result);
}

}  // namespace

void pow_integer(TensorRef self, TensorRef exponent, TensorRef out) {
  const Tensor base = ops::contiguous(self), powers = ops::contiguous(exponent);
  const auto* b = base.data<int64_t>();
  const auto* e = powers.data<int64_t>();
  auto* y = out.data<int64_t>();
  parallel_for(0, out.numel(), 8192, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = power(b[i], e[i]);
  });
}

}  // namespace tw::cpu
