#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/gated_activation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/gated_activation.h"
#include "runtime/text.h"

namespace tw::composite {

Tensor prelu(TensorRef self, TensorRef weight) {
  if (weight.numel() == 1 || self.ndim() <= 1)
    return ops::prelu_pointwise(
        self, ops::reshape(weight, self.ndim() == 0 ? std::vector<int64_t>() : std::vector<int64_t>{-1}));
  std::vector<int64_t> shape(static_cast<size_t>(self.ndim()), 1);
  shape[1] = weight.numel();
  return ops::prelu_pointwise(self, ops::reshape(weight, shape));
}

Tensor rrelu(TensorRef self, const Scalar& lower, const Scalar& upper, bool training, tw_object* generator) {
  const double low = lower.real(), high = upper.real();
  if (!(low <= high)) throw fail(TW_E_VALUE, "rrelu: lower must not exceed upper, got ", low, " and ", high);
  if (!training) return ops::leaky_relu(self, (low + high) / 2);
  const Tensor slopes = ops::add(ops::mul(ops::rand_like(self, generator), high - low), low);
  return ops::prelu_pointwise(self, slopes);
}

Tensor glu(TensorRef self, int64_t dim) {
  const int64_t half = self.size(static_cast<int>(dim < 0 ? dim + self.ndim() : dim)) / 2;
  return ops::mul(ops::narrow(self, dim, 0, half), ops::sigmoid(ops::narrow(self, dim, half, half)));
}

}  // namespace tw::composite
