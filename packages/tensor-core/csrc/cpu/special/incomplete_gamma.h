// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), for a number type that may carry the
// derivative by a (dual_number.h).
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "cpu/special/dual_number.h"
#include "cpu/special/log_gamma.h"

namespace tw::cpu {

// psi(1 + a)
inline double digamma_plus_one(double a) {
  double sum = 0, x = a + 1;
  for (; x < 10; x += 1) sum -= 1 / x;
  const double z = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * 691.0 / 32760)))));
}

inline Dual log_gamma_plus_one(Dual a) { return {log_gamma_plus_one(a.value), digamma_plus_one(a.value) * a.slope}; }

// log(x / a) - t with t = (x - a) / a.
template <class R>
R log_ratio_less_excess(R a, double x) {
  using std::fabs, std::log;
  const R t = (R(x) - a) / a;
  if (fabs(value_of(t)) > 0.3) return log(R(x) / a) - t;
  const R s = t / (R(2) + t), square = s * s;  // log(1 + t) = 2 (s + s^3 / 3 + ...), and 2 s - t = -s t
  R power = square * s, sum = R(0);
  for (int k = 3; k < 40; k += 2) {
    const R term = power / R(k);
    sum = sum + term;
    if (fabs(value_of(term)) < 1e-18 * fabs(value_of(sum))) break;
    power = power * square;
  }
  return R(2) * sum - s * t;
}

// x^a e^-x / Gamma(a + 1).
template <class R>
R gamma_prefix(R a, double x) {
  using std::exp, std::log, std::sqrt;
  if (value_of(a) < 20) return exp(a * R(std::log(x)) - R(x) - log_gamma_plus_one(a));
  const R z = R(1) / (a * a);
  const R stirling = (R(1.0 / 12) - z * (R(1.0 / 360) - z * (R(1.0 / 1260) - z * R(1.0 / 1680)))) / a;
  return exp(a * log_ratio_less_excess(a, x) - stirling) / sqrt(R(6.283185307179586) * a);
}

// P by its series, for x that is not far above a.
template <class R>
R lower_series(R a, double x) {
  R term = R(1), sum = R(1);
  for (double n = 1; n < 100000; ++n) {
    term = term * R(x) / (a + R(n));
    sum = sum + term;
    if (value_of(term) < 1e-17 * value_of(sum)) break;
  }
  return gamma_prefix(a, x) * sum;
}

// Q by its continued fraction (method of Lentz 1976, as Thompson and Barnett 1986 changed it), for x > a.
template <class R>
R upper_fraction(R a, double x) {
  const double tiny = 1e-290;
  R b = R(x + 1) - a, c = R(1 / tiny), d = R(1) / b, h = d;
  for (double n = 1; n < 100000; ++n) {
    const R an = R(n) * (a - R(n));
    b = b + R(2);
    d = an * d + b;
    if (std::fabs(value_of(d)) < tiny) d = R(tiny);
    c = b + an / c;
    if (std::fabs(value_of(c)) < tiny) c = R(tiny);
    d = R(1) / d;
    const R step = d * c;
    h = h * step;
    if (std::fabs(value_of(step) - 1) < 1e-16) break;
  }
  return gamma_prefix(a, x) * a * h;
}

// Q for small x and a, where 1 - P would cancel: 1 - x^a / Gamma(1 + a) (1 + a sum of (-x)^n / ((a + n) n!)).
template <class R>
R upper_series(R a, double x) {
  using std::exp, std::expm1;
  R sum = R(0);
  double factor = 1;
  for (double n = 1; n < 60; ++n) {
    factor *= -x / n;
    const R term = R(factor) / (a + R(n));
    sum = sum + term;
    if (std::fabs(value_of(term)) < 1e-17 * std::fabs(value_of(sum))) break;
  }
  const R logarithm = a * R(std::log(x)) - log_gamma_plus_one(a);
  return -expm1(logarithm) - exp(logarithm) * a * sum;
}

// Coefficients of eta^n a^-k of Temme's expansion (DLMF 8.12.10, 8.12.11), from their recurrence, as kTemme[n][k];
// those that do not matter for a >= kTemmeLeast and |x - a| < kTemmeWidth a are 0.
constexpr double kTemmeLeast = 30, kTemmeWidth = 0.3;
constexpr int kTemmeOrders = 13, kTemmeTerms = 17;
extern const double kTemme[kTemmeTerms][kTemmeOrders];

// Q (or P, for sign -1) for large a and x near a (DLMF 8.12.3 to 8.12.8).
template <class R>
R uniform_expansion(R a, double x, double sign) {
  using std::erfc, std::exp, std::sqrt;
  const R ratio_less_one = (R(x) - a) / a;
  const R half_square = -log_ratio_less_excess(a, x);
  const bool at_a = value_of(half_square) <= 1e-30;
  // eta, of which half_square is half the square; near 0 it is mu - mu^2 / 3
  const R size = at_a ? ratio_less_one - ratio_less_one * ratio_less_one / R(3) : sqrt(R(2) * half_square);
  const R eta = !at_a && x < value_of(a) ? -size : size;
  std::array<R, kTemmeOrders> orders;  // side by side, so that the processor works on all at once
  orders.fill(R(0));
  for (int n = kTemmeTerms - 1; n >= 0; --n)
    for (size_t k = 0; k < orders.size(); ++k) orders[k] = orders[k] * eta + R(kTemme[n][k]);
  R sum = R(0);
  const R inverse = R(1) / a;
  for (size_t k = orders.size(); k-- > 0;) sum = sum * inverse + orders[k];
  const R rest = exp(-a * half_square) / sqrt(R(6.283185307179586) * a) * sum;
  const R normal = R(0.5) * erfc(R(sign) * eta * sqrt(a * R(0.5)));
  return sign > 0 ? normal + rest : normal - rest;
}

// P(a, x) or Q(a, x) for finite a > 0 and x > 0.
template <class R>
R incomplete_gamma(R a, double x, bool upper) {
  const double order = value_of(a);
  if (order >= kTemmeLeast && std::fabs(x - order) < kTemmeWidth * order)
    return uniform_expansion(a, x, upper ? 1.0 : -1.0);
  if (x > order && x > 1.1) {
    const R q = upper_fraction(a, x);
    return upper ? q : R(1) - q;
  }
  if (upper && x <= 1.1 && order < 1.1) return upper_series(a, x);
  const R p = lower_series(a, x);
  return upper ? R(1) - p : p;
}

}  // namespace tw::cpu
