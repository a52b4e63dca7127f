// Ops of ops/assembling.yaml: dimensions promoted, then joined.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/assembling.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/padding.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scan.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "declarations/assembling.h"
#include "runtime/dtype.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

using view::Sizes;

namespace {

template <class F>
std::vector<Tensor> each(TensorList tensors, F&& f) {
  std::vector<Tensor> results;
  for (tw_tensor* t : tensors) results.push_back(f(TensorRef(t)));
  return results;
}

Tensor cat(const std::vector<Tensor>& parts, int64_t dim) {
  std::vector<tw_tensor*> handles;
  for (const Tensor& part : parts) handles.push_back(part.get());
  return ops::cat(handles, dim);
}

}  // namespace

Tensor atleast_1d(TensorRef self) { return self.ndim() >= 1 ? Tensor::retain(self) : ops::reshape(self, {1}); }

Tensor atleast_2d(TensorRef self) {
  return self.ndim() >= 2 ? Tensor::retain(self) : ops::unsqueeze(ops::atleast_1d(self), 0);
}

Tensor atleast_3d(TensorRef self) {
  return self.ndim() >= 3 ? Tensor::retain(self) : ops::unsqueeze(ops::atleast_2d(self), -1);
}

std::vector<Tensor> atleast_1d_sequence(TensorList tensors) {
  return each(tensors, [](TensorRef t) { return ops::atleast_1d(t); });
}
std::vector<Tensor> atleast_2d_sequence(TensorList tensors) {
  return each(tensors, [](TensorRef t) { return ops::atleast_2d(t); });
}
std::vector<Tensor> atleast_3d_sequence(TensorList tensors) {
  return each(tensors, [](TensorRef t) { return ops::atleast_3d(t); });
}

Tensor column_stack(TensorList tensors) {
  return cat(
      each(tensors, [](TensorRef t) { return t.ndim() >= 2 ? Tensor::retain(t) : ops::reshape(t, {t.numel(), 1}); }),
      1);
}

Tensor dstack(TensorList tensors) { return cat(ops::atleast_3d_sequence(tensors), 2); }

Tensor block_diag(TensorList tensors) {
  if (tensors.empty()) return ops::empty({1, 0});
  const std::vector<Tensor> blocks = ops::atleast_2d_sequence(tensors);
  int64_t columns = 0, before = 0;
  for (const Tensor& block : blocks)
    if (__builtin_add_overflow(columns, block.size(1), &columns))
      throw fail(TW_E_VALUE, "block_diag: the number of columns overflows 64 bits");
  std::vector<Tensor> rows;
  for (const Tensor& block : blocks) {
    rows.push_back(ops::constant_pad_nd(block, {before, columns - before - block.size(1)}, 0));
    before += block.size(1);
  }
  return cat(rows, 0);
}

std::vector<Tensor> meshgrid(TensorList tensors, std::optional<std::string_view> indexing) {
  const bool xy = indexing && *indexing == "xy";
  if (indexing && !xy && *indexing != "ij")
    throw fail(TW_E_VALUE, "meshgrid: indexing must be 'ij' or 'xy', got '", *indexing, "'");
  const size_t n = tensors.size();
  Sizes shape;
  for (tw_tensor* t : tensors) shape.push_back(TensorRef(t).numel());
  const auto dim_of = [&](size_t i) { return xy && n >= 2 && i < 2 ? 1 - i : i; };
  if (xy && n >= 2) std::swap(shape[0], shape[1]);
  std::vector<Tensor> grids;
  for (size_t i = 0; i < n; ++i) {
    Sizes along(n, 1);
    along[dim_of(i)] = TensorRef(tensors[i]).numel();
    grids.push_back(ops::expand(ops::view(tensors[i], along), shape));
  }
  return grids;
}

Tensor cartesian_prod(TensorList tensors) {
  if (tensors.size() == 1) return Tensor::retain(tensors[0]);
  std::vector<Tensor> columns = ops::meshgrid(tensors, std::nullopt);
  for (Tensor& column : columns) column = ops::reshape(column, {-1, 1});
  return cat(columns, 1);
}

namespace {

// n choose k; -1 if it overflows.
int64_t binomial(int64_t n, int64_t k) {
  if (k > n) return 0;
  k = std::min(k, checked::sub(n, k));
  const __int128 rest = checked::sub(n, k);
  __int128 count = 1;
  for (int64_t i = 1; i <= k; ++i) {
    count = count * (rest + i) / i;
    if (count > INT64_MAX) return -1;
  }
  return static_cast<int64_t>(count);
}

// The positions of all choices, one row after the other.
void write_combinations(int64_t n, int64_t r, bool with_replacement, int64_t count, int64_t* out) {
  std::vector<int64_t> chosen(static_cast<size_t>(r));
  for (int64_t i = 0; i < r; ++i) chosen[static_cast<size_t>(i)] = with_replacement ? 0 : i;
  for (int64_t row = 0; row < count; ++row) {
    out = std::copy(chosen.begin(), chosen.end(), out);
    int64_t i = r - 1;
    while (i >= 0 && chosen[static_cast<size_t>(i)] == (with_replacement ? n - 1 : n - r + i)) --i;
    if (i < 0) return;
    const int64_t next = chosen[static_cast<size_t>(i)] + 1;
    for (int64_t j = i; j < r; ++j) chosen[static_cast<size_t>(j)] = with_replacement ? next : next + (j - i);
  }
}

}  // namespace

Tensor combinations(TensorRef self, int64_t r, bool with_replacement) {
  if (r == 0) return tw::empty({0}, self.dtype(), self.device());
  const int64_t n = self.numel();
  int64_t pool = n, total = 0;
  if (with_replacement && n > 0 && __builtin_add_overflow(n - 1, r, &pool)) pool = -1;
  const int64_t count = pool < 0 ? -1 : binomial(pool, r);
  if (count < 0 || __builtin_mul_overflow(count, r, &total))
    throw fail(TW_E_VALUE, "combinations: the choices of ", r, " out of ", n, " are too many to count");
  if (count == 0) return tw::empty({0, r}, self.dtype(), self.device());
  Tensor index = tw::empty({total}, kInt64);
  write_combinations(n, checked::within(r, 0, total), with_replacement, count, index.data<int64_t>());
  if (self.device() != index.device()) index = ops::to_device(index, self.device());
  return ops::reshape(ops::index_select(self, 0, index), {count, r});
}

Tensor vander(TensorRef x, std::optional<int64_t> N, bool increasing) {
  const bool whole = is_integral(x.dtype()) || x.dtype() == kBool;
  const tw_dtype dtype = whole ? kInt64 : x.dtype();
  const int64_t n = N.value_or(x.numel()), size = x.numel();
  if (n == 0) return tw::empty({size, 0}, dtype, x.device());
  Tensor ones = ops::ones({size, 1}, dtype, x.device());
  if (n == 1) return ones;
  const Tensor powers = ops::cumprod(ops::expand(ops::unsqueeze(ops::to_dtype(x, dtype), 1), {size, n - 1}), 1);
  const Tensor all = cat({ones, powers}, 1);
  return increasing ? all : ops::flip(all, {1});
}

Tensor fliplr(TensorRef self) { return ops::flip(self, {1}); }
Tensor flipud(TensorRef self) { return ops::flip(self, {0}); }

Tensor sum_to_size(TensorRef self, IntList size) {
  const int leading = self.ndim() - static_cast<int>(size.size());
  Sizes dims;
  for (int d = 0; d < self.ndim(); ++d)
    if (d < leading || (size[static_cast<size_t>(d - leading)] == 1 && self.size(d) != 1)) dims.push_back(d);
  if (dims.empty()) return Tensor::retain(self);
  return ops::reshape(ops::sum(self, IntList(dims), true), size);
}

}  // namespace tw::composite
