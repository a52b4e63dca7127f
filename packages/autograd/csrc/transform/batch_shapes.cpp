#include "batch_shapes.h"

#include <tensorwright/ops/views.hpp>

#include "../text.h"

namespace tw::autograd {

std::vector<int64_t> behind_batch(IntList dims) {
  std::vector<int64_t> moved;
  for (const int64_t dim : dims) moved.push_back(behind_batch(dim));
  return moved;
}

void multiply(std::vector<int64_t>& shape, size_t dim, int64_t factor) {
  if (__builtin_mul_overflow(shape[dim], factor, &shape[dim]))
    throw Error(TW_E_SHAPE, text("vmap: shape ", IntList(shape), " times the batch is too large"));
}

Tensor padded(TensorRef physical, int ndim) {
  if (physical.ndim() >= ndim + 1) return Tensor::retain(physical);
  std::vector<int64_t> shape = physical.shape().vec();
  shape.insert(shape.begin() + 1, static_cast<size_t>(ndim + 1 - physical.ndim()), 1);
  return ops::reshape(physical, shape);
}

Tensor folded(TensorRef physical) {
  std::vector<int64_t> shape = physical.shape().vec();
  multiply(shape, 1, shape[0]);
  shape.erase(shape.begin());
  return ops::reshape(physical, shape);
}

Tensor as_channels(TensorRef physical) {
  std::vector<int64_t> order{1, 0};
  for (int64_t d = 2; d < physical.ndim(); ++d) order.push_back(d);
  const Tensor images = ops::permute(physical, order);
  std::vector<int64_t> shape = images.shape().vec();
  multiply(shape, 2, shape[1]);
  shape.erase(shape.begin() + 1);
  return ops::reshape(images, shape);
}

Tensor unfolded(TensorRef t, int64_t dim, int64_t batch) {
  std::vector<int64_t> shape = t.shape().vec();
  shape[dim] /= std::max<int64_t>(batch, 1);
  shape.insert(shape.begin() + dim, batch);
  return ops::reshape(t, shape);
}

}  // namespace tw::autograd
