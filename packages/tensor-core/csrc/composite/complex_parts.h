// Conjugates and parts of complex tensors; real ones stay as they are.
#pragma once

#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

namespace tw::composite {

inline Tensor real_part(TensorRef t) {
  return is_complex(t.dtype()) ? ops::select(ops::view_as_real(t), -1, 0) : Tensor::retain(t);
}

inline Tensor conjugate_of(TensorRef t) {
  if (!is_complex(t.dtype())) return Tensor::retain(t);
  const tw_dtype real = t.dtype() == kComplex128 ? kFloat64 : kFloat32;
  const Tensor signs = ops::arange(1, -2, -2, real, t.device());
  return ops::view_as_complex(ops::mul(ops::view_as_real(t), signs));
}

}  // namespace tw::composite
