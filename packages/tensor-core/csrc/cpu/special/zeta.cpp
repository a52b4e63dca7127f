// The Hurwitz zeta function and what is made of it.
#include <cmath>
#include <limits>

#include "cpu/pointwise/broadcast_loop.h"
#include "cpu/special/log_gamma.h"
#include "declarations/special.h"

namespace tw::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// (2 k)! / B(2 k), by which the terms of the formula of Euler and Maclaurin are divided.
constexpr double kBernoulli[] = {12.0,
                                 -720.0,
                                 30240.0,
                                 -1209600.0,
                                 47900160.0,
                                 -1892437580.3183792,
                                 74724249600.0,
                                 -2950130727918.164,
                                 116467828143500.67,
                                 -4597978722407473.0,
                                 1.8152105401943546e+17,
                                 -7.166165256175667e+18,
                                 2.82908877253043e+20};

// The sum of (k + a)^-s over k >= 0 for an `a` large against s.
double smooth_sum(double s, double a) {
  const double power = std::pow(a, -s);
  if (power == 0) return 0;
  double sum = power * a / (s - 1) + 0.5 * power;
  double factor = s * power / a, order = s;
  for (const double divisor : kBernoulli) {
    const double term = factor / divisor;
    sum += term;
    if (std::fabs(term) < 1e-17 * std::fabs(sum)) break;
    factor *= (order + 1) * (order + 2) / (a * a);
    order += 2;
  }
  return sum;
}

// The sum of (k + q)^-s over k >= 0, for q > 0: term by term until the rest is smooth, or adds nothing.
double positive_zeta(double s, double q) {
  const double start = 10 + 0.5 * s;
  double sum = 0;
  for (; q < start; q += 1) {
    const double term = std::pow(q, -s);
    sum += term;
    if (term <= 1e-17 * sum) return sum;
  }
  return sum + smooth_sum(s, q);
}

double zeta(double s, double q) {
  if (std::isnan(s) || std::isnan(q)) return kNaN;
  if (s == 1) return kInfinity;
  if (s < 1) return kNaN;
  if (q <= 0 && q == std::floor(q)) return kInfinity;
  if (q > 0) return q == kInfinity ? 0 : positive_zeta(s, q);
  if (s != std::floor(s)) return kNaN;  // a negative number to a power that is not an integer
  // The terms of negative k + q are, but for the sign, those from f to -q; the first positive one is that of 1 - f.
  const double f = -q - std::floor(-q);
  const double negative = positive_zeta(s, f) - positive_zeta(s, 1 - q);
  return (std::fmod(s, 2) == 0 ? negative : -negative) + positive_zeta(s, 1 - f);
}

// (-1)^(n + 1) n! zeta(n + 1, x); of large orders by logarithms, since the factorial overflows before the product.
double derivative_of_digamma(double n, double x) {
  const double sum = zeta(n + 1, x);
  const double size =
      n < 100 ? std::tgamma(n + 1) * std::fabs(sum) : std::exp(log_factorial(n) + std::log(std::fabs(sum)));
  return std::copysign(size, std::fmod(n, 2) == 0 ? -sum : sum);
}

}  // namespace

void hurwitz_zeta(TensorRef self, TensorRef other, TensorRef out) {
  fill_from_float_pairs("zeta", self, other, out, 400, zeta);
}

void polygamma_positive(TensorRef self, int64_t n, TensorRef out) {
  const double order = static_cast<double>(n);
  fill_from_float_pairs("polygamma", self, self, out, 400,
                        [order](double x, double) { return derivative_of_digamma(order, x); });
}

}  // namespace tw::cpu
