#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/normalization.h"

namespace tw::composite {

Tensor batch_norm(TensorRef self, TensorRef weight, TensorRef bias, TensorRef running_mean, TensorRef running_var,
                  bool training, double momentum, double eps, bool /*cudnn_enabled*/) {
  return std::get<0>(ops::native_batch_norm(self, weight, bias, running_mean, running_var, training, momentum, eps));
}

Tensor layer_norm(TensorRef self, IntList normalized_shape, TensorRef weight, TensorRef bias, double eps,
                  bool /*cudnn_enable*/) {
  return std::get<0>(ops::native_layer_norm(self, normalized_shape, weight, bias, eps));
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
