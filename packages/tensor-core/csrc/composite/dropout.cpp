// Random omission of whole channels, and omission that keeps mean and variance.
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>

#include <cmath>

#include "declarations/dropout.h"

namespace tw::composite {

namespace {

// 1 where something is kept, 0 where not.
Tensor kept(TensorRef like, IntList shape, double p) {
  Tensor mask = ops::new_empty(like, shape);
  ops::bernoulli_p_(mask, 1 - p);
  return mask;
}

// One number for each channel.
std::vector<int64_t> channel_shape(TensorRef self) {
  std::vector<int64_t> shape(static_cast<size_t>(self.ndim()), 1);
  shape[0] = self.size(0), shape[1] = self.size(1);
  return shape;
}

// SELU's lowest value, with the sign changed: its scale times its alpha.
constexpr double kLowest = 1.7580993408473766;

Tensor alpha_dropped(TensorRef self, IntList mask_shape, double p) {
  if (p == 1) return ops::mul(self, 0.0);
  const double scale = 1 / std::sqrt((kLowest * kLowest * p + 1) * (1 - p));
  const Tensor mask = kept(self, mask_shape, p);
  const Tensor shift = ops::add(ops::mul(ops::sub(mask, 1.0), kLowest * scale), kLowest * scale * p);
  return ops::add(ops::mul(self, ops::mul(mask, scale)), shift);
}

}  // namespace

Tensor feature_dropout(TensorRef self, double p, bool train) {
  if (!train || p == 0) return Tensor::retain(self);
  if (p == 1) return ops::mul(self, 0.0);
  return ops::mul(self, ops::mul(kept(self, channel_shape(self), p), 1 / (1 - p)));
}

Tensor alpha_dropout(TensorRef self, double p, bool train) {
  return train && p != 0 ? alpha_dropped(self, self.shape(), p) : Tensor::retain(self);
}

Tensor feature_alpha_dropout(TensorRef self, double p, bool train) {
  return train && p != 0 ? alpha_dropped(self, channel_shape(self), p) : Tensor::retain(self);
}

}  // namespace tw::composite
