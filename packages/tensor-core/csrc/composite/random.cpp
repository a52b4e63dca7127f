#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/random.h"

namespace tw::composite {

Tensor randint(int64_t high, IntList size, tw_object* generator, std::optional<tw_dtype> dtype,
               std::optional<tw_device> device) {
  return ops::randint_low(0, high, size, generator, dtype, device);
}

Tensor rand_like(TensorRef self, tw_object* generator, std::optional<tw_dtype> dtype) {
  return ops::rand(self.shape(), generator, dtype.value_or(self.dtype()), self.device());
}

Tensor randn_like(TensorRef self, tw_object* generator, std::optional<tw_dtype> dtype) {
  return ops::randn(self.shape(), generator, dtype.value_or(self.dtype()), self.device());
}

Tensor randint_like(TensorRef self, int64_t low, int64_t high, tw_object* generator, std::optional<tw_dtype> dtype) {
  return ops::randint_low(low, high, self.shape(), generator, dtype.value_or(self.dtype()), self.device());
}

Tensor normal_size(double mean, double std, IntList size, tw_object* generator, std::optional<tw_dtype> dtype,
                   std::optional<tw_device> device) {
  return ops::add(ops::mul(ops::randn(size, generator, dtype, device), std), mean);
}

Tensor normal_tensor(TensorRef mean, const Operand& std, tw_object* generator) {
  const Tensor center = std.is_tensor() ? ops::broadcast_to(mean, ops::add(mean, std).shape()) : Tensor::retain(mean);
  return ops::add(ops::mul(ops::randn_like(center, generator), std), center);
}

Tensor dropout(TensorRef self, double p, bool training) {
  if (!training || p == 0) return Tensor::retain(self);
  return ops::seeded_dropout(self, ops::dropout_seeds(self, {}), p);
}

}  // namespace tw::composite
