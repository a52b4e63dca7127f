// Solvers and determinants over the kernels of csrc/cpu/linalg/solvers.cpp.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linalg_solvers.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/ordering.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include <cmath>
#include <numeric>

#include "composite/matrices.h"
#include "declarations/linalg_solvers.h"

namespace tw::composite {

// ---- Cholesky -------------------------------------------------------------------------------------------------------

Tensor linalg_cholesky(TensorRef self, bool upper) { return std::get<0>(ops::linalg_cholesky_ex(self, upper, true)); }
Tensor cholesky(TensorRef self, bool upper) { return ops::linalg_cholesky(self, upper); }

Tensor cholesky_solve(TensorRef self, TensorRef input2, bool upper) {
  const Tensor lower = upper ? adjoint_of(input2) : Tensor::retain(input2);
  const Tensor half = ops::linalg_solve_triangular(lower, self, false);
  return ops::linalg_solve_triangular(adjoint_of(lower), half, true);
}

Tensor cholesky_inverse(TensorRef self, bool upper) {
  const Tensor lower = upper ? adjoint_of(self) : Tensor::retain(self);
  const Tensor inverse = ops::linalg_solve_triangular(lower, identity(self.size(-1), self), false);
  return ops::matmul(adjoint_of(inverse), inverse);
}

// ---- LU -------------------------------------------------------------------------------------------------------------

std::tuple<Tensor, Tensor> linalg_lu_factor(TensorRef A, bool pivot) {
  auto [lu, pivots, info] = ops::linalg_lu_factor_ex(A, pivot, true);
  return {std::move(lu), std::move(pivots)};
}

std::vector<Tensor> lu(TensorRef self, bool pivot, bool get_infos) {
  auto [factors, pivots, info] = ops::linalg_lu_factor_ex(self, pivot, !get_infos);
  std::vector<Tensor> results{std::move(factors), std::move(pivots)};
  if (get_infos) results.push_back(std::move(info));
  return results;
}

namespace {

Tensor no_elements(TensorRef like) { return ops::empty(IntList({0}), like.dtype(), like.device()); }

// P with P[order[i], i] = 1.
Tensor permutation_matrix(TensorRef order, TensorRef like) {
  const Tensor rows = ops::arange(0, order.size(-1), 1, kInt64, like.device());
  return ops::to_dtype(ops::eq(ops::unsqueeze(order, -2), ops::unsqueeze(rows, -1)), like.dtype());
}

Tensor unit_lower(TensorRef lu) {
  const int64_t k = std::min(lu.size(-1), lu.size(-2));
  const Tensor below = ops::tril(ops::narrow(lu, -1, 0, k), -1);
  return ops::add(below, ops::eye(lu.size(-2), k, lu.dtype(), lu.device()));
}

Tensor upper_factor(TensorRef lu) { return ops::triu(ops::narrow(lu, -2, 0, std::min(lu.size(-1), lu.size(-2)))); }

}  // namespace

std::tuple<Tensor, Tensor, Tensor> lu_unpack(TensorRef LU_data, TensorRef LU_pivots, bool unpack_data,
                                             bool unpack_pivots) {
  Tensor p = no_elements(LU_data), l = no_elements(LU_data), u = no_elements(LU_data);
  if (unpack_data) l = unit_lower(LU_data), u = upper_factor(LU_data);
  if (unpack_pivots) p = permutation_matrix(ops::lu_pivots_to_permutation(LU_pivots, LU_data.size(-2)), LU_data);
  return {std::move(p), std::move(l), std::move(u)};
}

std::tuple<Tensor, Tensor, Tensor> linalg_lu(TensorRef A, bool pivot) {
  const auto [lu, pivots, info] = ops::linalg_lu_factor_ex(A, pivot, false);
  return ops::lu_unpack(lu, pivots, true, pivot);
}

namespace {

// Rows of `t` in the order that each batch's indices give.
Tensor rows_in_order(TensorRef t, TensorRef order) {
  return ops::gather(t, -2, ops::expand(ops::unsqueeze(order, -1), t.shape()));
}

Tensor solve_with_factors(TensorRef lu, TensorRef order, TensorRef b, bool adjoint) {
  if (!adjoint) {
    const Tensor half = ops::_linalg_solve_triangular(lu, rows_in_order(b, order), false, true, true);
    return ops::_linalg_solve_triangular(lu, half, true);
  }
  const Tensor factors = adjoint_of(lu);
  const Tensor half = ops::_linalg_solve_triangular(factors, b, false);
  return rows_in_order(ops::_linalg_solve_triangular(factors, half, true, true, true), ops::argsort(order, -1));
}

}  // namespace

Tensor linalg_lu_solve(TensorRef LU, TensorRef pivots, TensorRef B, bool left, bool adjoint) {
  if (!left) return adjoint_of(ops::linalg_lu_solve(LU, pivots, adjoint_of(B), true, !adjoint));
  const std::vector<int64_t> batch = broadcast_batch("linalg.lu_solve", batch_of(LU), batch_of(B));
  const Tensor order = ops::lu_pivots_to_permutation(pivots, LU.size(-1));
  return solve_with_factors(with_batch(LU, batch), ops::expand(order, joined_shape(batch, {LU.size(-1)})),
                            with_batch(B, batch), adjoint);
}

Tensor lu_solve(TensorRef self, TensorRef LU_data, TensorRef LU_pivots) {
  return ops::linalg_lu_solve(LU_data, LU_pivots, self, true, false);
}

// ---- general and triangular systems ---------------------------------------------------------------------------------

std::tuple<Tensor, Tensor> linalg_solve_ex(TensorRef A, TensorRef B, bool left, bool check_errors) {
  const bool vector = left && is_vector_side(A, B);
  if (!vector && B.ndim() < 2)
    throw fail(TW_E_SHAPE, "linalg.solve: with left=False the right side must be a matrix, got ", B.shape());
  const Tensor b = vector ? ops::unsqueeze(B, -1) : Tensor::retain(B);
  if (b.size(left ? -2 : -1) != A.size(-1))
    throw fail(TW_E_SHAPE, "linalg.solve: the sizes of the matrix and of the right side differ: A is ", A.shape(),
               ", B is ", B.shape());
  const std::vector<int64_t> batch = broadcast_batch("linalg.solve", batch_of(A), batch_of(b));
  if (batch_of(A).vec() != batch) {  // each matrix is factored once, for several right sides
    auto [factors, rows, info] = ops::linalg_lu_factor_ex(A, true, check_errors);
    const Tensor x = ops::linalg_lu_solve(factors, rows, b, left, false);
    return {vector ? ops::squeeze(x, IntList({-1})) : x, std::move(info)};
  }
  auto [result, lu, pivots, info] =
      ops::_linalg_solve_ex(with_batch(A, batch), with_batch(b, batch), left, check_errors);
  return {vector ? ops::squeeze(result, IntList({-1})) : std::move(result), std::move(info)};
}

Tensor linalg_solve(TensorRef A, TensorRef B, bool left) { return std::get<0>(ops::linalg_solve_ex(A, B, left, true)); }

Tensor linalg_solve_triangular(TensorRef self, TensorRef B, bool upper, bool left, bool unitriangular) {
  const std::vector<int64_t> batch = broadcast_batch("linalg.solve_triangular", batch_of(self), batch_of(B));
  return ops::_linalg_solve_triangular(with_batch(self, batch), with_batch(B, batch), upper, left, unitriangular);
}

std::tuple<Tensor, Tensor> triangular_solve(TensorRef self, TensorRef A, bool upper, bool transpose,
                                            bool unitriangular) {
  const Tensor matrix = transpose ? transposed(A) : Tensor::retain(A);
  const std::vector<int64_t> batch = broadcast_batch("triangular_solve", batch_of(self), batch_of(A));
  return {ops::linalg_solve_triangular(matrix, self, upper != transpose, true, unitriangular),
          ops::clone(with_batch(A, batch))};
}

// ---- inverses and determinants --------------------------------------------------------------------------------------

Tensor linalg_inv(TensorRef A) { return std::get<0>(ops::linalg_inv_ex(A, true)); }
Tensor inverse(TensorRef self) { return ops::linalg_inv(self); }
Tensor det(TensorRef self) { return ops::linalg_det(self); }
std::tuple<Tensor, Tensor> slogdet(TensorRef self) { return ops::linalg_slogdet(self); }

Tensor logdet(TensorRef self) {
  const auto [sign, log_abs] = ops::linalg_slogdet(self);
  if (is_complex(self.dtype())) return ops::add(ops::log(sign), log_abs);
  return ops::masked_fill(log_abs, ops::eq(sign, -1), std::nan(""));
}

std::tuple<Tensor, Tensor> linalg_ldl_factor(TensorRef self, bool hermitian) {
  auto [ld, pivots, info] = ops::linalg_ldl_factor_ex(self, hermitian, true);
  return {std::move(ld), std::move(pivots)};
}

// ---- tensors as linear maps -----------------------------------------------------------------------------------------

namespace {

int64_t count_of(IntList shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, [](int64_t a, int64_t b) { return a * b; });
}

}  // namespace

Tensor linalg_tensorinv(TensorRef self, int64_t ind) {
  const auto rows = static_cast<size_t>(ind);
  const IntList first{self.shape().data(), rows}, rest{self.shape().data() + rows, self.shape().size() - rows};
  const Tensor matrix = ops::reshape(self, {count_of(first), count_of(rest)});
  return ops::reshape(ops::linalg_inv(matrix), joined_shape(rest, first));
}

Tensor linalg_tensorsolve(TensorRef self, TensorRef other, std::optional<IntList> dims) {
  Tensor a = Tensor::retain(self);
  if (dims) {
    std::vector<int64_t> last(dims->size());
    std::iota(last.begin(), last.end(), self.ndim() - static_cast<int64_t>(dims->size()));
    a = ops::movedim(a, *dims, last);
  }
  if (other.ndim() > a.ndim())
    throw fail(TW_E_SHAPE, "linalg.tensorsolve: the right side has more dimensions than the tensor: ", other.shape(),
               " and ", self.shape());
  const IntList unknowns{a.shape().data() + other.ndim(), static_cast<size_t>(a.ndim() - other.ndim())};
  const int64_t n = count_of(unknowns);
  if (n != other.numel() || n * n != a.numel())
    throw fail(TW_E_SHAPE, "linalg.tensorsolve: the system must be square: ", other.numel(), " equations in ", n,
               " unknowns, from tensors ", self.shape(), " and ", other.shape());
  const Tensor x = ops::linalg_solve(ops::reshape(a, {n, n}), ops::reshape(other, {n}));
  return ops::reshape(x, unknowns);
}

}  // namespace tw::composite
