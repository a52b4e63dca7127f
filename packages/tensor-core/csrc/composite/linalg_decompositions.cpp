// Decompositions in their older spellings, products of reflections, low-rank approximations, least squares.
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linalg_decompositions.hpp>
#include <tensorwright/ops/linalg_solvers.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/reduction.hpp>

#include "composite/matrices.h"
#include "declarations/linalg_decompositions.h"

namespace tw::composite {

std::tuple<Tensor, Tensor> qr(TensorRef self, bool some) { return ops::linalg_qr(self, some ? "reduced" : "complete"); }

// ---- products of reflections ----------------------------------------------------------------------------------------

namespace {

// H_1 ... H_k = I - V T V^H with T^-1 = diag(1 / tau) + the strict upper triangle of V^H V (Schreiber and Van Loan
// 1989); written so that tau may be 0.
struct Reflections {
  Tensor v, t;

  Reflections(TensorRef packed, TensorRef tau) {
    const int64_t m = packed.size(-2), k = tau.size(-1);
    v = ops::add(ops::tril(ops::narrow(packed, -1, 0, k), -1), ops::eye(m, k, packed.dtype(), packed.device()));
    const Tensor scale = ops::unsqueeze(tau, -1);
    const Tensor coupling = ops::mul(scale, ops::triu(ops::matmul(adjoint_of(v), v), 1));
    const Tensor unit = identity(k, packed);
    t = ops::linalg_solve_triangular(ops::add(coupling, unit), ops::mul(scale, unit), true, true, true);
  }
  // Q x or Q^H x.
  Tensor apply(TensorRef x, bool adjoint) const {
    const Tensor middle = adjoint ? adjoint_of(t) : t;
    return ops::sub(x, ops::matmul(v, ops::matmul(middle, ops::matmul(adjoint_of(v), x))));
  }
};

}  // namespace

Tensor orgqr(TensorRef self, TensorRef input2) { return ops::linalg_householder_product(self, input2); }

Tensor ormqr(TensorRef self, TensorRef input2, TensorRef input3, bool left, bool transpose) {
  const Reflections q(self, input2);
  if (left) return q.apply(input3, transpose);
  return adjoint_of(q.apply(adjoint_of(input3), !transpose));  // X Q = (Q^H X^H)^H
}

// ---- singular values ------------------------------------------------------------------------------------------------

std::tuple<Tensor, Tensor, Tensor> svd(TensorRef self, bool some, bool compute_uv) {
  if (!compute_uv) {
    const auto zeros = [&](int64_t n) {
      return ops::zeros(joined_shape(batch_of(self), {n, n}), self.dtype(), self.device());
    };
    return {zeros(self.size(-2)), ops::linalg_svdvals(self), zeros(self.size(-1))};
  }
  auto [u, s, vh] = ops::linalg_svd(self, !some);
  return {std::move(u), std::move(s), adjoint_of(vh)};
}

namespace {

Tensor orthonormal(TensorRef t) { return std::get<0>(ops::linalg_qr(t)); }

// Orthonormal columns whose span nearly holds the q leading left singular vectors.
Tensor leading_range(TensorRef a, int64_t q, int64_t steps) {
  const std::vector<int64_t> shape = joined_shape(batch_of(a), {a.size(-1), q});
  const Tensor directions = ops::randn(shape, nullptr, real_of(a.dtype()), a.device());
  Tensor basis = orthonormal(ops::matmul(a, directions));
  const Tensor back = adjoint_of(a);
  for (int64_t i = 0; i < steps; ++i) basis = orthonormal(ops::matmul(a, orthonormal(ops::matmul(back, basis))));
  return basis;
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> svd_lowrank(TensorRef A, std::optional<int64_t> q, std::optional<int64_t> niter,
                                               TensorRef M) {
  const Tensor a = M ? ops::sub(A, M) : Tensor::retain(A);
  const int64_t rank = std::min({q.value_or(6), a.size(-1), a.size(-2)}), steps = niter.value_or(2);
  const bool wide = a.size(-2) < a.size(-1);
  const Tensor tall = wide ? adjoint_of(a) : a;
  const Tensor basis = leading_range(tall, rank, steps);
  const auto [u, s, vh] = ops::linalg_svd(ops::matmul(adjoint_of(basis), tall), false);
  Tensor left = ops::matmul(basis, u), right = adjoint_of(vh);
  if (wide) std::swap(left, right);
  return {std::move(left), s, std::move(right)};
}

std::tuple<Tensor, Tensor, Tensor> pca_lowrank(TensorRef A, std::optional<int64_t> q, bool center, int64_t niter) {
  const int64_t rank = q.value_or(std::min<int64_t>({6, A.size(-1), A.size(-2)}));
  if (!center) return ops::svd_lowrank(A, rank, niter, TensorRef());
  return ops::svd_lowrank(ops::sub(A, ops::mean(A, IntList({-2}), true)), rank, niter, TensorRef());
}

// ---- pseudo-inverses ------------------------------------------------------------------------------------------------

namespace {

Tensor tolerance(double value, TensorRef like) { return ops::full(IntList(), value, kFloat64, like.device()); }

double default_rtol(TensorRef a) {
  return epsilon_of(a.dtype()) * static_cast<double>(std::max(a.size(-1), a.size(-2)));
}

}  // namespace

Tensor linalg_pinv_atol_rtol_tensor(TensorRef self, TensorRef atol, TensorRef rtol, bool) {
  const Tensor absolute = atol ? Tensor::retain(atol) : tolerance(0, self);
  const Tensor relative = rtol ? Tensor::retain(rtol) : tolerance(atol ? 0 : default_rtol(self), self);
  return ops::_linalg_pinv(self, absolute, relative);
}

Tensor linalg_pinv_atol_rtol_float(TensorRef self, std::optional<double> atol, std::optional<double> rtol, bool) {
  const double relative = rtol.value_or(atol.value_or(0) > 0 ? 0 : default_rtol(self));
  return ops::_linalg_pinv(self, tolerance(atol.value_or(0), self), tolerance(relative, self));
}

Tensor linalg_pinv_rcond(TensorRef self, double rcond, bool) {
  return ops::_linalg_pinv(self, tolerance(0, self), tolerance(rcond, self));
}

Tensor linalg_pinv_rcond_tensor(TensorRef self, TensorRef rcond, bool) {
  return ops::_linalg_pinv(self, tolerance(0, self), rcond);
}

Tensor pinverse(TensorRef self, double rcond) { return linalg_pinv_rcond(self, rcond, false); }

// ---- least squares --------------------------------------------------------------------------------------------------

namespace {

bool all_full(TensorRef rank, int64_t full) {
  if (rank.device().type != TW_DEVICE_CPU) return true;
  const auto* values = rank.data<int64_t>();
  return std::all_of(values, values + rank.numel(), [&](int64_t r) { return r == full; });
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor> linalg_lstsq(TensorRef self, TensorRef b, std::optional<double> rcond,
                                                        std::optional<std::string_view> driver) {
  const bool vector = is_vector_side(self, b);
  const Tensor right = vector ? ops::unsqueeze(b, -1) : Tensor::retain(b);
  if (right.size(-2) != self.size(-2))
    throw fail(TW_E_SHAPE, "linalg.lstsq: the matrix and the right side must have equally many rows: ", self.shape(),
               " and ", b.shape());
  const std::string_view name = driver.value_or("gelsy");
  const std::vector<int64_t> batch = broadcast_batch("linalg.lstsq", batch_of(self), batch_of(right));
  auto [x, residuals, rank, singular] =
      ops::_linalg_lstsq(with_batch(self, batch), with_batch(right, batch), rcond.value_or(default_rtol(self)), name);
  const auto none = [&](tw_dtype dtype) { return ops::empty(IntList({0}), dtype, self.device()); };
  const bool overdetermined = self.size(-2) > self.size(-1) && name != "gelsy" && all_full(rank, self.size(-1));
  if (!overdetermined)
    residuals = none(residuals.dtype());
  else if (vector)
    residuals = ops::squeeze(residuals, IntList({-1}));
  if (name == "gels") rank = none(kInt64);
  if (name == "gels" || name == "gelsy") singular = none(singular.dtype());
  return {vector ? ops::squeeze(x, IntList({-1})) : x, std::move(residuals), std::move(rank), std::move(singular)};
}

}  // namespace tw::composite
