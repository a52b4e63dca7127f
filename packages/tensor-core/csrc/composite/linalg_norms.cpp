// Norms over reductions and singular values, and what is made of norms.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linalg_decompositions.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/linalg_solvers.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>

#include <cmath>
#include <numeric>

#include "composite/matrices.h"
#include "declarations/linalg_norms.h"

namespace tw::composite {
namespace {

// What the norm is computed of: in the dtype asked for, in float32 for half precision, whose sums of squares overflow.
Tensor norm_input(TensorRef self, std::optional<tw_dtype> dtype) {
  const tw_dtype wanted = dtype.value_or(self.dtype());
  const tw_dtype compute = wanted.bits == 16 ? kFloat32 : wanted;
  const Tensor values = self.dtype() == compute ? Tensor::retain(self) : ops::to_dtype(self, compute);
  return is_complex(compute) ? ops::abs(values) : values;
}

Tensor in_result_dtype(Tensor result, TensorRef self, std::optional<tw_dtype> dtype) {
  const tw_dtype wanted = dtype.value_or(self.dtype());
  return wanted.bits == 16 && !is_complex(wanted) ? ops::to_dtype(result, wanted) : result;
}

// A root that has gradient 0 at 0, as a norm has.
Tensor safe_root(TensorRef sum, double order) {
  if (order < 0) return ops::pow(sum, 1 / order);
  const Tensor is_zero = ops::eq(sum, 0);
  return ops::masked_fill(ops::pow(ops::masked_fill(sum, is_zero, 1), 1 / order), is_zero, 0);
}

Tensor power_norm(TensorRef magnitude, double order, std::optional<IntList> dim, bool keepdim) {
  if (order == 0) {  // the sign has derivative 0
    const Tensor counted = ops::masked_fill(magnitude, ops::ne(magnitude, 0), 1);
    return ops::sum(ops::sign(counted), dim, keepdim);
  }
  if (order == 1) return ops::sum(magnitude, dim, keepdim);
  if (std::isinf(order)) return order > 0 ? ops::amax(magnitude, dim, keepdim) : ops::amin(magnitude, dim, keepdim);
  return safe_root(ops::sum(ops::pow(magnitude, order), dim, keepdim), order);
}

}  // namespace

Tensor linalg_vector_norm(TensorRef self, const Scalar& ord, std::optional<IntList> dim, bool keepdim,
                          std::optional<tw_dtype> dtype) {
  if (ord.is_complex()) throw fail(TW_E_TYPE, "linalg.vector_norm: ord must be a real number");
  const Tensor values = norm_input(self, dtype);
  const double order = ord.real();
  Tensor result = order == 2 ? ops::root_of_squares(ops::squared_sum(values, dim, keepdim))
                             : power_norm(ops::abs(values), order, dim, keepdim);
  return in_result_dtype(std::move(result), self, dtype);
}

Tensor norm(TensorRef self, std::optional<Scalar> p, std::optional<IntList> dim, bool keepdim,
            std::optional<tw_dtype> dtype) {
  return linalg_vector_norm(self, p.value_or(Scalar(2)), dim, keepdim, dtype);
}

// ---- matrix norms ---------------------------------------------------------------------------------------------------

namespace {

int64_t from_start(int64_t dim, TensorRef t) { return dim < 0 ? dim + t.ndim() : dim; }

// Reduces the singular values of the matrices in two dimensions; reduce(values) removes the last dimension.
template <class Reduce>
Tensor of_singular_values(TensorRef self, IntList dim, bool keepdim, Reduce reduce) {
  const Tensor matrices = ops::movedim(self, dim, IntList({-2, -1}));
  Tensor result = reduce(ops::linalg_svdvals(matrices));
  if (!keepdim) return result;
  const int64_t a = from_start(dim[0], self), b = from_start(dim[1], self);
  return ops::unsqueeze(ops::unsqueeze(result, std::min(a, b)), std::max(a, b));
}

// The largest (or smallest) sum of magnitudes along `summed`, among those of the other dimension.
Tensor of_sums(TensorRef values, int64_t summed, int64_t other, bool largest, bool keepdim) {
  const Tensor sums = ops::sum(ops::abs(values), IntList({summed}), keepdim);
  const int64_t left = !keepdim && other > summed ? other - 1 : other;
  return largest ? ops::amax(sums, IntList({left}), keepdim) : ops::amin(sums, IntList({left}), keepdim);
}

Tensor cast_for_norm(TensorRef self, std::optional<tw_dtype> dtype) {
  return dtype && *dtype != self.dtype() ? ops::to_dtype(self, *dtype) : Tensor::retain(self);
}

}  // namespace

Tensor linalg_matrix_norm(TensorRef self, const Scalar& ord, IntList dim, bool keepdim, std::optional<tw_dtype> dtype) {
  const double order = ord.real(), size = std::fabs(order);
  if (ord.is_complex() || (size != 1 && size != 2 && !std::isinf(size)))
    throw fail(TW_E_VALUE, "linalg.matrix_norm: ord must be 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, got ", ord);
  const Tensor a = cast_for_norm(self, dtype);
  const bool largest = order > 0;
  if (size == 2)
    return of_singular_values(a, dim, keepdim, [&](TensorRef s) {
      return largest ? ops::amax(s, IntList({-1})) : ops::amin(s, IntList({-1}));
    });
  const int64_t rows = from_start(dim[0], a), columns = from_start(dim[1], a);
  return std::isinf(size) ? of_sums(a, columns, rows, largest, keepdim) : of_sums(a, rows, columns, largest, keepdim);
}

Tensor linalg_matrix_norm_str_ord(TensorRef self, std::string_view ord, IntList dim, bool keepdim,
                                  std::optional<tw_dtype> dtype) {
  if (ord == "fro") return ops::linalg_vector_norm(self, 2, dim, keepdim, dtype);
  if (ord != "nuc")
    throw fail(TW_E_VALUE, "linalg.matrix_norm: ord must be 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, got '", ord, "'");
  return of_singular_values(cast_for_norm(self, dtype), dim, keepdim,
                            [](TensorRef s) { return ops::sum(s, IntList({-1})); });
}

Tensor linalg_norm(TensorRef self, std::optional<Scalar> ord, std::optional<IntList> dim, bool keepdim,
                   std::optional<tw_dtype> dtype) {
  if (!ord) return ops::linalg_vector_norm(self, 2, dim, keepdim, dtype);
  if (dim && dim->size() == 2) return ops::linalg_matrix_norm(self, *ord, *dim, keepdim, dtype);
  if (!dim && self.ndim() == 2) return ops::linalg_matrix_norm(self, *ord, IntList({0, 1}), keepdim, dtype);
  return ops::linalg_vector_norm(self, *ord, dim, keepdim, dtype);
}

Tensor linalg_norm_ord_str(TensorRef self, std::string_view ord, std::optional<IntList> dim, bool keepdim,
                           std::optional<tw_dtype> dtype) {
  const int64_t all[] = {0, 1};
  return ops::linalg_matrix_norm_str_ord(self, ord, dim.value_or(IntList(all, 2)), keepdim, dtype);
}

Tensor norm_name(TensorRef self, std::string_view p, std::optional<IntList> dim, bool keepdim,
                 std::optional<tw_dtype> dtype) {
  if (p == "fro") return ops::linalg_vector_norm(self, 2, dim, keepdim, dtype);
  return linalg_norm_ord_str(self, p, dim, keepdim, dtype);
}

Tensor frobenius_norm(TensorRef self, IntList dim, bool keepdim) {
  return ops::linalg_vector_norm(self, 2, dim, keepdim);
}
Tensor nuclear_norm(TensorRef self, bool keepdim) {
  return ops::linalg_matrix_norm_str_ord(self, "nuc", IntList({0, 1}), keepdim);
}
Tensor nuclear_norm_dim(TensorRef self, IntList dim, bool keepdim) {
  return ops::linalg_matrix_norm_str_ord(self, "nuc", dim, keepdim);
}

// ---- condition numbers and ranks ------------------------------------------------------------------------------------

namespace {

Tensor infinite_where_singular(TensorRef cond, TensorRef info) {
  return ops::masked_fill(cond, ops::ne(info, 0), std::numeric_limits<double>::infinity());
}

void check_square(const char* op, TensorRef t) {
  if (t.size(-1) != t.size(-2))
    throw fail(TW_E_SHAPE, op, ": in this norm the matrices must be square, got ", t.shape());
}

}  // namespace

Tensor linalg_cond(TensorRef self, std::optional<Scalar> p) {
  const Scalar given = p.value_or(Scalar(2));
  const double order = given.real();
  if (std::fabs(order) == 2) {
    if (self.numel() == 0) return ops::zeros(batch_of(self), real_of(self.dtype()), self.device());
    const Tensor s = ops::linalg_svdvals(self);
    const Tensor first = ops::select(s, -1, 0), last = ops::select(s, -1, -1);
    return order == 2 ? ops::div(first, last) : ops::div(last, first);
  }
  check_square("linalg.cond", self);
  const auto [inverse, info] = ops::linalg_inv_ex(self);
  const Tensor cond = ops::mul(ops::linalg_matrix_norm(self, given), ops::linalg_matrix_norm(inverse, given));
  return infinite_where_singular(cond, info);
}

Tensor linalg_cond_p_str(TensorRef self, std::string_view p) {
  check_square("linalg.cond", self);
  const auto [inverse, info] = ops::linalg_inv_ex(self);
  // An inverse that does not exist holds what the algorithm left, perhaps NaN, of which there is no nuclear norm.
  const Tensor singular = ops::unsqueeze(ops::unsqueeze(ops::ne(info, 0), -1), -1);
  const Tensor some_inverse = ops::masked_fill(inverse, singular, 0);
  const Tensor cond =
      ops::mul(ops::linalg_matrix_norm_str_ord(self, p), ops::linalg_matrix_norm_str_ord(some_inverse, p));
  return infinite_where_singular(cond, info);
}

namespace {

// Counts singular values above max(atol, rtol * largest); both may be numbers or tensors of the batch's shape.
Tensor count_above(TensorRef self, const Operand& atol, const Operand& rtol, bool hermitian) {
  if (self.numel() == 0) return ops::zeros(batch_of(self), kInt64, self.device());
  const Tensor s = hermitian ? ops::abs(ops::linalg_eigvalsh(self)) : ops::linalg_svdvals(self);
  const Tensor relative = ops::mul(ops::amax(s, IntList({-1})), rtol);
  const Tensor limit =
      atol.is_tensor() ? ops::maximum(relative, atol.tensor()) : ops::clamp_min(relative, atol.scalar());
  return ops::sum(ops::gt(s, ops::unsqueeze(limit, -1)), IntList({-1}));
}

double default_rank_rtol(TensorRef self) {
  return epsilon_of(self.dtype()) * static_cast<double>(std::max(self.size(-1), self.size(-2)));
}

}  // namespace

Tensor linalg_matrix_rank(TensorRef self, double tol, bool hermitian) { return count_above(self, tol, 0.0, hermitian); }

Tensor linalg_matrix_rank_tol_tensor(TensorRef self, TensorRef tol, bool hermitian) {
  return count_above(self, tol, 0.0, hermitian);
}

Tensor linalg_matrix_rank_atol_rtol_float(TensorRef self, std::optional<double> atol, std::optional<double> rtol,
                                          bool hermitian) {
  const double relative = rtol.value_or(atol.value_or(0) > 0 ? 0 : default_rank_rtol(self));
  return count_above(self, atol.value_or(0), relative, hermitian);
}

Tensor linalg_matrix_rank_atol_rtol_tensor(TensorRef self, TensorRef atol, TensorRef rtol, bool hermitian) {
  const Operand absolute = atol ? Operand(atol) : Operand(0.0);
  const Operand relative = rtol ? Operand(rtol) : Operand(atol ? 0.0 : default_rank_rtol(self));
  return count_above(self, absolute, relative, hermitian);
}

}  // namespace tw::composite
