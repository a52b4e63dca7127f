// Variance in two passes, covariance.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "declarations/statistics.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// In float32 for half precision, whose sums of squares overflow.
struct VarianceAndMean {
  Tensor variance, mean;
};

// In the dtype of the input.
Tensor narrowed(TensorRef result, TensorRef input) {
  if (result.dtype() == input.dtype() || is_complex(input.dtype())) return Tensor::retain(result);
  return ops::to_dtype(result, input.dtype());
}

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

VarianceAndMean variance_and_mean(TensorRef self, std::optional<IntList> dim, std::optional<Scalar> correction,
                                  std::optional<bool> unbiased, bool keepdim) {
  if (is_complex(self.dtype())) {
    const Tensor real = variance_and_mean(ops::real(self), dim, correction, unbiased, keepdim).variance;
    const Tensor imaginary = variance_and_mean(ops::imag(self), dim, correction, unbiased, keepdim).variance;
    return {ops::add(real, imaginary), ops::mean(self, dim, keepdim)};
  }
  const Tensor values = self.dtype().bits == 16 ? ops::to_dtype(self, kFloat32) : Tensor::retain(self);
  const double c = unbiased ? (*unbiased ? 1.0 : 0.0) : correction ? correction->real() : 1.0;
  const Tensor mean = ops::mean(values, dim, true);
  const Tensor deviations = ops::sub(values, mean);
  const Tensor squares = ops::squared_sum(is_complex(self.dtype()) ? ops::abs(deviations) : deviations, dim, keepdim);
  const Tensor variance = ops::div(squares, std::fmax(reduced_count(self, dim) - c, 0.0));
  return {variance, without_kept_dims(mean, dim, keepdim)};
}

}  // namespace

Tensor var(TensorRef self, std::optional<IntList> dim, std::optional<Scalar> correction, std::optional<bool> unbiased,
           bool keepdim) {
  return narrowed(variance_and_mean(self, dim, correction, unbiased, keepdim).variance, self);
}

Tensor std(TensorRef self, std::optional<IntList> dim, std::optional<Scalar> correction, std::optional<bool> unbiased,
           bool keepdim) {
  return narrowed(ops::sqrt(variance_and_mean(self, dim, correction, unbiased, keepdim).variance), self);
}

std::tuple<Tensor, Tensor> var_mean(TensorRef self, std::optional<IntList> dim, std::optional<Scalar> correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  const VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {narrowed(both.variance, self), narrowed(both.mean, self)};
}

std::tuple<Tensor, Tensor> std_mean(TensorRef self, std::optional<IntList> dim, std::optional<Scalar> correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  const VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {narrowed(ops::sqrt(both.variance), self), narrowed(both.mean, self)};
}

// ---- the older forms: unbiased as a positional argument --------------------------------------------------------

Tensor var_unbiased(TensorRef self, bool unbiased) { return var(self, std::nullopt, std::nullopt, unbiased, false); }
Tensor var_dim(TensorRef self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return var(self, dim, std::nullopt, unbiased, keepdim);
}
Tensor std_unbiased(TensorRef self, bool unbiased) { return std(self, std::nullopt, std::nullopt, unbiased, false); }
Tensor std_dim(TensorRef self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return std(self, dim, std::nullopt, unbiased, keepdim);
}
std::tuple<Tensor, Tensor> var_mean_unbiased(TensorRef self, bool unbiased) {
  return var_mean(self, std::nullopt, std::nullopt, unbiased, false);
}
std::tuple<Tensor, Tensor> var_mean_dim(TensorRef self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return var_mean(self, dim, std::nullopt, unbiased, keepdim);
}
std::tuple<Tensor, Tensor> std_mean_unbiased(TensorRef self, bool unbiased) {
  return std_mean(self, std::nullopt, std::nullopt, unbiased, false);
}
std::tuple<Tensor, Tensor> std_mean_dim(TensorRef self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return std_mean(self, dim, std::nullopt, unbiased, keepdim);
}

// ---- covariance -----------------------------------------------------------------------------------------------

namespace {

// The product of the weights, in a floating dtype; null if there are none.
Tensor observation_weights(TensorRef fweights, TensorRef aweights, tw_dtype dtype) {
  if (!fweights && !aweights) return Tensor();
  const Tensor f = fweights ? ops::to_dtype(fweights, dtype) : Tensor(),
               a = aweights ? ops::to_dtype(aweights, dtype) : Tensor();
  const Tensor both = f && a ? ops::mul(f, a) : f ? f : a;
  return ops::reshape(both, {both.numel()});
}

void check_weights(const char* name, TensorRef weights) {
  if (!weights || weights.numel() == 0 || weights.device().type != TW_DEVICE_CPU) return;
  if (!*ops::all(ops::ge(weights, 0)).data<uint8_t>()) throw fail(TW_E_VALUE, "cov: ", name, " must not be negative");
}

// What the sums of products are divided by; a tensor, as it depends on the weights.
Tensor covariance_divisor(TensorRef weights, TensorRef aweights, int64_t correction, TensorRef total) {
  if (!aweights || correction == 0) return ops::clamp_min(ops::sub(total, correction), 0);
  const Tensor a = ops::reshape(ops::to_dtype(aweights, weights.dtype()), {weights.numel()});
  const Tensor effective = ops::div(ops::sum(ops::mul(weights, a)), total);
  return ops::clamp_min(ops::sub(total, ops::mul(effective, correction)), 0);
}

}  // namespace

Tensor cov(TensorRef self, int64_t correction, TensorRef fweights, TensorRef aweights) {
  check_weights("fweights", fweights), check_weights("aweights", aweights);
  const bool complex = is_complex(self.dtype());
  const Tensor values = complex || is_floating(self.dtype()) ? Tensor::retain(self) : ops::mul(self, 1.0);
  const Tensor table = values.ndim() == 2 ? values : ops::reshape(values, {1, values.numel()});
  const tw_dtype dtype = complex ? ops::real(values).dtype() : values.dtype();
  const Tensor weights = observation_weights(fweights, aweights, dtype);
  const Tensor total = weights ? ops::sum(weights) : ops::full(IntList(), table.size(1), dtype, self.device());
  const int64_t last[] = {1};
  const Tensor weighted = weights ? ops::mul(table, weights) : table;
  const Tensor centred = ops::sub(table, ops::div(ops::sum(weighted, IntList(last, 1), true), total));
  const Tensor other = ops::t(complex ? ops::conj(centred) : centred);
  const Tensor products = ops::matmul(weights ? ops::mul(centred, weights) : centred, other);
  const Tensor result = ops::div(products, covariance_divisor(weights, aweights, correction, total));
  return self.ndim() == 2 ? result : ops::reshape(result, IntList());
}

Tensor corrcoef(TensorRef self) {
  const Tensor c = cov(self, 1, nullptr, nullptr);
  if (self.ndim() < 2) return ops::div(c, c);
  const Tensor variances = ops::diagonal(c);
  const Tensor deviations = ops::sqrt(is_complex(c.dtype()) ? ops::real(variances) : variances);
  const Tensor r = ops::div(ops::div(c, ops::unsqueeze(deviations, 1)), ops::unsqueeze(deviations, 0));
  if (!is_complex(r.dtype())) return ops::clamp(r, -1, 1);
  return ops::complex(ops::clamp(ops::real(r), -1, 1), ops::clamp(ops::imag(r), -1, 1));
}

Tensor cosine_similarity(TensorRef self, TensorRef other, int64_t dim, double eps) {
  if (self.shape().vec() != other.shape().vec()) {  // `dim` counts the dimensions of what both broadcast to
    tw_tensor* const both[] = {self.get(), other.get()};
    const std::vector<Tensor> same = ops::broadcast_tensors(TensorList(both, 2));
    return ops::cosine_similarity(same[0], same[1], dim, eps);
  }
  const int64_t dims[] = {dim};
  const auto length = [&](TensorRef t) { return ops::clamp_min(ops::norm(t, 2, IntList(dims, 1), true), eps); };
  return ops::sum(ops::mul(ops::div(self, length(self)), ops::div(other, length(other))), IntList(dims, 1), false);
}

}  // namespace tw::composite
