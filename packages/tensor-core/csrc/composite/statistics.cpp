// Variance in two passes.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "declarations/statistics.h"

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

VarianceAndMean variance_and_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                  std::optional<bool> unbiased, bool keepdim) {
  const Tensor values = self.dtype().bits == 16 ? ops::to_dtype(self, kFloat32) : Tensor::retain(self);
  const double c = unbiased ? (*unbiased ? 1.0 : 0.0) : correction.real();
  const Tensor mean = ops::mean(values, dim, true);
  const Tensor deviations = ops::sub(values, mean);
  const Tensor squares = ops::squared_sum(is_complex(self.dtype()) ? ops::abs(deviations) : deviations, dim, keepdim);
  const Tensor variance = ops::div(squares, std::fmax(reduced_count(self, dim) - c, 0.0));
  return {variance, without_kept_dims(mean, dim, keepdim)};
}

}  // namespace

Tensor var(TensorRef self, std::optional<IntList> dim, const Scalar& correction, std::optional<bool> unbiased,
           bool keepdim) {
  return narrowed(variance_and_mean(self, dim, correction, unbiased, keepdim).variance, self);
}

Tensor std(TensorRef self, std::optional<IntList> dim, const Scalar& correction, std::optional<bool> unbiased,
           bool keepdim) {
  return narrowed(ops::sqrt(variance_and_mean(self, dim, correction, unbiased, keepdim).variance), self);
}

std::tuple<Tensor, Tensor> var_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  const VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {narrowed(both.variance, self), narrowed(both.mean, self)};
}

std::tuple<Tensor, Tensor> std_mean(TensorRef self, std::optional<IntList> dim, const Scalar& correction,
                                    std::optional<bool> unbiased, bool keepdim) {
  const VarianceAndMean both = variance_and_mean(self, dim, correction, unbiased, keepdim);
  return {narrowed(ops::sqrt(both.variance), self), narrowed(both.mean, self)};
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
