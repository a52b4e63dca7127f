// What is found by sorting first.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/ordering.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/ordering.h"
#include "runtime/text.h"

namespace tw::composite {

Tensor argsort(TensorRef self, int64_t dim, bool descending, bool stable) {
  return std::get<1>(ops::sort(self, dim, descending, stable));
}

Tensor msort(TensorRef self) { return std::get<0>(ops::sort(self, 0)); }

std::tuple<Tensor, Tensor> aminmax(TensorRef self, std::optional<int64_t> dim, bool keepdim) {
  std::optional<IntList> dims;
  const int64_t one[] = {dim.value_or(0)};
  if (dim) dims = IntList(one, 1);
  return {ops::amin(self, dims, keepdim), ops::amax(self, dims, keepdim)};
}

// ---- quantiles ------------------------------------------------------------------------------------------------

namespace {

struct QuantileCall {
  const char* op;
  std::optional<int64_t> dim;
  bool keepdim;
  std::string_view interpolation;
  bool ignore_nan;
};

void check_fractions(const char* op, TensorRef q) {
  if (q.numel() == 0 || q.device().type != TW_DEVICE_CPU) return;
  tw_tensor* raw = q.get();
  const Tensor inside = ops::all(ops::logical_and(ops::ge(TensorRef(raw), 0), ops::le(TensorRef(raw), 1)));
  if (!*inside.data<uint8_t>()) throw fail(TW_E_VALUE, op, ": q must be between 0 and 1");
}

// The places of the quantiles among the sorted elements: q (n - 1), of the last element where that is NaN.
Tensor quantile_places(TensorRef sorted, TensorRef q, bool ignore_nan) {
  const Tensor is_nan = ops::isnan(sorted);
  const int64_t last = sorted.size(-1) - 1, dims[] = {-1};
  const IntList along(dims, 1);
  if (!ignore_nan) {
    const Tensor places = ops::mul(q, static_cast<double>(last));
    return ops::masked_fill(places, ops::any(is_nan, along, true), static_cast<double>(last));
  }
  const Tensor count = ops::sum(ops::logical_not(is_nan), along, true);
  return ops::clamp_min(ops::mul(q, ops::to_dtype(ops::sub(count, 1), q.dtype())), 0);
}

Tensor between_places(TensorRef sorted, TensorRef places, std::string_view interpolation) {
  const auto at = [&](TensorRef place) { return ops::gather(sorted, -1, ops::to_dtype(place, kInt64)); };
  if (interpolation == "lower") return at(ops::floor(places));
  if (interpolation == "higher") return at(ops::ceil(places));
  if (interpolation == "nearest") return at(ops::round(places));
  const Tensor below = ops::floor(places);
  const Tensor weight = interpolation == "midpoint" ? ops::full_like(places, 0.5) : ops::sub(places, below);
  return ops::lerp(at(below), at(ops::ceil(places)), weight);
}

// `q` is a vector. The result has its dimension first.
Tensor quantiles(TensorRef self, TensorRef q, const QuantileCall& call) {
  const Tensor moved = !call.dim          ? ops::reshape(self, {self.numel()})
                       : self.ndim() == 0 ? ops::reshape(self, {1})
                                          : ops::movedim(self, {*call.dim}, {-1});
  const Tensor sorted = std::get<0>(ops::sort(moved, -1));
  std::vector<int64_t> shape = moved.shape().vec();
  shape.back() = q.numel();
  const Tensor places = ops::expand(quantile_places(sorted, q, call.ignore_nan), shape);
  Tensor result = ops::movedim(between_places(sorted, places, call.interpolation), {-1}, {0});
  if (!call.keepdim) return result;
  std::vector<int64_t> kept(static_cast<size_t>(self.ndim()) + 1, 1);
  if (!call.dim) return kept[0] = q.numel(), ops::reshape(result, kept);
  return self.ndim() == 0 ? result : ops::unsqueeze(result, *call.dim < 0 ? *call.dim : *call.dim + 1);
}

Tensor quantile_of(TensorRef self, double q, const QuantileCall& call) {
  const Tensor vector = ops::full({1}, q, self.dtype(), self.device());
  return ops::select(quantiles(self, vector, call), 0, 0);
}

Tensor quantiles_of(TensorRef self, TensorRef q, const QuantileCall& call) {
  check_fractions(call.op, q);
  if (q.ndim() == 1) return quantiles(self, q, call);
  return ops::select(quantiles(self, ops::reshape(q, {1}), call), 0, 0);
}

}  // namespace

Tensor quantile(TensorRef self, double q, std::optional<int64_t> dim, bool keepdim, std::string_view interpolation) {
  return quantile_of(self, q, {"quantile", dim, keepdim, interpolation, false});
}
Tensor quantile_tensor(TensorRef self, TensorRef q, std::optional<int64_t> dim, bool keepdim,
                       std::string_view interpolation) {
  return quantiles_of(self, q, {"quantile", dim, keepdim, interpolation, false});
}
Tensor nanquantile(TensorRef self, double q, std::optional<int64_t> dim, bool keepdim, std::string_view interpolation) {
  return quantile_of(self, q, {"nanquantile", dim, keepdim, interpolation, true});
}
Tensor nanquantile_tensor(TensorRef self, TensorRef q, std::optional<int64_t> dim, bool keepdim,
                          std::string_view interpolation) {
  return quantiles_of(self, q, {"nanquantile", dim, keepdim, interpolation, true});
}

}  // namespace tw::composite
