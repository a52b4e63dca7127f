// Powers, chains and sums of products, distances.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/linalg_functions.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/linalg_solvers.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scan.hpp>

#include "composite/matrices.h"
#include "declarations/linalg_functions.h"

namespace tw::composite {

Tensor matrix_exp(TensorRef self) { return ops::linalg_matrix_exp(self); }

Tensor linalg_matrix_power(TensorRef self, int64_t n) {
  if (n == 0) {  // constant, and yet a function of the matrices, with gradient 0
    const Tensor all = ops::full(IntList(), true, kBool, self.device());
    const Tensor diagonal = ops::eye(self.size(-1), std::nullopt, kBool, self.device());
    return ops::masked_fill(ops::masked_fill(self, all, 0), diagonal, 1);
  }
  Tensor square = n < 0 ? ops::linalg_inv(self) : Tensor::retain(self), result;
  for (uint64_t left = n < 0 ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);;) {
    if (left & 1) result = result ? ops::matmul(result, square) : square;
    left >>= 1;
    if (left == 0) break;
    square = ops::matmul(square, square);
  }
  return n == 1 ? ops::clone(result) : result;
}

Tensor matrix_power(TensorRef self, int64_t n) { return ops::linalg_matrix_power(self, n); }

Tensor linalg_multi_dot(TensorList tensors) {
  const TensorRef first = tensors[0], last = tensors[tensors.size() - 1];
  const Tensor row = first.ndim() == 1 ? ops::unsqueeze(first, 0) : Tensor::retain(first);
  const Tensor column = last.ndim() == 1 ? ops::unsqueeze(last, 1) : Tensor::retain(last);
  std::vector<tw_tensor*> matrices = tensors.vec();
  matrices.front() = row.get(), matrices.back() = column.get();
  for (size_t i = 0; i < matrices.size(); ++i) {
    if (TensorRef(matrices[i]).ndim() != 2)
      throw fail(TW_E_SHAPE, "linalg.multi_dot: tensor ", static_cast<int64_t>(i), " must be a matrix, got ",
                 TensorRef(tensors[i]).shape());
    if (TensorRef(matrices[i]).dtype() != first.dtype())
      throw fail(TW_E_TYPE, "linalg.multi_dot: all tensors must have one dtype, got ", first.dtype(), " and ",
                 TensorRef(matrices[i]).dtype());
  }
  Tensor result = ops::chain_matmul(matrices);
  if (last.ndim() == 1) result = ops::squeeze(result, IntList({1}));
  if (first.ndim() == 1) result = ops::squeeze(result, IntList({0}));
  return result;
}

Tensor linalg_vander(TensorRef x, std::optional<int64_t> N) {
  const int64_t n = N.value_or(x.size(-1));
  const Tensor column = ops::unsqueeze(x, -1);
  const Tensor one = ops::ones_like(column);
  if (n <= 1) return ops::narrow(one, -1, 0, n);
  const std::vector<int64_t> shape = joined_shape(x.shape(), {n - 1});
  const Tensor powers = ops::cumprod(ops::expand(column, shape), -1, x.dtype());
  tw_tensor* parts[] = {one.get(), powers.get()};
  return ops::cat(TensorList(parts, 2), -1);
}

Tensor linalg_vecdot(TensorRef x, TensorRef y, int64_t dim) {
  return ops::sum(ops::mul(ops::conj(x), y), IntList({dim}), false, x.dtype());
}

Tensor vdot(TensorRef self, TensorRef other) { return ops::dot(ops::conj(self), other); }

Tensor cross(TensorRef self, TensorRef other, std::optional<int64_t> dim) {
  if (dim) return ops::linalg_cross(self, other, *dim);
  const auto& shape = self.shape();
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] == 3) return ops::linalg_cross(self, other, static_cast<int64_t>(d));
  throw fail(TW_E_SHAPE, "cross: self has no dimension of size 3: ", shape);
}

Tensor linalg_diagonal(TensorRef A, int64_t offset, int64_t dim1, int64_t dim2) {
  return ops::diagonal(A, offset, dim1, dim2);
}

Tensor trace(TensorRef self) { return ops::sum(ops::diagonal(self)); }

Tensor kron(TensorRef self, TensorRef other) {
  const int ndim = std::max(self.ndim(), other.ndim());
  std::vector<int64_t> left, right, shape;
  for (int d = 0; d < ndim; ++d) {
    const int i = d - (ndim - self.ndim()), j = d - (ndim - other.ndim());
    const int64_t m = i < 0 ? 1 : self.size(i), n = j < 0 ? 1 : other.size(j);
    left.insert(left.end(), {m, 1}), right.insert(right.end(), {1, n}), shape.push_back(m * n);
  }
  return ops::reshape(ops::mul(ops::reshape(self, left), ops::reshape(other, right)), shape);
}

// ---- sums of products -----------------------------------------------------------------------------------------------

Tensor addbmm(TensorRef self, TensorRef batch1, TensorRef batch2, const Scalar& beta, const Scalar& alpha) {
  // The sum over the batch is a product of the matrices side by side.
  const int64_t depth = batch1.size(0) * batch1.size(2);
  const Tensor left = ops::reshape(ops::transpose(batch1, 0, 1), {batch1.size(1), depth});
  return ops::addmm(self, left, ops::reshape(batch2, {depth, batch2.size(2)}), beta, alpha);
}

Tensor addmv(TensorRef self, TensorRef mat, TensorRef vec, const Scalar& beta, const Scalar& alpha) {
  const Tensor sum = ops::addmm(ops::unsqueeze(self, -1), mat, ops::unsqueeze(vec, 1), beta, alpha);
  return ops::squeeze(sum, IntList({1}));
}

Tensor addr(TensorRef self, TensorRef vec1, TensorRef vec2, const Scalar& beta, const Scalar& alpha) {
  Tensor product = ops::outer(vec1, vec2);
  if (!alpha.equals(1)) product = ops::mul(product, alpha);
  const tw_dtype dtype = promote_types(self.dtype(), product.dtype());
  if (beta.equals(0)) return product.dtype() == dtype ? product : ops::to_dtype(product, dtype);
  return ops::add(beta.equals(1) ? Tensor::retain(self) : ops::mul(self, beta), product);
}

Tensor renorm(TensorRef self, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
  if (p.is_complex() || p.real() <= 0) throw fail(TW_E_VALUE, "renorm: p must be a positive number, got ", p);
  if (maxnorm.is_complex() || maxnorm.real() < 0)
    throw fail(TW_E_VALUE, "renorm: maxnorm must be a number that is not negative, got ", maxnorm);
  std::vector<int64_t> others;
  for (int64_t d = 0; d < self.ndim(); ++d)
    if (d != (dim < 0 ? dim + self.ndim() : dim)) others.push_back(d);
  const Tensor size = ops::linalg_vector_norm(self, p, others, true);
  // Slices that may stay have a factor of exactly 1; the small number keeps scaled ones below the limit.
  const Tensor factor = ops::mul(ops::reciprocal(ops::add(size, 1e-7)), maxnorm);
  return ops::mul(self, ops::masked_fill(factor, ops::le(size, maxnorm), 1));
}

// ---- distances ------------------------------------------------------------------------------------------------------

Tensor dist(TensorRef self, TensorRef other, const Scalar& p) { return ops::norm(ops::sub(self, other), p); }

namespace {

constexpr int64_t kFewRows = 25;  // up to which differences are as fast as a product, and more accurate

Tensor in_one_batch(TensorRef t, IntList batch, tw_dtype dtype) {
  const Tensor cast = t.dtype() == dtype ? Tensor::retain(t) : ops::to_dtype(t, dtype);
  int64_t count = 1;
  for (const int64_t size : batch) count *= size;
  return ops::reshape(with_batch(cast, batch), {count, t.size(-2), t.size(-1)});
}

}  // namespace

Tensor cdist(TensorRef x1, TensorRef x2, double p, std::string_view compute_mode) {
  const std::vector<int64_t> batch = broadcast_batch("cdist", batch_of(x1), batch_of(x2));
  const tw_dtype dtype = promote_types(x1.dtype(), x2.dtype());
  const bool many = x1.size(-2) > kFewRows || x2.size(-2) > kFewRows;
  const bool by_products =
      compute_mode == "use_mm_for_euclid_dist" || (many && compute_mode == "use_mm_for_euclid_dist_if_necessary");
  const Tensor distances =
      ops::_cdist(in_one_batch(x1, batch, dtype), in_one_batch(x2, batch, dtype), p, p == 2 && by_products);
  return ops::reshape(distances, joined_shape(batch, {x1.size(-2), x2.size(-2)}));
}

}  // namespace tw::composite
