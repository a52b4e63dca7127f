#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/normalization.h"

namespace tw::composite {

Tensor batch_norm(TensorRef self, TensorRef running_mean, TensorRef running_var, TensorRef weight, TensorRef bias,
                  bool training, double momentum, double eps) {
  return std::get<0>(ops::native_batch_norm(self, weight, bias, running_mean, running_var, training, momentum, eps));
}

Tensor layer_norm(TensorRef self, IntList normalized_shape, TensorRef weight, TensorRef bias, double eps) {
  return std::get<0>(ops::native_layer_norm(self, normalized_shape, weight, bias, eps));
}

Tensor group_norm(TensorRef self, int64_t num_groups, TensorRef weight, TensorRef bias, double eps) {
  const int64_t samples = self.size(0), channels = self.size(1);
  const int64_t row = samples * num_groups > 0 ? self.numel() / (samples * num_groups) : 0;
  const Tensor rows = ops::reshape(self, {samples * num_groups, row});
  Tensor result = ops::reshape(ops::layer_norm(rows, {row}, TensorRef(), TensorRef(), eps), self.shape());
  std::vector<int64_t> per_channel(static_cast<size_t>(self.ndim()), 1);
  per_channel[1] = channels;
  if (weight) result = ops::mul(result, ops::reshape(weight, per_channel));
  if (bias) result = ops::add(result, ops::reshape(bias, per_channel));
  return result;
}

Tensor logsumexp(TensorRef self, IntList dim, bool keepdim) {
  if (self.numel() == 0) return ops::log(ops::sum(ops::exp(self), dim, keepdim));
  // The maximum only keeps the exponentials in range; its gradient would cancel.
  const Tensor largest = ops::amax(ops::detach(self), dim, true);
  const Tensor offset = ops::where(ops::isfinite(largest), largest, 0);
  const Tensor result = ops::add(ops::log(ops::sum(ops::exp(ops::sub(self, offset)), dim, true)), offset);
  return keepdim ? result : ops::squeeze(result, dim);
}

Tensor normalize(TensorRef self, double p, IntList dim, double eps) {
  return ops::div(self, ops::clamp_min(ops::norm(self, p, dim, true), eps));
}

}  // namespace tw::composite
