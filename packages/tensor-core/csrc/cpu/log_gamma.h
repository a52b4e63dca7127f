// Logarithms of gamma functions for kernels; the C library's lgamma writes a global variable.
#pragma once

#include <cmath>

namespace tw::cpu {

// log Gamma(1 + t) / t for |t| <= 1/2, from the lowest power: table LGAMMA_ONE of ops/functions/gamma.expr.
constexpr double kLogGammaOne[] = {
    -0.5772156649015329,  0.8224670334241131,   -0.40068563438653065, 0.2705808084278366,   -0.20738555102889636,
    0.1695571769888392,   -0.14404989674293042, 0.12550967018227932,  -0.11133426744819344, 0.10009942900736879,
    -0.09095395937948512, 0.08335461458595932,  -0.07693389168797567, 0.07141895655769624,  -0.06664634848826916,
    0.06267540247447202,  -0.05907935115771443, 0.05402684381687545,  -0.05055361916461507, 0.05945369312534371,
    -0.05967209611450288, 0.00471934060040921,  0.005627198134008818, 0.1597915748331983,   -0.17545100195447957,
    -0.17487580734478056, 0.19662943603137412,  0.23325420200258892,  -0.24134519253805736};

// log Gamma(1 + a) for 0 <= a < 20, by Gamma(1 + a) = a (a - 1) ... (t + 1) Gamma(1 + t) with |t| <= 1/2.
inline double log_gamma_plus_one(double a) {
  double product = 1, t = a;
  for (; t > 0.5; t -= 1) product *= t;
  double polynomial = 0;
  for (int k = static_cast<int>(sizeof(kLogGammaOne) / sizeof(double)) - 1; k >= 0; --k)
    polynomial = polynomial * t + kLogGammaOne[k];
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
