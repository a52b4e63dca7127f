// Powers: of floats by expression, of integers by repeated squaring.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include <tuple>

#include "declarations/pointwise.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

tw_dtype promoted(const Operand& a, const Operand& b) {
  Promotion promotion;
  for (const Operand* operand : {&a, &b}) {
    if (operand->is_tensor())
      promotion.add(operand->tensor().dtype());
    else
      promotion.add_scalar(operand->value());
  }
  return promotion.result();
}

Tensor integer_power(const Operand& self, const Operand& exponent, tw_dtype dtype) {
  if (!exponent.is_tensor() && !exponent.scalar().is_unsigned() && exponent.scalar().integer() < 0)
    throw fail(TW_E_VALUE, "pow: an integer has no negative integer power; exponent is ", exponent.scalar(),
               "; convert self to a floating dtype");
  const tw_dtype wide = dtype == kUInt64 ? kUInt64 : kInt64;
  Tensor base = self.is_tensor() ? ops::to_dtype(self.tensor(), wide) : Tensor();
  Tensor power = exponent.is_tensor() ? ops::to_dtype(exponent.tensor(), wide) : Tensor();
  if (base && power)
    std::tie(base, power) = std::pair(ops::add(base, ops::mul(power, 0)), ops::add(ops::mul(base, 0), power));
  if (!base) base = power ? ops::full_like(power, self.scalar()) : ops::full({}, self.scalar(), wide);
  if (!power) power = ops::full_like(base, exponent.scalar());
  return ops::to_dtype(ops::pow_integer(base, power), dtype);
}

// The exponents that have a shorter and more accurate way than exp(exponent * log(z)).
Tensor complex_power(TensorRef z, const Scalar& exponent) {
  if (exponent.equals(0.5)) return ops::sqrt(z);
  if (exponent.equals(-0.5)) return ops::rsqrt(z);
  if (exponent.equals(-1.0)) return ops::reciprocal(z);
  if (exponent.equals(-2.0)) return ops::reciprocal(ops::square(z));
  if (exponent.equals(3.0)) return ops::mul(ops::square(z), z);
  return ops::pow_float(z, exponent);
}

}  // namespace

Tensor pow(const Operand& self, const Operand& exponent) {
  const tw_dtype dtype = promoted(self, exponent);
  if (is_integral(dtype) || dtype == kBool) return integer_power(self, exponent, dtype == kBool ? kInt64 : dtype);
  const bool square = !exponent.is_tensor() && exponent.scalar().equals(2.0) && self.is_tensor();
  if (square && self.tensor().dtype() == dtype)
    return ops::square(self.tensor());  // the same value, at a fraction of the cost
  if (is_complex(dtype) && self.is_tensor() && self.tensor().dtype() == dtype && !exponent.is_tensor())
    return complex_power(self.tensor(), exponent.scalar());
  return ops::pow_float(self, exponent);
}

}  // namespace tw::composite
