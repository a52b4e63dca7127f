// Reductions written over smaller ones.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>

#include "declarations/comparison.h"
#include "declarations/reduction.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// Elements that a reduction over `dim` folds into one.
int64_t reduced_count(TensorRef self, const std::optional<IntList>& dim) {
  if (!dim || dim->empty()) return self.numel();
  int64_t count = 1;
  for (int64_t d : *dim) count *= self.size(static_cast<int>(d));
  return count;
}

bool is_true(TensorRef flag) { return *ops::cpu(flag).data<uint8_t>() != 0; }

}  // namespace

Tensor mean(TensorRef self, std::optional<IntList> dim, bool keepdim, std::optional<tw_dtype> dtype) {
  const tw_dtype result = dtype.value_or(self.dtype());
  if (!is_floating(result) && !is_complex(result))
    throw fail(TW_E_TYPE, "mean: self is ", self.dtype(), "; expected a floating dtype (pass dtype=, or convert self)");
  const bool narrow = result == kFloat16 || result == kBFloat16;  // their sums overflow or lose every small term
  const Tensor total = ops::sum(self, dim, keepdim, narrow ? kFloat32 : result);
  const Tensor quotient = ops::div(total, reduced_count(self, dim));
  return narrow ? ops::to_dtype(quotient, result) : quotient;
}

Tensor nanmean(TensorRef self, std::optional<IntList> dim, bool keepdim, std::optional<tw_dtype> dtype) {
  const tw_dtype result = dtype.value_or(self.dtype());
  const bool narrow = result == kFloat16 || result == kBFloat16;
  const Tensor total = ops::nansum(self, dim, keepdim, narrow ? kFloat32 : result);
  const Tensor count = ops::sum(ops::logical_not(ops::isnan(self)), dim, keepdim);
  const Tensor quotient = ops::div(total, count);
  return narrow ? ops::to_dtype(quotient, result) : quotient;
}

Tensor max(TensorRef self) { return ops::amax(self); }
Tensor min(TensorRef self) { return ops::amin(self); }

bool allclose(TensorRef self, TensorRef other, double rtol, double atol, bool equal_nan) {
  return is_true(ops::all(ops::isclose(self, other, rtol, atol, equal_nan)));
}

bool equal(TensorRef self, TensorRef other) {
  const IntList a = self.shape(), b = other.shape();
  if (a.size() != b.size() || !std::equal(a.begin(), a.end(), b.begin())) return false;
  return is_true(ops::all(ops::eq(self, other)));
}

}  // namespace tw::composite
