// Numbers that carry a derivative: an algorithm written for a type R gives the derivative of what it computes with R =
// Dual, and only the value with R = double.
#pragma once

#include <cmath>

namespace tw::cpu {

struct Dual {
  double value, slope;
  Dual(double v = 0, double s = 0) : value(v), slope(s) {}
};

inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
inline Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
inline Dual operator-(Dual a) { return {-a.value, -a.slope}; }
inline Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
inline Dual operator/(Dual a, Dual b) {
  const double quotient = a.value / b.value;
  return {quotient, (a.slope - quotient * b.slope) / b.value};
}
inline Dual exp(Dual a) { return {std::exp(a.value), std::exp(a.value) * a.slope}; }
inline Dual expm1(Dual a) { return {std::expm1(a.value), std::exp(a.value) * a.slope}; }
inline Dual log(Dual a) { return {std::log(a.value), a.slope / a.value}; }
inline Dual log1p(Dual a) { return {std::log1p(a.value), a.slope / (1 + a.value)}; }
inline Dual sqrt(Dual a) { return {std::sqrt(a.value), a.slope / (2 * std::sqrt(a.value))}; }
inline Dual erfc(Dual a) {
  return {std::erfc(a.value), -1.1283791670955126 * std::exp(-a.value * a.value) * a.slope};  // 2 / sqrt(pi)
}

inline double value_of(double x) { return x; }
inline double value_of(Dual x) { return x.value; }

}  // namespace tw::cpu
