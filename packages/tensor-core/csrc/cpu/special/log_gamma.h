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
  double polynomial = 0;
  for (size_t k = std::size(tables::kLgammaOne); k-- > 0;) polynomial = polynomial * t + tables::kLgammaOne[k];
  return std::log(product) + t * polynomial;
}

// log(k!), by Stirling's series for large k.
inline double log_factorial(double k) {
  if (k < 16) return std::log(std::tgamma(k + 1));
  const double n = k + 1, z = 1 / (n * n);
  return (n - 0.5) * std::log(n) - n + 0.9189385332046727 +
         (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z / 1680))) / n;
}

}  // namespace tw::cpu
