// Scaling by powers of two, powers in double precision, the identity.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include "declarations/number_theory.h"
#include "runtime/dtype.h"

namespace tw::composite {

namespace {

tw_dtype double_type(const Operand& operand) {
  const bool complex = operand.is_tensor() ? is_complex(operand.tensor().dtype()) : operand.value().tag == TW_COMPLEX;
  return complex ? kComplex128 : kFloat64;
}

Tensor as_tensor(const Operand& operand, tw_dtype dtype, tw_device device) {
  if (operand.is_tensor()) return ops::to_dtype(operand.tensor(), dtype);
  return ops::full(IntList(), operand.scalar(), dtype, device);
}

}  // namespace

Tensor ldexp(TensorRef self, TensorRef other) { return ops::mul(self, ops::pow(2.0, other)); }

Tensor float_power(const Operand& self, const Operand& exponent) {
  const tw_dtype dtype = double_type(self) == kComplex128 ? kComplex128 : double_type(exponent);
  const tw_device device = self.is_tensor() ? self.tensor().device() : exponent.tensor().device();
  if (!exponent.is_tensor()) return ops::pow(as_tensor(self, dtype, device), exponent);
  return ops::pow(as_tensor(self, dtype, device), as_tensor(exponent, dtype, device));
}

Tensor positive(TensorRef self) { return Tensor::retain(self); }

}  // namespace tw::composite
