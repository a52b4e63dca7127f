// Special functions over kernels that take tensors of one floating dtype.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/special.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "declarations/special.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

struct Pair {
  Tensor first, second;
};

Tensor as_tensor(const Operand& operand, tw_dtype dtype, tw_device device) {
  if (operand.is_tensor()) return ops::to_dtype(operand.tensor(), dtype);
  return ops::full(IntList(), operand.scalar(), dtype, device);
}

// Both operands as tensors of the floating dtype that they promote to.
Pair float_pair(const char* op, const Operand& a, const Operand& b) {
  if (!a.is_tensor() && !b.is_tensor()) throw fail(TW_E_TYPE, op, ": an argument must be a tensor, got two numbers");
  Promotion promotion;
  tw_device device{TW_DEVICE_CPU, 0};
  for (const Operand* operand : {&a, &b}) {
    if (operand->is_tensor())
      promotion.add(operand->tensor().dtype()), device = operand->tensor().device();
    else
      promotion.add_scalar(operand->value());
  }
  const tw_dtype dtype = promotion.float_result();
  if (!is_floating(dtype)) throw fail(TW_E_TYPE, op, ": needs real numbers, got dtype ", dtype);
  return {as_tensor(a, dtype, device), as_tensor(b, dtype, device)};
}

Tensor polynomial(const char* op, const Operand& x, const Operand& n, std::string_view family) {
  const Pair pair = float_pair(op, x, n);
  return ops::orthogonal_polynomial(pair.first, pair.second, family);
}

Tensor shifted(const char* op, const Operand& x, const Operand& n, std::string_view family) {
  const Pair pair = float_pair(op, x, n);
  return ops::orthogonal_polynomial(ops::sub(ops::mul(pair.first, 2), 1), pair.second, family);
}

Tensor floating(TensorRef self) { return ops::to_dtype(self, to_float_type(self.dtype())); }

}  // namespace

Tensor special_zeta(const Operand& self, const Operand& other) {
  const Pair pair = float_pair("special.zeta", self, other);
  return ops::hurwitz_zeta(pair.first, pair.second);
}

Tensor polygamma(int64_t n, TensorRef self) {
  return n == 0 ? ops::digamma(self) : ops::polygamma_positive(floating(self), n);
}
Tensor polygamma_method(TensorRef self, int64_t n) { return polygamma(n, self); }

// log Gamma_p(x) = p (p - 1) / 4 log(pi) + the sum of log Gamma(x - j / 2) for j < p.
Tensor mvlgamma(TensorRef self, int64_t p) {
  const Tensor x = floating(self);
  const double order = static_cast<double>(p);
  const Tensor halves = ops::mul(ops::arange(0, p, 1, x.dtype(), x.device()), 0.5);
  const Tensor terms = ops::lgamma(ops::sub(ops::unsqueeze(x, -1), halves));
  return ops::add(ops::sum(terms, IntList({-1}), false), order * (order - 1) / 4 * std::log(M_PI));
}

Tensor special_chebyshev_polynomial_t(const Operand& x, const Operand& n) {
  return polynomial("special.chebyshev_polynomial_t", x, n, "t");
}
Tensor special_chebyshev_polynomial_u(const Operand& x, const Operand& n) {
  return polynomial("special.chebyshev_polynomial_u", x, n, "u");
}
Tensor special_chebyshev_polynomial_v(const Operand& x, const Operand& n) {
  return polynomial("special.chebyshev_polynomial_v", x, n, "v");
}
Tensor special_chebyshev_polynomial_w(const Operand& x, const Operand& n) {
  return polynomial("special.chebyshev_polynomial_w", x, n, "w");
}
Tensor special_hermite_polynomial_h(const Operand& x, const Operand& n) {
  return polynomial("special.hermite_polynomial_h", x, n, "h");
}
Tensor special_hermite_polynomial_he(const Operand& x, const Operand& n) {
  return polynomial("special.hermite_polynomial_he", x, n, "he");
}
Tensor special_laguerre_polynomial_l(const Operand& x, const Operand& n) {
  return polynomial("special.laguerre_polynomial_l", x, n, "l");
}
Tensor special_legendre_polynomial_p(const Operand& x, const Operand& n) {
  return polynomial("special.legendre_polynomial_p", x, n, "p");
}
Tensor special_shifted_chebyshev_polynomial_t(const Operand& x, const Operand& n) {
  return shifted("special.shifted_chebyshev_polynomial_t", x, n, "t");
}
Tensor special_shifted_chebyshev_polynomial_u(const Operand& x, const Operand& n) {
  return shifted("special.shifted_chebyshev_polynomial_u", x, n, "u");
}
Tensor special_shifted_chebyshev_polynomial_v(const Operand& x, const Operand& n) {
  return shifted("special.shifted_chebyshev_polynomial_v", x, n, "v");
}
Tensor special_shifted_chebyshev_polynomial_w(const Operand& x, const Operand& n) {
  return shifted("special.shifted_chebyshev_polynomial_w", x, n, "w");
}

}  // namespace tw::composite
