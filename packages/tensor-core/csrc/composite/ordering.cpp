#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/ordering.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/ordering.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// Element `place` of sorted values along the last dimension, and NaN where there is one (it sorts last).
Tensor element_or_nan(TensorRef sorted, int64_t dim, int64_t place, bool keepdim) {
  const auto at = [&](int64_t i) {
    const Tensor slice = ops::narrow(sorted, dim, i, 1);
    const int64_t dims[] = {dim};
    return keepdim ? slice : ops::squeeze(slice, IntList(dims, 1));
  };
  Tensor value = at(place);
  if (!is_floating(sorted.dtype())) return value;
  const Tensor last = at(sorted.size(static_cast<int>(dim)) - 1);
  return ops::where(ops::isnan(last), last, value);
}

std::tuple<Tensor, Tensor> sorted_element(TensorRef self, int64_t dim, int64_t place, bool keepdim) {
  auto [values, indices] = ops::sort(self, dim);
  const auto at = [&](TensorRef t) { return keepdim ? ops::narrow(t, dim, place, 1) : ops::select(t, dim, place); };
  return {at(values), at(indices)};
}

}  // namespace

Tensor argsort(TensorRef self, int64_t dim, bool descending, bool stable) {
  return std::get<1>(ops::sort(self, dim, descending, stable));
}

std::tuple<Tensor, Tensor> kthvalue(TensorRef self, int64_t k, int64_t dim, bool keepdim) {
  const int64_t size = self.ndim() == 0 ? 1 : self.size(static_cast<int>(dim));
  if (k > size) throw fail(TW_E_INDEX, "kthvalue: k is ", k, ", dimension ", dim, " has ", size, " elements");
  if (self.ndim() == 0) return ops::sort(self, dim);
  return sorted_element(self, dim, k - 1, keepdim);
}

Tensor median(TensorRef self) {
  const Tensor sorted = std::get<0>(ops::sort(ops::reshape(self, {self.numel()}), 0));
  return element_or_nan(sorted, 0, (self.numel() - 1) / 2, false);
}

std::tuple<Tensor, Tensor> median_dim(TensorRef self, int64_t dim, bool keepdim) {
  if (self.ndim() == 0) return ops::sort(self, dim);
  return sorted_element(self, dim, (self.size(static_cast<int>(dim)) - 1) / 2, keepdim);
}

}  // namespace tw::composite
