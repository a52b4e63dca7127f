// Variance in two passes, norms.
#include <kernels.h>
#include <tensorwright/ops.hpp>

#include <cmath>

namespace tw::composite {

namespace {

struct VarianceAndMean {
  Tensor variance, mean;
};

double reduced_count(TensorRef self, const std::optional<IntList>& dim) {
  if (!dim || dim->empty()) return static_cast<double>(self.numel());
  double count = 1;
  for (int64_t d : *dim) count *= self.ndim() == 0 ? 1.0 : static_cast<double>(self.size(static_cast<int>(d)));
  return count;
}

Tensor without_kept_dims(Tensor t, const std::optional<IntList>& dim, bool keepdim) {
  if (keepdim) return t;
  return dim && !dim->empty() ? ops::squeeze(t, *dim) : ops::reshape(t, IntList());
}

// Half precision is summed in float32: its sums of squares overflow.
VarianceAndMean variance_and_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                  std::optional<bool> unbiased, bool keepdim) {
  const tw_dtype dtype = self.dtype();
  const bool narrow = dtype.bits == 16;
  const Tensor values = narrow ? ops::to_dtype(self, kFloat32) : Tensor::retain(self);
  const double c = unbiased ? (*unbiased ? 1.0 : 0.0) : correction.real();
  const Tensor mean = ops::mean(values, dim, true);
  const Tensor squares = ops::squared_sum(ops::sub(values, mean), dim, keepdim);
  const Tensor variance = ops::div(squares, std::fmax(reduced_count(self, dim) - c, 0.0));
  const Tensor center = without_kept_dims(mean, dim, keepdim);
  if (!narrow) return {variance, center};
  return {ops::to_dtype(variance, dtype), ops::to_dtype(center, dtype)};
}

}  // namespace

Tensor var(TensorRef self, std::optional<IntList> dim, const Scalar& correction, std::optional<bool> unbiased,
           bool keepdim) {
  return variance_and_mean(self, dim, correction, unbiased, keepdim).variance;
}

Tensor std(TensorRef self, std::optional<IntList> dim, const Scalar& correction, std::optional<bool> unbiased,
           bool keepdim) {
  return ops::sqrt(variance_and_mean(self, dim, correction, unbiased, keepdim).variance);
}

std::tuple<Tensor, Tensor> var_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {both.variance, both.mean};
}

std::tuple<Tensor, Tensor> std_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {ops::sqrt(both.variance), both.mean};
}

namespace {

// Of numbers that are not negative.
Tensor power(TensorRef x, double exponent) { return ops::exp(ops::mul(ops::log(x), exponent)); }

// Roots that have gradient 0 at 0, as a norm has.
Tensor safe_power(TensorRef x, double exponent) {
  const Tensor is_zero = ops::eq(x, 0);
  const Tensor base = ops::masked_fill(x, is_zero, 1);
  const Tensor root = exponent == 0.5 ? ops::sqrt(base) : power(base, exponent);
  return ops::masked_fill(root, is_zero, 0);
}

}  // namespace

Tensor norm(TensorRef self, const Scalar& p, std::optional<IntList> dim, bool keepdim) {
  const double order = p.real();
  if (order == 2) return safe_power(ops::squared_sum(self, dim, keepdim), 0.5);
  if (order == 0) return ops::to_dtype(ops::sum(ops::ne(self, 0), dim, keepdim), self.dtype());
  const Tensor magnitude = ops::abs(self);
  if (order == 1) return ops::sum(magnitude, dim, keepdim);
  if (std::isinf(order)) return order > 0 ? ops::amax(magnitude, dim, keepdim) : ops::amin(magnitude, dim, keepdim);
  return safe_power(ops::sum(power(magnitude, order), dim, keepdim), 1 / order);
}

Tensor cosine_similarity(TensorRef self, TensorRef other, int64_t dim, double eps) {
  const int64_t dims[] = {dim};
  const auto length = [&](TensorRef t) { return ops::clamp_min(ops::norm(t, 2, IntList(dims, 1), true), eps); };
  return ops::sum(ops::mul(ops::div(self, length(self)), ops::div(other, length(other))), IntList(dims, 1), false);
}

}  // namespace tw::composite
