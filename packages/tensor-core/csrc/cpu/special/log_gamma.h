// Logarithms of gamma functions for kernels; the C library's lgamma writes a global variable.
#pragma once

#include <cmath>
#include <iterator>

#include "kernels/tables.h"

namespace tw::cpu {

// log Gamma(1 + a) for 0 <= a < 20, by Gamma(1 + a) = a (a - 1) ... (t + 1) Gamma(1 + t) with |t| <= 1/2.
inline double log_gamma_plus_one(double a) {
  double product = 1, t = a;
  for (; t > 0.5; t -= 1) product *= t;
  constexpr size_t count = std::size(tables::kLgammaOne), chains = 4;  // additions of one would wait for each other
  double sums[chains] = {};
  const double square = t * t, step = square * square;
  for (size_t k = (count + chains - 1) / chains * chains; k > 0; k -= chains)
    for (size_t c = 0; c < chains; ++c)
      sums[c] = sums[c] * step + (k - chains + c < count ? tables::kLgammaOne[k - chains + c] : 0.0);
  return std::log(product) + t * ((sums[0] + sums[1] * t) + square * (sums[2] + sums[3] * t));
}

// log(k!), by Stirling's series for large k.
inline double log_factorial(double k) {
  if (k < 16) return std::log(std::tgamma(k + 1));
  const double n = k + 1, z = 1 / (n * n);
  return (n - 0.5) * std::log(n) - n + 0.9189385332046727 +
         (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z / 1680))) / n;
}

}  // namespace tw::cpu
