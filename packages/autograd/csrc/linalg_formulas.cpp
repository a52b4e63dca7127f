#include "linalg_formulas.h"

#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/linalg_decompositions.hpp>
#include <tensorwright/ops/linalg_functions.hpp>
#include <tensorwright/ops/linalg_solvers.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/padding.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scatter.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <cmath>

#include "formulas.h"

namespace tw::autograd {

namespace {

Tensor transposed(TensorRef t) { return ops::transpose(t, -2, -1); }
Tensor diagonal_of(TensorRef t) { return ops::diagonal(t, 0, -2, -1); }
Tensor times(TensorRef a, TensorRef b) { return ops::matmul(a, b); }
Tensor identity(int64_t n, TensorRef like) { return ops::eye(n, std::nullopt, like.dtype(), like.device()); }
Tensor diagonal_mask(int64_t n, TensorRef like) { return ops::eye(n, std::nullopt, kBool, like.device()); }
Tensor scale_columns(TensorRef a, TensorRef factors) { return ops::mul(a, ops::unsqueeze(factors, -2)); }
Tensor scale_rows(TensorRef a, TensorRef factors) { return ops::mul(a, ops::unsqueeze(factors, -1)); }

// i t, for real t.
Tensor times_i(TensorRef t) { return ops::complex(zeros_like(t), t); }

bool any_zero(TensorRef t) {
  const Tensor found = ops::any(ops::eq(t, 0));
  return found.device().type == TW_DEVICE_CPU && *found.data<bool>();
}

}  // namespace

Tensor adjoint_of(TensorRef t) { return ops::conj(transposed(t)); }
Tensor real_like(TensorRef grad, tw_dtype dtype) { return is_complex(dtype) ? Tensor::retain(grad) : ops::real(grad); }

// ---- solvers --------------------------------------------------------------------------------------------------

// L^-H P L^-1 for P, the lower triangle of L^H G and its adjoint above, halved.
Tensor cholesky_backward(TensorRef grad, TensorRef L, bool upper) {
  const Tensor lower = upper ? adjoint_of(L) : Tensor::retain(L), g = upper ? adjoint_of(grad) : Tensor::retain(grad);
  const Tensor x = times(adjoint_of(lower), g);
  const Tensor p = ops::mul(ops::add(ops::tril(x), adjoint_of(ops::tril(x, -1))), 0.5);
  const Tensor left = ops::linalg_solve_triangular(adjoint_of(lower), p, true);
  return ops::linalg_solve_triangular(lower, left, false, false);
}

namespace {

// The gradient of P^T A, for L [m, k] and U [k, n]: of the square corner, with what the rest of L or U adds.
Tensor unpermuted_lu_backward(TensorRef grad, TensorRef LU) {
  const int64_t m = LU.size(-2), n = LU.size(-1), k = std::min(m, n);
  const Tensor corner = ops::narrow(ops::narrow(LU, -2, 0, k), -1, 0, k);
  const Tensor l = ops::add(ops::tril(corner, -1), identity(k, LU)), u = ops::triu(corner);
  const Tensor g = ops::narrow(ops::narrow(grad, -2, 0, k), -1, 0, k);
  Tensor below = times(adjoint_of(l), ops::tril(g, -1)), above = times(ops::triu(g), adjoint_of(u));
  Tensor rest;
  if (n > k) {
    rest = ops::narrow(grad, -1, k, n - k);
    below = ops::sub(below, times(rest, adjoint_of(ops::narrow(LU, -1, k, n - k))));
    rest = ops::linalg_solve_triangular(adjoint_of(l), rest, true, true, true);
  } else if (m > k) {
    rest = ops::narrow(grad, -2, k, m - k);
    above = ops::sub(above, times(adjoint_of(ops::narrow(LU, -2, k, m - k)), rest));
    rest = ops::linalg_solve_triangular(adjoint_of(u), rest, false, false);
  }
  const Tensor inner = ops::add(ops::tril(below, -1), ops::triu(above));
  const Tensor left = ops::linalg_solve_triangular(adjoint_of(l), inner, true, true, true);
  Tensor result = ops::linalg_solve_triangular(adjoint_of(u), left, false, false);
  if (!rest) return result;
  tw_tensor* parts[] = {result.get(), rest.get()};
  return ops::cat(TensorList(parts, 2), n > k ? -1 : -2);
}

}  // namespace

Tensor lu_factor_backward(TensorRef grad, TensorRef LU, TensorRef pivots) {
  const Tensor p = std::get<0>(ops::lu_unpack(LU, pivots, false, true));
  return times(p, unpermuted_lu_backward(grad, LU));
}

std::tuple<Tensor, Tensor> solve_backward(TensorRef grad, TensorRef A, TensorRef result, TensorRef LU, TensorRef pivots,
                                          bool left, bool needs_matrix) {
  Tensor grad_b = is_recording() ? ops::linalg_solve(adjoint_of(A), grad, left)
                                 : ops::linalg_lu_solve(LU, pivots, grad, left, true);
  Tensor grad_a;
  if (needs_matrix) grad_a = ops::neg(left ? times(grad_b, adjoint_of(result)) : times(adjoint_of(result), grad_b));
  return {std::move(grad_a), std::move(grad_b)};
}

std::tuple<Tensor, Tensor> solve_triangular_backward(TensorRef grad, TensorRef A, TensorRef result, bool upper,
                                                     bool left, bool unitriangular, bool needs_matrix) {
  Tensor grad_b = ops::linalg_solve_triangular(adjoint_of(A), grad, !upper, left, unitriangular);
  Tensor grad_a;
  if (needs_matrix) {
    const Tensor whole = left ? times(grad_b, adjoint_of(result)) : times(adjoint_of(result), grad_b);
    const int64_t off = unitriangular ? 1 : 0;
    grad_a = ops::neg(upper ? ops::triu(whole, off) : ops::tril(whole, -off));
  }
  return {std::move(grad_a), std::move(grad_b)};
}

Tensor inverse_backward(TensorRef grad, TensorRef inverse) {
  const Tensor h = adjoint_of(inverse);
  return ops::neg(times(h, times(grad, h)));
}

namespace {

Tensor as_matrix_factor(TensorRef t) { return ops::unsqueeze(ops::unsqueeze(t, -1), -1); }

// Cofactors from singular values, so that singular matrices have them as well: for A = U S V^H they are
// conj(det U det V^H) U diag(product of the other singular values) V^H.
Tensor conjugate_cofactors(TensorRef A) {
  const auto [u, s, vh] = ops::linalg_svd(A, false);
  const int64_t n = s.size(-1);
  const Tensor one = ops::full(IntList(), 1.0, s.dtype(), s.device());
  const Tensor others = ops::prod(ops::where(diagonal_mask(n, s), one, ops::unsqueeze(s, -2)), IntList({-1}));
  const Tensor phase = ops::mul(ops::linalg_det(u), ops::linalg_det(vh));
  return ops::mul(as_matrix_factor(ops::conj(phase)), times(scale_columns(u, others), vh));
}

}  // namespace

Tensor det_backward(TensorRef grad, TensorRef A, TensorRef det) {
  if (any_zero(det)) return ops::mul(as_matrix_factor(grad), conjugate_cofactors(A));
  const Tensor factor = ops::mul(grad, ops::conj(det));
  return ops::mul(as_matrix_factor(factor), adjoint_of(std::get<0>(ops::linalg_inv_ex(A))));
}

Tensor slogdet_backward(TensorRef grad_sign, TensorRef grad_log, TensorRef A, TensorRef sign) {
  Tensor factor = Tensor::retain(grad_log);
  if (is_complex(A.dtype()))  // the sign is exp(i phi), and phi the imaginary part of the logarithm
    factor = ops::sub(grad_log, times_i(ops::imag(ops::mul(ops::conj(grad_sign), sign))));
  return ops::mul(as_matrix_factor(factor), adjoint_of(ops::linalg_inv(A)));
}

Tensor ldl_solve_backward(TensorRef grad, TensorRef LD, TensorRef pivots, bool hermitian) {
  if (hermitian || !is_complex(LD.dtype())) return ops::linalg_ldl_solve(LD, pivots, grad, hermitian);
  return ops::conj(ops::linalg_ldl_solve(LD, pivots, ops::conj(grad), hermitian));
}

// ---- decompositions -------------------------------------------------------------------------------------------

namespace {

// Of A = Q R with as many columns as rows or fewer (Walter and Lehmann 2010).
Tensor tall_qr_backward(TensorRef grad_Q, TensorRef grad_R, TensorRef Q, TensorRef R) {
  const Tensor m = ops::triu(ops::sub(times(grad_R, adjoint_of(R)), times(adjoint_of(Q), grad_Q)));
  const Tensor weights = ops::sub(1, ops::mul(identity(R.size(-1), R), 0.5));
  const Tensor symmetric = ops::mul(ops::add(m, adjoint_of(m)), weights);
  return ops::linalg_solve_triangular(adjoint_of(R), ops::add(grad_Q, times(Q, symmetric)), false, false);
}

}  // namespace

Tensor qr_backward(TensorRef grad_Q, TensorRef grad_R, TensorRef Q, TensorRef R, std::string_view mode) {
  if (mode == "r")
    throw Error(TW_E_UNSUPPORTED, "linalg.qr: the gradient depends on Q, which mode='r' leaves out; use 'reduced'");
  const int64_t m = Q.size(-2), k = Q.size(-1), n = R.size(-1);
  if (k > n)
    throw Error(TW_E_UNSUPPORTED,
                "linalg.qr: Q of mode='complete' has columns that a matrix with more rows than "
                "columns does not determine, so there is no gradient; use 'reduced'");
  if (n <= m) return tall_qr_backward(grad_Q, grad_R, Q, R);
  // A = [A1 A2] with A1 = Q R1 square and R2 = Q^H A2.
  const Tensor r2 = ops::narrow(R, -1, m, n - m), g2 = ops::narrow(grad_R, -1, m, n - m);
  const Tensor grad_q = ops::add(grad_Q, times(times(Q, r2), adjoint_of(g2)));
  const Tensor first = tall_qr_backward(grad_q, ops::narrow(grad_R, -1, 0, m), Q, ops::narrow(R, -1, 0, m));
  const Tensor second = times(Q, g2);
  tw_tensor* parts[] = {first.get(), second.get()};
  return ops::cat(TensorList(parts, 2), -1);
}

// Of Q = E - V T V^H E with T = M^-1 diag(tau), M = I + diag(tau) U and U the strict upper triangle of V^H V, the
// compact form of the product (Schreiber and Van Loan 1989); V are the vectors, E the first columns of the identity.
std::tuple<Tensor, Tensor> householder_product_backward(TensorRef grad, TensorRef input, TensorRef tau) {
  const int64_t m = input.size(-2), n = input.size(-1), k = tau.size(-1);
  const Tensor unit = ops::eye(m, k, input.dtype(), input.device());
  const Tensor v = ops::add(ops::tril(ops::narrow(input, -1, 0, k), -1), unit), vh = adjoint_of(v);
  const Tensor u = ops::triu(times(vh, v), 1), scale = ops::unsqueeze(tau, -1);
  const Tensor middle = ops::add(ops::mul(scale, u), identity(k, input));
  const Tensor t = ops::linalg_solve_triangular(middle, ops::mul(scale, identity(k, input)), true, true, true);
  const Tensor w = ops::narrow(vh, -1, 0, n), gwh = times(grad, adjoint_of(w)), th = adjoint_of(t);
  const Tensor y = ops::linalg_solve_triangular(adjoint_of(middle), ops::neg(times(vh, gwh)), false, true, true);
  const Tensor grad_middle = ops::neg(times(y, th));
  const Tensor grad_tau = diagonal_of(ops::add(y, times(grad_middle, adjoint_of(u))));
  const Tensor grad_u = ops::triu(ops::mul(ops::conj(scale), grad_middle), 1);
  const Tensor grad_w = ops::neg(times(th, times(vh, grad)));
  const Tensor below = ops::eye(m, n, input.dtype(), input.device());
  const Tensor through_products = times(v, ops::add(grad_u, adjoint_of(grad_u)));
  const Tensor grad_v = ops::add(ops::sub(times(below, adjoint_of(grad_w)), times(gwh, th)), through_products);
  Tensor grad_input = ops::tril(grad_v, -1);
  if (k < n) grad_input = ops::constant_pad_nd(grad_input, IntList({0, n - k}));
  return {std::move(grad_input), grad_tau};
}

namespace {

// differences[i][j] = values[j] - values[i].
Tensor differences(TensorRef values) { return ops::sub(ops::unsqueeze(values, -2), ops::unsqueeze(values, -1)); }

// numerator / gap off the diagonal, with 0 / 0 = 0: equal values do no harm where nothing depends on their vectors.
Tensor over_gaps(TensorRef numerator, TensorRef gap) {
  const Tensor idle = ops::logical_and(ops::eq(gap, 0), ops::eq(numerator, 0));
  return ops::div(numerator, ops::masked_fill(gap, ops::logical_or(idle, diagonal_mask(gap.size(-1), gap)), 1));
}

Tensor with_diagonal(TensorRef t, TensorRef d) {
  return ops::where(diagonal_mask(t.size(-1), t), ops::unsqueeze(d, -2), Operand(t));
}

}  // namespace

Tensor eigh_backward(TensorRef grad_values, TensorRef grad_vectors, TensorRef values, TensorRef vectors) {
  const Tensor inner = over_gaps(times(adjoint_of(vectors), grad_vectors), differences(values));
  return times(vectors, times(with_diagonal(inner, grad_values), adjoint_of(vectors)));
}

Tensor eigvalsh_backward(TensorRef grad, TensorRef A, std::string_view UPLO) {
  const Tensor vectors = std::get<1>(ops::linalg_eigh(A, UPLO));
  return times(scale_columns(vectors, grad), adjoint_of(vectors));
}

// Vectors have norm 1, which takes V^H V diag(Re V^H G) away from the gradient (Boeddeker et al. 2017).
Tensor eig_backward(TensorRef grad_values, TensorRef grad_vectors, TensorRef values, TensorRef vectors,
                    tw_dtype dtype) {
  const Tensor vh = adjoint_of(vectors);
  const Tensor vhg = times(vh, grad_vectors);
  const Tensor free = ops::sub(vhg, scale_columns(times(vh, vectors), ops::real(diagonal_of(vhg))));
  const Tensor inner = over_gaps(free, ops::conj(differences(values)));
  const Tensor grad = ops::linalg_solve(vh, times(with_diagonal(inner, grad_values), vh));
  return real_like(grad, dtype);
}

Tensor eigvals_backward(TensorRef grad, TensorRef A) {
  const Tensor vh = adjoint_of(std::get<1>(ops::linalg_eig(A)));
  return real_like(ops::linalg_solve(vh, scale_rows(vh, grad)), A.dtype());
}

namespace {

Tensor skew(TensorRef t) { return ops::sub(t, adjoint_of(t)); }
Tensor away_from(TensorRef basis, TensorRef t) { return ops::sub(t, times(basis, times(adjoint_of(basis), t))); }

}  // namespace

// J. Townsend 2016; of full matrices of vectors, those beyond the singular values are not determined and carry none.
Tensor svd_backward(TensorRef grad_U, TensorRef grad_S, TensorRef grad_Vh, TensorRef U, TensorRef S, TensorRef Vh) {
  const int64_t k = S.size(-1), rows = U.size(-2), columns = Vh.size(-1);
  const Tensor u = ops::narrow(U, -1, 0, k), gu = ops::narrow(grad_U, -1, 0, k);
  const Tensor v = adjoint_of(ops::narrow(Vh, -2, 0, k)), gv = adjoint_of(ops::narrow(grad_Vh, -2, 0, k));
  const Tensor gaps = differences(ops::mul(S, S));
  const Tensor turn_u = skew(times(adjoint_of(u), gu)), turn_v = skew(times(adjoint_of(v), gv));
  Tensor inner = ops::add(scale_columns(over_gaps(turn_u, gaps), S), scale_rows(over_gaps(turn_v, gaps), S));
  Tensor d = Tensor::retain(grad_S);
  if (is_complex(U.dtype())) d = ops::add(ops::div(diagonal_of(turn_u), ops::mul(S, 2)), grad_S);
  inner = with_diagonal(inner, d);
  Tensor grad = times(u, times(inner, adjoint_of(v)));
  if (rows > k) grad = ops::add(grad, times(away_from(u, ops::div(gu, ops::unsqueeze(S, -2))), adjoint_of(v)));
  if (columns > k) grad = ops::add(grad, times(u, adjoint_of(away_from(v, ops::div(gv, ops::unsqueeze(S, -2))))));
  return grad;
}

Tensor svdvals_backward(TensorRef grad, TensorRef A) {
  const auto [u, s, vh] = ops::linalg_svd(A, false);
  return times(scale_columns(u, grad), vh);
}

// Golub and Pereyra 1973, for constant rank.
Tensor pinv_backward(TensorRef grad, TensorRef A, TensorRef pinv) {
  const Tensor ph = adjoint_of(pinv), gh = adjoint_of(grad);
  const Tensor direct = ops::neg(times(ph, times(grad, ph)));
  const Tensor pg = times(gh, pinv);  // [m, m]
  const Tensor gp = times(pinv, gh);  // [n, n]
  const Tensor rows = times(ops::sub(pg, times(A, times(pinv, pg))), ph);
  const Tensor columns = times(ph, ops::sub(gp, times(gp, times(pinv, A))));
  return ops::add(direct, ops::add(rows, columns));
}

// Through X = A^+ B; a residual r has the gradient 2 (B - A X) by B, and -2 (B - A X) X^H by A.
std::tuple<Tensor, Tensor> lstsq_backward(TensorRef grad_solution, TensorRef grad_residuals, TensorRef A, TensorRef b,
                                          TensorRef solution) {
  const Tensor pinv = ops::linalg_pinv_atol_rtol_float(A);
  const Tensor left = ops::sub(b, times(A, solution));
  const Tensor by_residual = scale_columns(left, ops::mul(grad_residuals, 2));
  Tensor grad_b = ops::add(times(adjoint_of(pinv), grad_solution), by_residual);
  Tensor grad_a =
      ops::sub(pinv_backward(times(grad_solution, adjoint_of(b)), A, pinv), times(by_residual, adjoint_of(solution)));
  return {std::move(grad_a), std::move(grad_b)};
}

// ---- functions ------------------------------------------------------------------------------------------------

// Of a square root, and 0 where that is 0.
Tensor root_backward(TensorRef grad, TensorRef root) {
  const Tensor zero = ops::eq(root, 0);
  return ops::masked_fill(ops::div(grad, ops::mul(ops::masked_fill(root, zero, 1), 2)), zero, 0);
}

// The upper right block of exp [[A^H, G], [0, A^H]] (Mathias 1996).
Tensor matrix_exp_backward(TensorRef grad, TensorRef A) {
  const int64_t n = A.size(-1);
  const Tensor h = adjoint_of(A);
  tw_tensor* upper[] = {h.get(), grad.get()};
  const Tensor zero = zeros_like(h);
  tw_tensor* lower[] = {zero.get(), h.get()};
  const Tensor top = ops::cat(TensorList(upper, 2), -1), bottom = ops::cat(TensorList(lower, 2), -1);
  tw_tensor* rows[] = {top.get(), bottom.get()};
  const Tensor whole = ops::linalg_matrix_exp(ops::cat(TensorList(rows, 2), -2));
  return ops::narrow(ops::narrow(whole, -2, 0, n), -1, n, n);
}

std::tuple<Tensor, Tensor> cross_backward(TensorRef grad, TensorRef a, TensorRef b, int64_t dim) {
  const auto reduced = [](TensorRef g, TensorRef like) { return sum_to(g, like.shape(), like.dtype()); };
  return {reduced(ops::linalg_cross(ops::conj(b), grad, dim), a),
          reduced(ops::linalg_cross(grad, ops::conj(a), dim), b)};
}

namespace {

// grad times the derivatives of |d|_p by the coordinates of d = x1[:, :, None] - x2[:, None]; all [batch, P, R, M].
Tensor distance_slopes(TensorRef grad, TensorRef x1, TensorRef x2, TensorRef distances, double p) {
  const Tensor d = ops::sub(ops::unsqueeze(x1, 2), ops::unsqueeze(x2, 1));
  const Tensor g = ops::unsqueeze(grad, -1), length = ops::unsqueeze(distances, -1);
  if (p == 0) return ops::mul(d, ops::mul(g, 0));
  if (p == 1) return ops::mul(ops::sign(d), g);
  if (std::isinf(p)) return ops::mul(ops::mul(ops::sign(d), g), ops::eq(ops::abs(d), length));
  const Tensor none = ops::eq(d, 0);
  const Tensor powers = ops::pow(ops::abs(ops::masked_fill(d, none, 1)), p - 1);
  const Tensor scale = ops::pow(ops::masked_fill(length, ops::eq(length, 0), 1), 1 - p);
  return ops::mul(ops::mul(ops::masked_fill(ops::mul(powers, ops::sign(d)), none, 0), scale), g);
}

}  // namespace

std::tuple<Tensor, Tensor> cdist_backward(TensorRef grad, TensorRef x1, TensorRef x2, TensorRef distances, double p) {
  if (p == 2) {  // (x1 - x2) / distance, summed without the tensor of differences
    const Tensor zero = ops::eq(distances, 0);
    const Tensor w = ops::masked_fill(ops::div(grad, ops::masked_fill(distances, zero, 1)), zero, 0);
    const Tensor rows = ops::unsqueeze(ops::sum(w, IntList({2})), -1),
                 columns = ops::unsqueeze(ops::sum(w, IntList({1})), -1);
    return {ops::sub(ops::mul(x1, rows), times(w, x2)), ops::sub(ops::mul(x2, columns), times(transposed(w), x1))};
  }
  const Tensor slopes = distance_slopes(grad, x1, x2, distances, p);
  return {ops::sum(slopes, IntList({2})), ops::neg(ops::sum(slopes, IntList({1})))};
}

// As of all distances of the rows to each other, of which those above the diagonal count.
Tensor pdist_backward(TensorRef grad, TensorRef x, double p) {
  const int64_t n = x.size(0);
  const Tensor above = ops::triu(ops::full(IntList({n, n}), true, kBool, x.device()), 1);
  const Tensor whole = ops::masked_scatter(ops::zeros(IntList({n, n}), grad.dtype(), grad.device()), above, grad);
  const Tensor rows = ops::unsqueeze(x, 0);
  const Tensor distances = ops::_cdist(rows, rows, p, false);
  const auto [first, second] = cdist_backward(ops::unsqueeze(whole, 0), rows, rows, distances, p);
  return ops::squeeze(ops::add(first, second), IntList({0}));
}

}  // namespace tw::autograd
