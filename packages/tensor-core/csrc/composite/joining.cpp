#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/joining.h"

namespace tw::composite {

namespace {

template <class F>
Tensor cat_of(TensorList tensors, int64_t dim, F prepare) {
  std::vector<Tensor> parts;
  std::vector<tw_tensor*> handles;
  for (tw_tensor* t : tensors) parts.push_back(prepare(TensorRef(t))), handles.push_back(parts.back().get());
  return ops::cat(handles, dim);
}

}  // namespace

Tensor stack(TensorList tensors, int64_t dim) {
  return cat_of(tensors, dim, [&](TensorRef t) { return ops::unsqueeze(t, dim); });
}

Tensor hstack(TensorList tensors) {
  const int64_t dim = TensorRef(tensors[0]).ndim() <= 1 ? 0 : 1;
  return cat_of(tensors, dim, [](TensorRef t) { return t.ndim() == 0 ? ops::unsqueeze(t, 0) : Tensor::retain(t); });
}

Tensor vstack(TensorList tensors) {
  return cat_of(tensors, 0,
                [](TensorRef t) { return t.ndim() >= 2 ? Tensor::retain(t) : ops::reshape(t, {1, t.numel()}); });
}

}  // namespace tw::composite
