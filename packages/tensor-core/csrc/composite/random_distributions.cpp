// Random numbers that are functions of uniform, normal and gamma-distributed ones.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/random_distributions.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/trigonometric.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>
#include <limits>

#include "declarations/random_distributions.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

Tensor uniform_like(TensorRef self, tw_object* generator, tw_dtype dtype) {
  return ops::rand(self.shape(), generator, dtype, self.device());
}

// The largest integer that random_() draws.
int64_t largest_integer(tw_dtype d) {
  if (d == kBool) return 1;
  if (is_floating(d))
    return int64_t{1} << (d == kFloat64 ? 53 : d == kFloat32 ? 24 : d == kFloat16 ? 11 : d == kBFloat16 ? 8 : 3);
  const int bits = d.bits - (d.code == TW_DT_UINT ? 0 : 1);
  return bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
}

Tensor integers(TensorRef self, int64_t low, int64_t end, tw_object* generator) {
  if (low >= end) throw fail(TW_E_VALUE, "random_: from must be less than to, got ", low, " and ", end);
  const tw_dtype drawn = self.dtype() == kBool ? kInt64 : self.dtype();
  return ops::to_dtype(ops::randint_low(low, end, self.shape(), generator, drawn, self.device()), self.dtype());
}

}  // namespace

// Gamma-distributed numbers over their sum; in float64, where those of small concentrations underflow less.
Tensor sample_dirichlet(TensorRef self, tw_object* generator) {
  const Tensor gammas = ops::standard_gamma(ops::to_dtype(self, kFloat64), generator);
  return ops::to_dtype(ops::div(gammas, ops::sum(gammas, IntList({-1}), true)), self.dtype());
}

Tensor cauchy(TensorRef self, double median, double sigma, tw_object* generator) {
  const Tensor u = uniform_like(self, generator, self.dtype());
  return ops::add(ops::mul(ops::tan(ops::mul(ops::sub(u, 0.5), M_PI)), sigma), median);
}

Tensor log_normal(TensorRef self, double mean, double std, tw_object* generator) {
  return ops::exp(ops::add(ops::mul(ops::randn_like(self, generator), std), mean));
}

// The number of trials is the smallest k with 1 - (1 - p)^k >= u.
Tensor geometric(TensorRef self, double p, tw_object* generator) {
  const Tensor u = uniform_like(self, generator, is_floating(self.dtype()) ? self.dtype() : kFloat64);
  const Tensor trials = ops::ceil(ops::div(ops::log1p(ops::neg(u)), std::log1p(-p)));
  return ops::to_dtype(ops::clamp_min(trials, 1), self.dtype());
}

Tensor random(TensorRef self, tw_object* generator) { return random_from(self, 0, std::nullopt, generator); }

Tensor random_to(TensorRef self, int64_t to, tw_object* generator) { return integers(self, 0, to, generator); }

Tensor random_from(TensorRef self, int64_t from_, std::optional<int64_t> to, tw_object* generator) {
  const int64_t last = largest_integer(self.dtype());
  const bool whole = !to && last == std::numeric_limits<int64_t>::max();  // the range's end has no number
  return integers(self, from_, to ? *to : whole ? last : last + 1, generator);
}

Tensor bernoulli_tensor(TensorRef self, TensorRef p, tw_object* generator) {
  const Tensor probabilities = ops::clone(ops::expand(p, self.shape()));
  return ops::to_dtype(ops::bernoulli(probabilities, generator), self.dtype());
}

Tensor bernoulli_one_p(TensorRef self, double p, tw_object* generator) { return ops::bernoulli_p(self, p, generator); }

Tensor normal_scalar_mean(double mean, TensorRef std, tw_object* generator) {
  return ops::add(ops::mul(ops::randn_like(std, generator), std), mean);
}

}  // namespace tw::composite
