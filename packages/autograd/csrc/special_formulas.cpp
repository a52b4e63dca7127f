// Slopes of special functions, with their limits where a quotient has none.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/special.hpp>
#include <tensorwright/ops/trigonometric.hpp>

#include "formulas.h"

namespace tw::autograd {

namespace {

// top / bottom where that is not 0, else the limit. The divisor is replaced first: no NaN enters a second derivative.
Tensor quotient_or(TensorRef top, TensorRef bottom, const Operand& limit) {
  const Tensor vanishes = ops::eq(bottom, 0);
  return ops::where(vanishes, limit, ops::div(top, ops::where(vanishes, 1, bottom)));
}

// x^2 - 1, the divisor of the slopes of Legendre's and Chebyshev's polynomials.
Tensor square_less_one(TensorRef x) { return ops::sub(ops::mul(x, x), 1); }

// sign(x)^n, at the ends of the interval.
Tensor end_sign(TensorRef x, TensorRef n) { return ops::pow_float(ops::where(ops::lt(x, 0), -1.0, 1.0), n); }

Tensor value(TensorRef x, TensorRef n, std::string_view family) { return ops::orthogonal_polynomial(x, n, family); }

// ((n + 1) T(n + 1) - x U(n)) / (x^2 - 1); at the ends n (n + 1) (n + 2) / 3.
Tensor second_kind_slope(TensorRef x, TensorRef n) {
  const Tensor above = ops::add(n, 1);
  const Tensor top = ops::sub(ops::mul(above, value(x, above, "t")), ops::mul(x, value(x, n, "u")));
  const Tensor limit = ops::div(ops::mul(ops::mul(n, above), ops::add(n, 2)), 3.0);
  return quotient_or(top, square_less_one(x), ops::mul(limit, end_sign(x, above)));
}

// n (x P(n) - P(n - 1)) / (x^2 - 1); at the ends n (n + 1) / 2.
Tensor legendre_slope(TensorRef x, TensorRef n) {
  const Tensor above = ops::add(n, 1);
  const Tensor top = ops::mul(n, ops::sub(ops::mul(x, value(x, n, "p")), value(x, ops::sub(n, 1), "p")));
  const Tensor limit = ops::mul(ops::div(ops::mul(n, above), 2.0), end_sign(x, above));
  return quotient_or(top, square_less_one(x), limit);
}

// n (L(n) - L(n - 1)) / x; at 0 -n.
Tensor laguerre_slope(TensorRef x, TensorRef n) {
  const Tensor top = ops::mul(n, ops::sub(value(x, n, "l"), value(x, ops::sub(n, 1), "l")));
  return quotient_or(top, ops::add(x, ops::mul(n, 0)), ops::neg(n));
}

}  // namespace

Tensor over_argument(TensorRef value, TensorRef x) { return quotient_or(value, x, 0.5); }

Tensor sinc_slope(TensorRef x, TensorRef value, double scale) {
  const Tensor u = ops::mul(x, scale), square = ops::mul(u, u);
  // Where cos(u) - value would cancel: -u / 3 (1 - u^2 / 10 (1 - u^2 / 28 (...)))
  Tensor series = ops::sub(1.0, ops::div(square, 130.0));
  for (const double divisor : {88.0, 54.0, 28.0, 10.0})
    series = ops::sub(1.0, ops::mul(ops::div(square, divisor), series));
  const Tensor small = ops::lt(ops::abs(square), 0.25);
  const Tensor quotient = ops::div(ops::sub(ops::cos(u), value), ops::where(small, 1.0, u));
  return ops::mul(ops::where(small, ops::mul(ops::div(u, -3.0), series), quotient), scale);
}

Tensor polynomial_slope(TensorRef x, TensorRef n, std::string_view family) {
  const Tensor degree = ops::clamp_min(ops::trunc(n), 0.0), below = ops::sub(degree, 1);
  if (family == "t") return ops::mul(degree, value(x, below, "u"));
  if (family == "u") return second_kind_slope(x, degree);
  if (family == "v") return ops::sub(second_kind_slope(x, degree), second_kind_slope(x, below));
  if (family == "w") return ops::add(second_kind_slope(x, degree), second_kind_slope(x, below));
  if (family == "h") return ops::mul(ops::mul(degree, 2.0), value(x, below, "h"));
  if (family == "he") return ops::mul(degree, value(x, below, "he"));
  return family == "l" ? laguerre_slope(x, degree) : legendre_slope(x, degree);
}

}  // namespace tw::autograd
