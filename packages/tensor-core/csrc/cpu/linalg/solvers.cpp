// LU, Cholesky and LDL factorizations, and what they solve.
#include <cmath>

#include "cpu/linalg/matrices.h"
#include "declarations/linalg_solvers.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

template <class T>
void clear_above_diagonal(T* a, int64_t n) {
  for (int64_t r = 0; r < n; ++r) std::fill(a + r * n + r + 1, a + (r + 1) * n, T(0));
}
template <class T>
void clear_below_diagonal(T* a, int64_t n) {
  for (int64_t r = 1; r < n; ++r) std::fill(a + r * n, a + r * n + r, T(0));
}

}  // namespace

void linalg_cholesky_ex(TensorRef self, bool upper, bool check_errors, TensorRef L_out, TensorRef info_out) {
  const Matrices shape(self);
  const int64_t n = shape.rows;
  copy_elements(L_out, self);
  auto* info = info_out.data<int32_t>();
  visit_lapack("linalg.cholesky", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T* factor = L_out.data<T>();
    for_matrices(shape.count, cube(n), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      for (int64_t i = begin; i < end; ++i) {
        T* a = factor + i * n * n;
        // In place: the transpose's upper factor is the transpose of the lower one, also of Hermitian matrices.
        info[i] = static_cast<int32_t>(lapack.potrf(upper ? 'L' : 'U', n, a));
        upper ? clear_below_diagonal(a, n) : clear_above_diagonal(a, n);
      }
    });
  });
  if (check_errors)
    refuse_failures("linalg.cholesky", info_out, [](int32_t order) {
      return text("the matrix is not positive definite: its leading minor of order ", order, " is not positive");
    });
}

namespace {

// P A = L U without row exchanges: columns from left to right. A zero pivot is reported and gives inf and NaN.
template <class T>
int64_t lu_without_pivoting(int64_t m, int64_t n, T* a) {  // column-major
  int64_t info = 0;
  threads::Paces paces;
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    const T pivot = a[k * m + k];
    if (pivot == T(0) && info == 0) info = k + 1;
    for (int64_t i = k + 1; i < m; ++i) a[k * m + i] /= pivot;
    for (int64_t j = k + 1; j < n; ++j) {
      const T factor = a[j * m + k];
      for (int64_t i = k + 1; i < m; ++i) a[j * m + i] -= a[k * m + i] * factor;
      paces.took(m - k);
    }
  }
  return info;
}

std::string zero_pivot(int32_t order, const char* consequence) {
  return text("the matrix is singular: element ", order, " on the diagonal of U is zero", consequence);
}

}  // namespace

void linalg_lu_factor_ex(TensorRef A, bool pivot, bool check_errors, TensorRef LU_out, TensorRef pivots_out,
                         TensorRef info_out) {
  const Matrices shape(A);
  const int64_t m = shape.rows, n = shape.cols, k = shape.smaller();
  const Tensor input = dense(A);
  auto* info = info_out.data<int32_t>();
  auto* pivots = pivots_out.data<int32_t>();
  visit_lapack("linalg.lu_factor", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* from = input.data<T>();
    T* to = LU_out.data<T>();
    for_matrices(shape.count, cube(std::max(m, n)), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> columns(static_cast<size_t>(m * n));
      Pivots rows(k);
      for (int64_t i = 0; i < k; ++i) rows.values[static_cast<size_t>(i)] = i + 1;
      for (int64_t i = begin; i < end; ++i) {
        transpose(from + i * m * n, m, n, columns.data(), m);
        info[i] = static_cast<int32_t>(pivot ? lapack.getrf(m, n, columns.data(), rows.data())
                                             : lu_without_pivoting(m, n, columns.data()));
        transpose(columns.data(), n, m, to + i * m * n, n);
        rows.store(pivots + i * k);
      }
    });
  });
  if (check_errors)
    refuse_failures("linalg.lu_factor", info_out, [](int32_t order) {
      return zero_pivot(order, "; use linalg.lu_factor_ex to get the factors all the same");
    });
}

// The rows that pivots bring to each place: row i of P^T A is row permutation[i] of A.
void lu_pivots_to_permutation(TensorRef pivots, int64_t rows, TensorRef out) {
  const Tensor input = dense(pivots);
  const int64_t k = pivots.size(-1), count = rows > 0 ? out.numel() / rows : 0;
  const auto* from = input.data<int32_t>();
  auto* to = out.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t* order = to + i * rows;
    for (int64_t r = 0; r < rows; ++r) order[r] = r;
    for (int64_t r = 0; r < k; ++r) {
      const int64_t other = from[i * k + r] - 1;
      if (other < 0 || other >= rows)
        throw fail(TW_E_VALUE, "lu_unpack: pivots must lie between 1 and ", rows, ", the number of rows; got ",
                   other + 1);
      std::swap(order[r], order[other]);
    }
  }
}

void _linalg_solve_ex(TensorRef A, TensorRef B, bool left, bool check_errors, TensorRef result_out, TensorRef LU_out,
                      TensorRef pivots_out, TensorRef info_out) {
  const int64_t n = A.size(-1), count = Matrices(A).count;
  const int64_t columns = left ? B.size(-1) : B.size(-2);
  const Tensor a = dense(A), b = dense(B);
  auto* info = info_out.data<int32_t>();
  auto* pivots = pivots_out.data<int32_t>();
  visit_lapack("linalg.solve", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const double work = cube(n) + static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(columns);
    for_matrices(count, work, [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      Pivots rows(n);
      std::vector<T> lu(static_cast<size_t>(n * n)), x(static_cast<size_t>(n * columns));
      for (int64_t i = begin; i < end; ++i) {
        transpose(a.data<T>() + i * n * n, n, n, lu.data(), n);
        info[i] = static_cast<int32_t>(lapack.getrf(n, n, lu.data(), rows.data()));
        const T* from = b.data<T>() + i * n * columns;
        T* to = result_out.data<T>() + i * n * columns;
        if (!left) {  // X A = B is A^T X^T = B^T, and a row-major matrix is its column-major transpose
          std::copy(from, from + n * columns, to);
          lapack.getrs('T', n, columns, lu.data(), rows.data(), to);
        } else {
          transpose(from, n, columns, x.data(), n);
          lapack.getrs('N', n, columns, lu.data(), rows.data(), x.data());
          transpose(x.data(), columns, n, to, columns);
        }
        transpose(lu.data(), n, n, LU_out.data<T>() + i * n * n, n);
        rows.store(pivots + i * n);
      }
    });
  });
  if (check_errors)
    refuse_failures("linalg.solve", info_out,
                    [](int32_t order) { return zero_pivot(order, ", so there is no unique solution"); });
}

void linalg_inv_ex(TensorRef A, bool check_errors, TensorRef inverse_out, TensorRef info_out) {
  const int64_t n = A.size(-1), count = Matrices(A).count;
  copy_elements(inverse_out, A);
  auto* info = info_out.data<int32_t>();
  visit_lapack("linalg.inv", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(count, 2 * cube(n), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      Pivots rows(n);
      for (int64_t i = begin; i < end; ++i) {
        T* a = inverse_out.data<T>() + i * n * n;  // the transpose's inverse is the inverse's transpose
        const int64_t zero = lapack.getrf(n, n, a, rows.data());
        info[i] = static_cast<int32_t>(zero != 0 ? zero : lapack.getri(n, a, rows.data()));
      }
    });
  });
  if (check_errors)
    refuse_failures("linalg.inv", info_out,
                    [](int32_t order) { return zero_pivot(order, ", so there is no inverse"); });
}

namespace {

// Sign (of modulus 1) and logarithm of the modulus of a product of pivots.
template <class T>
void sign_and_log(const T* lu, const Pivots& rows, int64_t n, T* sign, RealOf<T>* log_abs) {
  T s(1);
  RealOf<T> log_sum = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T d = lu[k * n + k];
    const RealOf<T> magnitude = std::abs(d);
    s *= d == T(0) ? T(0) : d / magnitude;
    if (rows.values[static_cast<size_t>(k)] != k + 1) s = -s;
    log_sum += std::log(magnitude);
  }
  *sign = s, *log_abs = log_sum;
}

template <class T>
T product_of_pivots(const T* lu, const Pivots& rows, int64_t n) {
  T det(1);
  for (int64_t k = 0; k < n; ++k) {
    det *= lu[k * n + k];
    if (rows.values[static_cast<size_t>(k)] != k + 1) det = -det;
  }
  return det;
}

// Factors the transposes, whose determinants are the same; finish(i, lu, rows).
template <class T, class Finish>
void with_factors(TensorRef A, Finish finish) {
  const int64_t n = A.size(-1), count = Matrices(A).count;
  const Tensor input = dense(A);
  for_matrices(count, cube(n), [&](int64_t begin, int64_t end) {
    Lapack<T> lapack;
    Pivots rows(n);
    std::vector<T> lu(static_cast<size_t>(n * n));
    for (int64_t i = begin; i < end; ++i) {
      const T* from = input.data<T>() + i * n * n;
      std::copy(from, from + n * n, lu.begin());
      lapack.getrf(n, n, lu.data(), rows.data());
      finish(i, lu.data(), rows);
    }
  });
}

}  // namespace

void linalg_det(TensorRef A, TensorRef out) {
  visit_lapack("linalg.det", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t n = A.size(-1);
    with_factors<T>(
        A, [&](int64_t i, const T* lu, const Pivots& rows) { out.data<T>()[i] = product_of_pivots(lu, rows, n); });
  });
}

void linalg_slogdet(TensorRef A, TensorRef sign_out, TensorRef logabsdet_out) {
  visit_lapack("linalg.slogdet", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t n = A.size(-1);
    with_factors<T>(A, [&](int64_t i, const T* lu, const Pivots& rows) {
      sign_and_log(lu, rows, n, sign_out.data<T>() + i, logabsdet_out.data<RealOf<T>>() + i);
    });
  });
}

void _linalg_solve_triangular(TensorRef self, TensorRef B, bool upper, bool left, bool unitriangular, TensorRef out) {
  const int64_t rows = B.size(-2), columns = B.size(-1), n = self.size(-1), count = Matrices(self).count;
  const Tensor a = dense(self);
  copy_elements(out, B);
  if (out.numel() == 0) return;
  visit_lapack("linalg.solve_triangular", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const double work = static_cast<double>(n) * static_cast<double>(rows) * static_cast<double>(columns);
    const Lapack<T> lapack;
    for_matrices(count, work, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        lapack.trsm(left, upper, unitriangular, rows, columns, a.data<T>() + i * n * n,
                    out.data<T>() + i * rows * columns);
    });
  });
}

void linalg_ldl_factor_ex(TensorRef self, bool hermitian, bool check_errors, TensorRef LD_out, TensorRef pivots_out,
                          TensorRef info_out) {
  const int64_t n = self.size(-1), count = Matrices(self).count;
  const Tensor input = dense(self);
  auto* info = info_out.data<int32_t>();
  auto* pivots = pivots_out.data<int32_t>();
  visit_lapack("linalg.ldl_factor", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(count, cube(n), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      Pivots rows(n);
      std::vector<T> columns(static_cast<size_t>(n * n));
      for (int64_t i = begin; i < end; ++i) {
        transpose(input.data<T>() + i * n * n, n, n, columns.data(), n);
        info[i] = static_cast<int32_t>(lapack.sytrf(hermitian && kIsComplex<T>, n, columns.data(), rows.data()));
        T* to = LD_out.data<T>() + i * n * n;
        transpose(columns.data(), n, n, to, n);
        clear_above_diagonal(to, n);
        rows.store(pivots + i * n);
      }
    });
  });
  if (check_errors)
    refuse_failures("linalg.ldl_factor", info_out, [](int32_t order) {
      return text("the matrix is singular: element ", order, " on the diagonal of D is zero");
    });
}

// LAPACK takes pivots on trust: a positive one is the row exchanged with its own, two negative ones belong to a block
// of two rows.
void check_ldl_pivots(const int32_t* pivots, int64_t matrices, int64_t n) {
  for (int64_t i = 0; i < matrices; ++i, pivots += n) {
    for (int64_t r = 0; r < n; ++r) {
      const bool pair = pivots[r] < 0;
      for (const int64_t row : {r, pair ? r + 1 : r}) {
        const int64_t exchanged = row < n ? (pair ? -int64_t{pivots[row]} : int64_t{pivots[row]}) : 0;
        if (exchanged < 1 || exchanged > n)
          throw fail(TW_E_VALUE, "linalg.ldl_solve: pivots must lie between 1 and ", n,
                     ", the number of rows, or be pairs of negative ones; got ", pivots[r], " for row ", r);
      }
      r += pair;
    }
  }
}

void linalg_ldl_solve(TensorRef LD, TensorRef pivots, TensorRef B, bool hermitian, TensorRef out) {
  const int64_t n = LD.size(-1), columns = B.size(-1), count = Matrices(LD).count;
  const Tensor factors = dense(LD), rows_of = dense(pivots), b = dense(B);
  check_ldl_pivots(rows_of.data<int32_t>(), count, n);
  visit_lapack("linalg.ldl_solve", LD.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(count, static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(columns),
                 [&](int64_t begin, int64_t end) {
                   Lapack<T> lapack;
                   Pivots rows(n);
                   std::vector<T> ld(static_cast<size_t>(n * n)), x(static_cast<size_t>(n * columns));
                   for (int64_t i = begin; i < end; ++i) {
                     transpose(factors.data<T>() + i * n * n, n, n, ld.data(), n);
                     rows.load(rows_of.data<int32_t>() + i * n);
                     transpose(b.data<T>() + i * n * columns, n, columns, x.data(), n);
                     lapack.sytrs(hermitian && kIsComplex<T>, n, columns, ld.data(), rows.data(), x.data());
                     transpose(x.data(), columns, n, out.data<T>() + i * n * columns, columns);
                   }
                 });
  });
}

}  // namespace tw::cpu
