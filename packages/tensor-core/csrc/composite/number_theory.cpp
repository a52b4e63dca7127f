// Scaling by powers of two, powers in double precision, the identity.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/number_theory.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/number_theory.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

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
  if (!self.is_tensor() && !exponent.is_tensor())
    throw fail(TW_E_TYPE, "float_power: self or exponent must be a tensor, got two numbers");
  const tw_dtype dtype = double_type(self) == kComplex128 ? kComplex128 : double_type(exponent);
  const tw_device device = self.is_tensor() ? self.tensor().device() : exponent.tensor().device();
  if (!exponent.is_tensor()) return ops::pow(as_tensor(self, dtype, device), exponent);
  return ops::pow(as_tensor(self, dtype, device), as_tensor(exponent, dtype, device));
}

Tensor hash_tensor(TensorRef self, IntList dim, bool keepdim, int64_t /*mode*/) {
  const int ndim = self.ndim();
  std::vector<bool> reduced(static_cast<size_t>(ndim), dim.empty());
  for (const int64_t d : dim)
    if (ndim > 0) reduced[static_cast<size_t>(d < 0 ? d + ndim : d)] = true;
  std::vector<int64_t> order, shape;
  int64_t rows = 1, columns = 1;
  for (const bool last : {false, true})
    for (int d = 0; d < ndim; ++d)
      if (reduced[static_cast<size_t>(d)] == last) order.push_back(d), (last ? columns : rows) *= self.size(d);
  for (int d = 0; d < ndim; ++d)
    if (!reduced[static_cast<size_t>(d)] || keepdim)
      shape.push_back(reduced[static_cast<size_t>(d)] ? 1 : self.size(d));
  const bool floating = is_floating(self.dtype());
  const Tensor wide = ops::to_dtype(self, floating ? kFloat64 : kInt64);
  const Tensor bits = floating ? ops::view_dtype(wide, kInt64) : wide;
  const Tensor hashes = ops::xor_rows(ops::reshape(ops::permute(bits, order), {rows, columns}));
  return ops::view_dtype(ops::reshape(hashes, shape), kUInt64);
}

Tensor positive(TensorRef self) { return Tensor::retain(self); }

}  // namespace tw::composite
