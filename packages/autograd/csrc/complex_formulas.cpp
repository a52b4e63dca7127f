// Gradients of functions of complex numbers that are not holomorphic. The gradient of a real L by z = x + iy is
// dL/dx + i dL/dy, so that dL = Re(conj(grad) dz).
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include "formulas.h"

namespace tw::autograd {

namespace {

struct ComplexScalar {
  explicit ComplexScalar(double real, double imag) : parts{real, imag} {}
  Scalar scalar() const {
    tw_value value{};
    value.tag = TW_COMPLEX;
    value.u.p = const_cast<double*>(parts);
    return Scalar(value);
  }
  double parts[2];
};

}  // namespace

Tensor scaled_conj(TensorRef grad, const Scalar& factor) {
  if (!factor.is_complex()) return scaled(grad, factor);
  return scaled(grad, ComplexScalar(factor.real(), -factor.imag()).scalar());
}

Tensor times_conj(TensorRef grad, const Operand& factor) {
  return factor.is_tensor() ? ops::mul(grad, conj(factor.tensor())) : scaled_conj(grad, factor.scalar());
}

// d(z / |z|) is the part of dz across z, over |z|.
Tensor sgn_backward(TensorRef grad, TensorRef self, TensorRef result) {
  if (!is_complex(self.dtype())) return zeros_like(grad);
  const Tensor along = ops::mul(ops::real(ops::mul(grad, conj(result))), result);
  const Tensor across = ops::div(ops::sub(grad, along), ops::abs(self));
  return ops::where(ops::eq(self, 0), 0, across);
}

// d arg z = Im(conj(z) dz) / |z|^2
Tensor angle_backward(TensorRef grad, TensorRef self) {
  if (!is_complex(self.dtype())) return zeros_like(grad);
  const Tensor turned = ops::mul(conj(ops::reciprocal(self)), ComplexScalar(0, 1).scalar());
  return ops::where(ops::eq(self, 0), 0, ops::mul(turned, grad));
}

Tensor imag_backward(TensorRef grad, tw_dtype dtype) {
  return ops::mul(cast(grad, dtype), ComplexScalar(0, 1).scalar());
}

Tensor imaginary(TensorRef grad) { return ops::imag(grad); }

}  // namespace tw::autograd
