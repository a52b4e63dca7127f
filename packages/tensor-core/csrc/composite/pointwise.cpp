// Pointwise functions that choose between expressions: by an option, by dtype, or by which limit is given.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>
#include <limits>

#include "declarations/pointwise.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// Largest finite number of a floating dtype.
double largest(tw_dtype d) {
  if (d == kFloat16) return 65504.0;
  if (d == kBFloat16) return 0x1.fep127;
  return d == kFloat32 ? double{std::numeric_limits<float>::max()} : std::numeric_limits<double>::max();
}

}  // namespace

Tensor div_rounded(const Operand& self, const Operand& other, std::optional<std::string_view> rounding_mode) {
  if (!rounding_mode) return ops::div(self, other);
  if (*rounding_mode == "floor") return ops::floor_divide(self, other);
  if (*rounding_mode == "trunc") return ops::trunc_divide(self, other);
  throw fail(TW_E_VALUE, "div: rounding_mode must be None, 'trunc' or 'floor', got '", *rounding_mode, "'");
}

Tensor logit(TensorRef self, std::optional<double> eps) {
  const Tensor x = eps ? ops::clamp_both(self, *eps, 1.0 - *eps) : Tensor::retain(self);
  return ops::log(ops::div(x, ops::sub(1.0, x)));
}

Tensor round_decimals(TensorRef self, int64_t decimals) {
  if (!is_floating(self.dtype())) {
    if (decimals == 0) return ops::clone(self);
    throw fail(TW_E_TYPE, "round: decimals=", decimals, " needs a floating dtype, got ", self.dtype());
  }
  const double scale = std::pow(10.0, std::abs(static_cast<double>(decimals)));
  if (decimals < 0) return ops::mul(ops::round(ops::div(self, scale)), scale);
  return ops::div(ops::round(ops::mul(self, scale)), scale);
}

Tensor max_other(TensorRef self, TensorRef other) { return ops::maximum(self, other); }
Tensor min_other(TensorRef self, TensorRef other) { return ops::minimum(self, other); }

Tensor clamp(TensorRef self, const Operand& min, const Operand& max) {
  const bool has_min = min.value().tag != TW_NONE, has_max = max.value().tag != TW_NONE;
  if (has_min && has_max) return ops::clamp_both(self, min, max);
  if (has_min) return ops::clamp_min(self, min);
  if (has_max) return ops::clamp_max(self, max);
  throw fail(TW_E_VALUE, "clamp: at least one of min and max must be given");
}

Tensor nan_to_num(TensorRef self, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  if (is_complex(self.dtype()))
    return ops::view_as_complex(ops::nan_to_num(ops::view_as_real(self), nan, posinf, neginf));
  if (!is_floating(self.dtype())) return ops::clone(self);
  const double limit = largest(self.dtype());
  return ops::replace_nonfinite(self, nan, posinf.value_or(limit), neginf.value_or(-limit));
}

Tensor gelu(TensorRef self, std::string_view approximate) {
  if (approximate == "none") return ops::gelu_erf(self);
  if (approximate == "tanh") return ops::gelu_tanh(self);
  throw fail(TW_E_VALUE, "gelu: approximate must be 'none' or 'tanh', got '", approximate, "'");
}

}  // namespace tw::composite
