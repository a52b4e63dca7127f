// Writing by index over scatter_reduce and index_put.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scatter.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "declarations/scatter.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

namespace {

std::string_view reduction_named(std::string_view reduce) { return reduce == "add" ? "sum" : "prod"; }

}  // namespace

Tensor scatter_combined(TensorRef self, int64_t dim, TensorRef index, TensorRef src, std::string_view reduce) {
  return ops::scatter_reduce(self, dim, index, src, reduction_named(reduce));
}

Tensor scatter_value_combined(TensorRef self, int64_t dim, TensorRef index, const Scalar& value,
                              std::string_view reduce) {
  return ops::scatter_reduce(self, dim, index, ops::full(index.shape(), value, self.dtype(), self.device()),
                             reduction_named(reduce));
}

Tensor index_reduce(TensorRef self, int64_t dim, TensorRef index, TensorRef source, std::string_view reduce,
                    bool include_self) {
  if (self.ndim() == 0) {
    const Tensor vector =
        index_reduce(ops::reshape(self, {1}), 0, index, ops::reshape(source, {1}), reduce, include_self);
    return ops::reshape(vector, IntList());
  }
  std::vector<int64_t> along(static_cast<size_t>(self.ndim()), 1);
  along[static_cast<size_t>(view::normalize_dim("index_reduce", dim, self.ndim()))] = index.numel();
  const Tensor places = ops::expand(ops::reshape(index, along), source.shape());
  return ops::scatter_reduce(self, dim, places, source, reduce, include_self);
}

Tensor put(TensorRef self, TensorRef index, TensorRef source, bool accumulate) {
  const Tensor places = ops::reshape(index, {index.numel()});
  tw_tensor* indices[] = {places.get()};
  const Tensor flat = ops::index_put(ops::reshape(self, {self.numel()}), {indices, 1},
                                     ops::reshape(source, {source.numel()}), accumulate);
  return ops::reshape(flat, self.shape());
}

Tensor index_fill_tensor(TensorRef self, int64_t dim, TensorRef index, TensorRef value) {
  if (self.ndim() == 0) return ops::reshape(index_fill_tensor(ops::reshape(self, {1}), 0, index, value), IntList());
  const Tensor vector = index.ndim() == 0 ? ops::unsqueeze(index, 0) : Tensor::retain(index);
  const int d = view::normalize_dim("index_fill", dim, self.ndim());
  std::vector<tw_tensor*> indices(static_cast<size_t>(d), nullptr);
  indices.push_back(vector.get());
  const Tensor number = value.dtype() == self.dtype() ? Tensor::retain(value) : ops::to_dtype(value, self.dtype());
  return ops::index_put(self, indices, number);
}

// ---- segments -------------------------------------------------------------------------------------------------

namespace {

// What an empty segment gives, and what takes part in each.
double initial_value(std::string_view reduce, const std::optional<Scalar>& initial) {
  if (initial) return initial->real();
  if (reduce == "max") return -INFINITY;
  if (reduce == "min") return INFINITY;
  return reduce == "prod" ? 1 : 0;
}

// The number of elements of each segment, or one where `initial` stands for an empty one.
Tensor segment_sizes(TensorRef lengths, TensorRef offsets, bool has_initial) {
  Tensor sizes = Tensor::retain(lengths);
  if (offsets) {
    const int64_t n = offsets.size(-1) - 1;
    sizes = ops::sub(ops::narrow(offsets, -1, 1, n), ops::narrow(offsets, -1, 0, n));
  }
  return has_initial ? ops::clamp_min(sizes, 1) : sizes;
}

// With dimensions of size 1 behind, so that it broadcasts over the elements of a slice.
Tensor with_inner(TensorRef t, int ndim) {
  std::vector<int64_t> shape = t.shape().vec();
  shape.resize(static_cast<size_t>(ndim), 1);
  return ops::reshape(t, shape);
}

}  // namespace

Tensor segment_reduce(TensorRef data, std::string_view reduce, TensorRef lengths, TensorRef /*indices: refused*/,
                      TensorRef offsets, int64_t axis, bool /*unsafe: always checked*/, std::optional<Scalar> initial) {
  const TensorRef bounds = lengths ? lengths : offsets;
  const int64_t segments = bounds.size(-1) - (offsets ? 1 : 0), size = data.size(static_cast<int>(axis));
  if (segments < 0) throw fail(TW_E_VALUE, "segment_reduce: offsets must hold at least the end of the last segment");
  const Tensor places = with_inner(ops::segment_indices(bounds, size, !lengths), data.ndim());
  std::vector<int64_t> shape = data.shape().vec();
  shape[static_cast<size_t>(axis)] = segments;
  const Tensor start = ops::full(shape, initial_value(reduce, initial), data.dtype(), data.device());
  const std::string_view name = reduce == "max" ? "amax" : reduce == "min" ? "amin" : reduce == "prod" ? "prod" : "sum";
  Tensor result = ops::scatter_reduce(start, axis, ops::expand(places, data.shape()), data, name);
  if (reduce != "mean") return result;
  const Tensor sizes = segment_sizes(lengths, offsets, initial.has_value());
  return ops::div(result, ops::to_dtype(with_inner(sizes, data.ndim()), data.dtype()));
}

}  // namespace tw::composite
