// Random numbers by inversion and rejection: gamma, Poisson, binomial.
#include <cmath>
#include <limits>

#include "cpu/pointwise/broadcast_loop.h"
#include "cpu/random/element_stream.h"
#include "cpu/special/incomplete_gamma.h"
#include "declarations/random_distributions.h"

namespace tw::cpu {
namespace {

// Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
double draw_gamma(double concentration, ElementStream& numbers) {
  if (!(concentration > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(concentration)) return concentration;
  const bool small = concentration < 1;
  const double d = (small ? concentration + 1 : concentration) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  double v = 0;
  for (bool accepted = false; !accepted;) {
    const double x = numbers.normal(), u = numbers.uniform();
    v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    accepted = std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v));
  }
  return small ? d * v * std::exp(std::log(numbers.uniform()) / concentration) : d * v;
}

// The first k at which the distribution function passes a uniform number; successive probabilities by their ratio.
template <class Ratio>
double draw_by_inversion(double probability, double u, double most, Ratio ratio) {
  double k = 0;
  while (u > probability && k < most) {
    u -= probability;
    ++k;
    probability *= ratio(k);
  }
  return k;
}

// Hörmann, "The transformed rejection method for generating Poisson random variables" (1993), algorithm PTRS.
double draw_large_poisson(double rate, ElementStream& numbers) {
  const double log_rate = std::log(rate), b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = numbers.uniform() - 0.5, v = numbers.uniform(), us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_rate - rate - log_factorial(k)) return k;
  }
}

// From so many expected events on the normal distribution is as close as rounding lets the logarithms below be.
constexpr double kManyEvents = 1e11;

double draw_poisson(double rate, ElementStream& numbers) {
  if (rate >= kManyEvents) return std::floor(rate + std::sqrt(rate) * numbers.normal());
  if (rate >= 10) return draw_large_poisson(rate, numbers);
  return draw_by_inversion(std::exp(-rate), numbers.uniform(), 1e9, [rate](double k) { return rate / k; });
}

// Hörmann, "The generation of binomial random variates" (1993), algorithm BTRS; for p <= 1/2 and n p >= 10.
double draw_large_binomial(double n, double p, ElementStream& numbers) {
  const double spread = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
  const double odds = std::log(p / (1 - p)), mode = std::floor((n + 1) * p);
  const double at_mode = log_factorial(mode) + log_factorial(n - mode);
  for (;;) {
    const double u = numbers.uniform() - 0.5, us = 0.5 - std::fabs(u);
    double v = numbers.uniform();
    const double k = std::floor((2 * a / us + b) * u + c);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= v_r) return k;
    v = std::log(v * alpha / (a / (us * us) + b));
    if (v <= at_mode - log_factorial(k) - log_factorial(n - k) + (k - mode) * odds) return k;
  }
}

double draw_binomial(double n, double p, ElementStream& numbers) {
  if (p > 0.5) return n - draw_binomial(n, 1 - p, numbers);
  const double variance = n * p * (1 - p);
  if (variance >= kManyEvents || (n >= 10 * kManyEvents && variance >= 1e6))
    return std::fmax(0, std::fmin(n, std::floor(n * p + std::sqrt(variance) * numbers.normal())));
  if (n >= 10 * kManyEvents) return draw_poisson(n * p, numbers);  // p is below 1e-6
  if (n * p >= 10) return draw_large_binomial(n, p, numbers);
  const double odds = p / (1 - p);
  return draw_by_inversion(std::exp(n * std::log1p(-p)), numbers.uniform(), n,
                           [n, odds](double k) { return (n - k + 1) / k * odds; });
}

template <class T>
void check_all(const T* x, int64_t count, const char* rule, bool (*holds)(double)) {
  for (int64_t i = 0; i < count; ++i)
    if (!holds(x[i])) throw fail(TW_E_VALUE, rule, ", got ", static_cast<double>(x[i]));
}

}  // namespace

void standard_gamma(TensorRef self, tw_object* generator, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("standard_gamma", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* concentration = input.data<T>();
    fill_by_element(generator, out.numel(), result.data<T>(), [=](int64_t i, ElementStream& numbers) {
      const double value = draw_gamma(concentration[i], numbers);
      return value < double{std::numeric_limits<T>::min()} ? double{std::numeric_limits<T>::min()} : value;
    });
  });
  result.commit();
}

void standard_gamma_grad(TensorRef self, TensorRef output, TensorRef out) {
  fill_from_float_pairs("standard_gamma_grad", self, output, out, 500, [](double a, double x) {
    if (!(a > 0) || !(x > 0)) return std::numeric_limits<double>::quiet_NaN();
    const double density = gamma_prefix(a, x) * a / x;
    // Where x is tiny P(a, x) is x^a / Gamma(a + 1), and the quotient x (psi(a + 1) - log x) / a.
    if (x < 1e-10 * std::fmin(1, a)) return x * (log_gamma_plus_one(Dual(a, 1)).slope - std::log(x)) / a;
    return -incomplete_gamma(Dual(a, 1), x, false).slope / density;
  });
}

void poisson(TensorRef self, tw_object* generator, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("poisson", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* rate = input.data<T>();
    check_all(rate, out.numel(), "poisson: rates must be finite and not negative",
              [](double x) { return x >= 0 && x < std::numeric_limits<double>::infinity(); });
    fill_by_element(generator, out.numel(), result.data<T>(),
                    [=](int64_t i, ElementStream& numbers) { return draw_poisson(rate[i], numbers); });
  });
  result.commit();
}

void binomial(TensorRef count, TensorRef prob, tw_object* generator, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor trials = dense(expand(count, out.shape()), dtype), chances = dense(expand(prob, out.shape()), dtype);
  StagedResult result(out, dtype);
  visit_floating("binomial", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* n = trials.data<T>();
    const T* p = chances.data<T>();
    check_all(n, out.numel(), "binomial: count must be finite and not negative",
              [](double x) { return x >= 0 && x < std::numeric_limits<double>::infinity(); });
    check_all(p, out.numel(), "binomial: prob must be between 0 and 1", [](double x) { return x >= 0 && x <= 1; });
    fill_by_element(generator, out.numel(), result.data<T>(), [=](int64_t i, ElementStream& numbers) {
      return draw_binomial(std::floor(double{n[i]}), p[i], numbers);
    });
  });
  result.commit();
}

}  // namespace tw::cpu
