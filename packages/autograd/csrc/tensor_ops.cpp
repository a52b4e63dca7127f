#include "tensor_ops.h"

#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

namespace tw::autograd {

Tensor ones(TensorRef like) {
  Tensor result = empty(like.shape(), like.dtype(), like.device());
  ops::fill_(result, 1.0);
  return result;
}

Tensor zeros(IntList shape, tw_dtype dtype, tw_device device) {
  Tensor result = empty(shape, dtype, device);
  ops::fill_(result, 0.0);
  return result;
}

Tensor conj(TensorRef t) { return is_complex(t.dtype()) ? ops::conj_physical(t) : Tensor::retain(t); }

Tensor zeros_beside(TensorRef like, IntList shape, tw_dtype dtype) {
  if (like.get()->layers & (uint64_t{1} << TW_L_TRANSFORM)) return ops::new_zeros(like, shape, dtype);
  return zeros(shape, dtype, like.device());
}

Tensor cast(TensorRef t, tw_dtype dtype) { return t.dtype() == dtype ? Tensor::retain(t) : ops::_to_copy(t, dtype); }

Tensor sum_to(TensorRef grad, IntList shape, tw_dtype dtype) {
  Tensor result = Tensor::retain(grad);
  if (!same_shape(grad.shape(), shape)) {
    const int leading = grad.ndim() - static_cast<int>(shape.size());
    std::vector<int64_t> dims;
    for (int d = 0; d < grad.ndim(); ++d)
      if (d < leading || (shape[static_cast<size_t>(d - leading)] == 1 && grad.size(d) != 1)) dims.push_back(d);
    if (!dims.empty()) result = ops::sum(result, IntList(dims), true);
    if (leading > 0) result = ops::reshape(result, shape);
  }
  return cast(result, dtype);
}

bool has_nan(TensorRef t) {
  if (!carries_gradient(t.dtype())) return false;
  const LayerScope scope = LayerScope::without(uint64_t{1} << TW_L_AUTOGRAD);
  const Tensor found = ops::any(ops::isnan(t));
  return *found.data<const uint8_t>() != 0;
}

bool is_unique(TensorRef t) {
  if (!TW_HAS(g_host, tw_host, is_unique)) return false;
  int32_t unique = 0;
  check(g_host->is_unique(t.get(), &unique));
  return unique != 0;
}

}  // namespace tw::autograd
