// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), for a number type that may carry the
// derivative by a (dual_number.h).
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "cpu/special/dual_number.h"
#include "cpu/special/log_gamma.h"

namespace tw::cpu {

// Series end when their terms are below a tolerance, relatively; above kSingle it is for results in float32.
constexpr double kFullTolerance = 1e-17, kSingle = 1e-12;

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
  R sum = R(1.0 / 25);                         // |s| < 0.18
  for (const double c :
       {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3})
    sum = sum * square + R(c);
  return R(2) * (sum * square * s) - s * t;
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

// P by its series, for x that is not far above a: four terms by one division.
template <class R>
R lower_series(R a, double x, double tolerance) {
  const R prefix = gamma_prefix(a, x);
  if (value_of(prefix) == 0) return prefix;  // nor are there powers that overflow below
  const double x4 = x * x * x * x;
  R term = R(1), sum = R(1);
  for (double n = 1; n < 100000; n += 4) {
    const R d1 = a + R(n), d2 = d1 + R(1), d3 = d1 + R(2), d4 = d1 + R(3);
    const R high = d3 * d4, scaled = term / (d1 * d2 * high);
    const R terms = scaled * R(x) * (d2 * high + R(x) * (high + R(x) * (d4 + R(x))));
    sum = sum + terms, term = scaled * R(x4);
    if (value_of(terms) < tolerance * value_of(sum)) break;
  }
  return prefix * sum;
}

// Legendre's continued fraction 1 / (b_0 + a_1 / (b_1 + ...)) with b_n = x + 1 - a + 2 n, a_n = n (a - n), from the
// numerators and denominators of its convergents; their quotient is looked at every four steps.
template <class R>
R fraction_by_convergents(R a, double x, double tolerance) {
  const double large = 1e150;
  R b = R(x + 1) - a, quotient = R(1) / b;
  R numerator = R(1), denominator = b, last_numerator = R(0), last_denominator = R(1);
  for (double n = 1; n < 100000;) {
    for (const double end = n + 4; n < end; ++n) {
      const R an = R(n) * (a - R(n));
      b = b + R(2);
      const R next_numerator = b * numerator + an * last_numerator;
      const R next_denominator = b * denominator + an * last_denominator;
      last_numerator = numerator, last_denominator = denominator;
      numerator = next_numerator, denominator = next_denominator;
    }
    const double before = value_of(quotient);
    quotient = numerator / denominator;
    if (std::fabs(value_of(quotient) - before) <= tolerance * std::fabs(before)) break;
    if (std::fabs(value_of(denominator)) < large) continue;
    for (R* part : {&numerator, &denominator, &last_numerator, &last_denominator}) *part = *part * R(1 / large);
  }
  return quotient;
}

// The same from ratios of neighbouring convergents (method of Lentz 1976, as Thompson and Barnett 1986 changed it): two
// divisions a step, but for small x, which takes many steps, four times as exact.
template <class R>
R fraction_by_ratios(R a, double x) {
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
  return h;
}

// Q by its continued fraction, for x > a.
template <class R>
R upper_fraction(R a, double x, double tolerance) {
  const R prefix = gamma_prefix(a, x);
  if (value_of(prefix) == 0) return prefix;
  const bool by_ratios = x < 5 && tolerance < kSingle;
  return prefix * a *
         (by_ratios ? fraction_by_ratios(a, x) : fraction_by_convergents(a, x, std::max(tolerance, 1e-16)));
}

// Q for small x and a, where 1 - P would cancel: 1 - x^a / Gamma(1 + a) (1 + a sum of (-x)^n / ((a + n) n!)).
template <class R>
R upper_series(R a, double x, double tolerance) {
  using std::exp, std::expm1;
  R sum = R(0);
  double factor = 1;
  for (double n = 1; n < 60; ++n) {
    factor *= -x / n;
    const R term = R(factor) / (a + R(n));
    sum = sum + term;
    if (std::fabs(value_of(term)) < tolerance * std::fabs(value_of(sum))) break;
  }
  const R logarithm = a * R(std::log(x)) - log_gamma_plus_one(a);
  return -expm1(logarithm) - exp(logarithm) * a * sum;
}

// Coefficients of eta^n a^-k of Temme's expansion (DLMF 8.12.10, 8.12.11), from their recurrence, as kTemme[n][k];
// those that do not matter for a >= kTemmeLeast and |x - a| < kTemmeWidth a are 0.
constexpr double kTemmeLeast = 30, kTemmeWidth = 0.3;
constexpr int kTemmeOrders = 13, kTemmeTerms = 17;
extern const double kTemme[kTemmeTerms][kTemmeOrders];

// Those that matter for a tolerance above kSingle.
constexpr int kSingleOrders = 6, kSingleTerms = 12;

template <int terms, int order_count, class R>
R temme_sum(R eta, R inverse) {
  std::array<R, order_count> orders;  // side by side, so that the processor works on all at once
  orders.fill(R(0));
  for (int n = terms - 1; n >= 0; --n)
    for (size_t k = 0; k < orders.size(); ++k) orders[k] = orders[k] * eta + R(kTemme[n][k]);
  R sum = R(0);
  for (size_t k = orders.size(); k-- > 0;) sum = sum * inverse + orders[k];
  return sum;
}

// Q (or P, for sign -1) for large a and x near a (DLMF 8.12.3 to 8.12.8).
template <class R>
R uniform_expansion(R a, double x, double sign, double tolerance) {
  using std::erfc, std::exp, std::sqrt;
  const R ratio_less_one = (R(x) - a) / a;
  const R half_square = -log_ratio_less_excess(a, x);
  const bool at_a = value_of(half_square) <= 1e-30;
  // eta, of which half_square is half the square; near 0 it is mu - mu^2 / 3
  const R size = at_a ? ratio_less_one - ratio_less_one * ratio_less_one / R(3) : sqrt(R(2) * half_square);
  const R eta = !at_a && x < value_of(a) ? -size : size;
  const R sum = tolerance > kSingle ? temme_sum<kSingleTerms, kSingleOrders>(eta, R(1) / a)
                                    : temme_sum<kTemmeTerms, kTemmeOrders>(eta, R(1) / a);
  const R rest = exp(-a * half_square) / sqrt(R(6.283185307179586) * a) * sum;
  const R normal = R(0.5) * erfc(R(sign) * eta * sqrt(a * R(0.5)));
  return sign > 0 ? normal + rest : normal - rest;
}

// P(a, x) or Q(a, x) for finite a > 0 and x > 0.
template <class R>
R incomplete_gamma(R a, double x, bool upper, double tolerance = kFullTolerance) {
  const double order = value_of(a);
  if (order >= kTemmeLeast && std::fabs(x - order) < kTemmeWidth * order)
    return uniform_expansion(a, x, upper ? 1.0 : -1.0, tolerance);
  if (x > order && x > 1.1) {
    const R q = upper_fraction(a, x, tolerance);
    return upper ? q : R(1) - q;
  }
  if (upper && x <= 1.1 && order < 1.1) return upper_series(a, x, tolerance);
  const R p = lower_series(a, x, tolerance);
  return upper ? R(1) - p : p;
}

}  // namespace tw::cpu
