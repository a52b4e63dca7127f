// Products of vectors, matrices and batches, written over mm and bmm.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <limits>
#include <numeric>

#include "declarations/linear_algebra.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

int64_t product(IntList sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, [](int64_t a, int64_t b) { return a * b; });
}

std::vector<int64_t> joined(IntList a, IntList b) {
  std::vector<int64_t> result = a.vec();
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

Tensor as_dtype(TensorRef t, tw_dtype dtype) {
  return t.dtype() == dtype ? Tensor::retain(t) : ops::to_dtype(t, dtype);
}

IntList batch_shape(TensorRef t) { return {t.shape().data(), static_cast<size_t>(t.ndim()) - 2}; }

std::vector<int64_t> broadcast_batches(IntList a, IntList b) {
  std::vector<int64_t> result(std::max(a.size(), b.size()));
  for (size_t d = 1; d <= result.size(); ++d) {
    const int64_t m = d <= a.size() ? a[a.size() - d] : 1, n = d <= b.size() ? b[b.size() - d] : 1;
    if (m != n && m != 1 && n != 1)
      throw fail(TW_E_SHAPE, "matmul: batch dimensions do not broadcast: self has ", a, ", other has ", b);
    result[result.size() - d] = m == 1 ? n : m;
  }
  return result;
}

// The matrices of `t` expanded to `batch` and put in one batch dimension.
Tensor one_batch(TensorRef t, IntList batch) {
  const int64_t rows = t.size(-2), cols = t.size(-1);
  const Tensor all = ops::expand(t, joined(batch, {rows, cols}));
  return ops::reshape(all, {product(batch), rows, cols});
}

Tensor batched_product(TensorRef a, TensorRef b) {
  const std::vector<int64_t> batch = broadcast_batches(batch_shape(a), batch_shape(b));
  const Tensor result = ops::bmm(one_batch(a, batch), one_batch(b, batch));
  return ops::reshape(result, joined(batch, {a.size(-2), b.size(-1)}));
}

// Both at least matrices.
Tensor matrix_product(TensorRef a, TensorRef b) {
  if (a.ndim() == 2 && b.ndim() == 2) return ops::mm(a, b);
  if (b.ndim() > 2) return batched_product(a, b);
  const IntList rows = {a.shape().data(), static_cast<size_t>(a.ndim()) - 1};
  const Tensor flat = ops::mm(ops::reshape(a, {product(rows), a.size(-1)}), b);
  return ops::reshape(flat, joined(rows, {b.size(-1)}));
}

}  // namespace

Tensor matmul(TensorRef self, TensorRef other) {
  if (self.ndim() == 2 && other.ndim() == 2 && self.dtype() == other.dtype()) return ops::mm(self, other);
  const tw_dtype dtype = promote_types(self.dtype(), other.dtype());
  const Tensor a = as_dtype(self, dtype), b = as_dtype(other, dtype);
  const Tensor left = a.ndim() == 1 ? ops::unsqueeze(a, 0) : a, right = b.ndim() == 1 ? ops::unsqueeze(b, 1) : b;
  Tensor result = matrix_product(left, right);
  if (b.ndim() == 1) result = ops::squeeze(result, IntList({-1}));
  if (a.ndim() == 1) result = ops::squeeze(result, IntList({b.ndim() == 1 ? -1 : -2}));
  return result;
}

Tensor mv(TensorRef self, TensorRef vec) { return ops::squeeze(ops::mm(self, ops::unsqueeze(vec, 1)), IntList({1})); }

Tensor dot(TensorRef self, TensorRef other) {
  return ops::reshape(ops::mm(ops::unsqueeze(self, 0), ops::unsqueeze(other, 1)), IntList());
}

Tensor inner(TensorRef self, TensorRef other) {
  if (self.ndim() == 0 || other.ndim() == 0) return ops::mul(self, other);
  const int64_t last_self[] = {self.ndim() - 1}, last_other[] = {other.ndim() - 1};
  return ops::tensordot(self, other, {last_self, 1}, {last_other, 1});
}

Tensor outer(TensorRef self, TensorRef vec2) { return ops::mul(ops::unsqueeze(self, 1), ops::unsqueeze(vec2, 0)); }

namespace {

std::vector<int64_t> normalized(const char* name, IntList dims, int64_t ndim) {
  std::vector<int64_t> result;
  for (int64_t d : dims) {
    if (d < -ndim || d >= ndim)
      throw fail(TW_E_INDEX, "tensordot: ", name, " names dimension ", d, " of a tensor of ", ndim, " dimensions");
    const int64_t dim = d < 0 ? d + ndim : d;
    if (std::find(result.begin(), result.end(), dim) != result.end())
      throw fail(TW_E_VALUE, "tensordot: ", name, " names dimension ", dim, " twice");
    result.push_back(dim);
  }
  return result;
}

std::vector<int64_t> other_dims(const std::vector<int64_t>& dims, int64_t ndim) {
  std::vector<int64_t> rest;
  for (int64_t d = 0; d < ndim; ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) rest.push_back(d);
  return rest;
}

std::vector<int64_t> sizes_of(TensorRef t, const std::vector<int64_t>& dims) {
  std::vector<int64_t> sizes;
  for (int64_t d : dims) sizes.push_back(t.size(static_cast<int>(d)));
  return sizes;
}

}  // namespace

Tensor tensordot(TensorRef self, TensorRef other, IntList dims_self, IntList dims_other) {
  const std::vector<int64_t> left = normalized("dims_self", dims_self, self.ndim()),
                             right = normalized("dims_other", dims_other, other.ndim());
  const std::vector<int64_t> contracted = sizes_of(self, left);
  if (contracted != sizes_of(other, right))
    throw fail(TW_E_SHAPE, "tensordot: contracted dimensions differ: self has ", IntList(contracted), ", other has ",
               IntList(sizes_of(other, right)));
  const std::vector<int64_t> rows = other_dims(left, self.ndim()), cols = other_dims(right, other.ndim());
  const int64_t depth = product(contracted);
  const tw_dtype dtype = promote_types(self.dtype(), other.dtype());
  const std::vector<int64_t> row_sizes = sizes_of(self, rows), col_sizes = sizes_of(other, cols);
  const Tensor a = ops::reshape(ops::permute(as_dtype(self, dtype), joined(rows, left)), {product(row_sizes), depth});
  const Tensor b = ops::reshape(ops::permute(as_dtype(other, dtype), joined(right, cols)), {depth, product(col_sizes)});
  return ops::reshape(ops::mm(a, b), joined(row_sizes, col_sizes));
}

Tensor tensordot_count(TensorRef self, TensorRef other, int64_t dims) {
  std::vector<int64_t> last(static_cast<size_t>(dims)), first(static_cast<size_t>(dims));
  std::iota(last.begin(), last.end(), self.ndim() - dims);
  std::iota(first.begin(), first.end(), int64_t{0});
  return ops::tensordot(self, other, last, first);
}

namespace {

// The cheapest way to multiply matrices i to j, by dynamic programming over the splitting points.
class ChainOrder {
 public:
  explicit ChainOrder(TensorList matrices) : matrices_(matrices), n_(matrices.size()), split_(n_ * n_, 0) {
    std::vector<double> cost(n_ * n_, 0);
    for (size_t length = 2; length <= n_; ++length)
      for (size_t i = 0, j = length - 1; j < n_; ++i, ++j) {
        cost[i * n_ + j] = std::numeric_limits<double>::infinity();
        for (size_t k = i; k < j; ++k) {
          const double total = cost[i * n_ + k] + cost[(k + 1) * n_ + j] + size(i, 0) * size(k, 1) * size(j, 1);
          if (total < cost[i * n_ + j]) cost[i * n_ + j] = total, split_[i * n_ + j] = k;
        }
      }
  }
  Tensor multiply(size_t i, size_t j) const {
    if (i == j) return Tensor::retain(matrices_[i]);
    const size_t k = split_[i * n_ + j];
    return ops::matmul(multiply(i, k), multiply(k + 1, j));
  }

 private:
  double size(size_t i, int dim) const { return static_cast<double>(TensorRef(matrices_[i]).size(dim)); }
  TensorList matrices_;
  size_t n_;
  std::vector<size_t> split_;
};

}  // namespace

Tensor chain_matmul(TensorList matrices) { return ChainOrder(matrices).multiply(0, matrices.size() - 1); }

}  // namespace tw::composite
