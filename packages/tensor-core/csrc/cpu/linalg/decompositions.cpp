// QR, eigenvalues, singular values, least squares.
#include <cmath>
#include <limits>

#include "cpu/linalg/matrices.h"
#include "declarations/linalg_decompositions.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

template <class T>
void refuse_nonfinite(const char* op, const T* a, int64_t count) {
  if (!all_finite(a, count)) throw fail(TW_E_LINALG, op, ": the matrix has elements that are infinite or NaN");
}

// The upper triangle of the first `rows` rows of a column-major matrix, row-major; zeros below.
template <class T>
void store_upper(const T* columns, int64_t ld, int64_t rows, int64_t cols, T* to) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[r * cols + c] = c < r ? T(0) : columns[c * ld + r];
}

}  // namespace

void linalg_qr(TensorRef A, std::string_view mode, TensorRef Q_out, TensorRef R_out) {
  const Matrices shape(A);
  const int64_t m = shape.rows, n = shape.cols, k = shape.smaller(), r_rows = R_out.size(-2);
  const bool wants_q = mode != "r";
  const int64_t q_cols = wants_q ? Q_out.size(-1) : 0;
  const Tensor input = dense(A);
  visit_lapack("linalg.qr", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(shape.count, 2 * cube(std::max(m, n)), [&](int64_t begin, int64_t end) {
      Lapack<T> factor, build;  // one for each size of work space
      const int64_t wide = std::max(n, q_cols);
      std::vector<T> columns(static_cast<size_t>(m * wide)), tau(static_cast<size_t>(k));
      for (int64_t i = begin; i < end; ++i) {
        transpose(input.data<T>() + i * m * n, m, n, columns.data(), m);
        factor.geqrf(m, n, columns.data(), tau.data());
        store_upper(columns.data(), m, r_rows, n, R_out.data<T>() + i * r_rows * n);
        if (!wants_q) continue;
        build.orgqr(m, q_cols, k, columns.data(), tau.data());
        from_columns(columns.data(), m, m, q_cols, Q_out.data<T>() + i * m * q_cols);
      }
    });
  });
}

void geqrf(TensorRef self, TensorRef a_out, TensorRef tau_out) {
  const Matrices shape(self);
  const int64_t m = shape.rows, n = shape.cols, k = shape.smaller();
  const Tensor input = dense(self);
  visit_lapack("geqrf", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(shape.count, cube(std::max(m, n)), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> columns(static_cast<size_t>(m * n));
      for (int64_t i = begin; i < end; ++i) {
        transpose(input.data<T>() + i * m * n, m, n, columns.data(), m);
        lapack.geqrf(m, n, columns.data(), tau_out.data<T>() + i * k);
        transpose(columns.data(), n, m, a_out.data<T>() + i * m * n, n);
      }
    });
  });
}

void linalg_householder_product(TensorRef input, TensorRef tau, TensorRef out) {
  const Matrices shape(input);
  const int64_t m = shape.rows, n = shape.cols, k = tau.size(-1);
  const Tensor vectors = dense(input), scales = dense(tau);
  visit_lapack("linalg.householder_product", input.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(shape.count, cube(m), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> columns(static_cast<size_t>(m * n));
      for (int64_t i = begin; i < end; ++i) {
        transpose(vectors.data<T>() + i * m * n, m, n, columns.data(), m);
        lapack.orgqr(m, n, k, columns.data(), scales.data<T>() + i * k);
        from_columns(columns.data(), m, m, n, out.data<T>() + i * m * n);
      }
    });
  });
}

namespace {

std::string no_convergence(int32_t info) {
  return text("the algorithm did not converge (", info,
              " off-diagonal elements stayed above zero); the matrix is ill-conditioned or has too many repeated "
              "eigenvalues");
}

// Eigenvalues of Hermitian matrices in ascending order, and vectors unless `vectors_out` is null.
void hermitian_eigen(const char* op, TensorRef self, std::string_view uplo, TensorRef values_out,
                     TensorRef vectors_out) {
  const int64_t n = self.size(-1), count = Matrices(self).count;
  const Tensor input = dense(self);
  const Tensor info = empty({count}, kInt32);
  // A row-major lower triangle is a column-major upper one, of the conjugate matrix.
  const char half = uplo == "L" || uplo == "l" ? 'U' : 'L';
  visit_lapack(op, self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(count, 4 * cube(n), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> columns(static_cast<size_t>(n * n));
      for (int64_t i = begin; i < end; ++i) {
        const T* from = input.data<T>() + i * n * n;
        std::copy(from, from + n * n, columns.begin());
        refuse_nonfinite(op, columns.data(), n * n);
        info.data<int32_t>()[i] = static_cast<int32_t>(lapack.syevd(
            static_cast<bool>(vectors_out), half, n, columns.data(), values_out.data<RealOf<T>>() + i * n));
        if (!vectors_out) continue;
        for (T& x : columns) x = conjugate(x);
        transpose(columns.data(), n, n, vectors_out.data<T>() + i * n * n, n);
      }
    });
  });
  refuse_failures(op, info, no_convergence);
}

// The result is complex; vectors unless `vectors_out` is null.
void general_eigen(const char* op, TensorRef self, TensorRef values_out, TensorRef vectors_out) {
  const int64_t n = self.size(-1), count = Matrices(self).count;
  const Tensor input = dense(self);
  const Tensor info = empty({count}, kInt32);
  visit_lapack(op, self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using C = std::complex<RealOf<T>>;
    for_matrices(count, 10 * cube(n), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> columns(static_cast<size_t>(n * n));
      std::vector<C> vectors(static_cast<size_t>(vectors_out ? n * n : 1));
      for (int64_t i = begin; i < end; ++i) {
        const T* from = input.data<T>() + i * n * n;
        refuse_nonfinite(op, from, n * n);
        transpose(from, n, n, columns.data(), n);
        info.data<int32_t>()[i] = static_cast<int32_t>(lapack.geev(static_cast<bool>(vectors_out), n, columns.data(),
                                                                   values_out.data<C>() + i * n, vectors.data()));
        if (vectors_out) transpose(vectors.data(), n, n, vectors_out.data<C>() + i * n * n, n);
      }
    });
  });
  refuse_failures(op, info, no_convergence);
}

}  // namespace

void linalg_eigh(TensorRef self, std::string_view UPLO, TensorRef eigenvalues_out, TensorRef eigenvectors_out) {
  hermitian_eigen("linalg.eigh", self, UPLO, eigenvalues_out, eigenvectors_out);
}
void linalg_eigvalsh(TensorRef self, std::string_view UPLO, TensorRef out) {
  hermitian_eigen("linalg.eigvalsh", self, UPLO, out, TensorRef());
}
void linalg_eig(TensorRef self, TensorRef eigenvalues_out, TensorRef eigenvectors_out) {
  general_eigen("linalg.eig", self, eigenvalues_out, eigenvectors_out);
}
void linalg_eigvals(TensorRef self, TensorRef out) { general_eigen("linalg.eigvals", self, out, TensorRef()); }

namespace {

// A row-major matrix is its transpose to LAPACK: A^T = X S Y^H gives A = conj(Y) S X^T, so that X, column-major, is Vh
// row-major, and Y^H is U.
void singular_values(const char* op, TensorRef A, char job, TensorRef U_out, TensorRef S_out, TensorRef Vh_out) {
  const Matrices shape(A);
  const int64_t m = shape.rows, n = shape.cols, k = shape.smaller();
  const int64_t u_size = U_out ? m * U_out.size(-1) : 0, vh_size = Vh_out ? Vh_out.size(-2) * n : 0;
  const Tensor input = dense(A);
  const Tensor info = empty({shape.count}, kInt32);
  visit_lapack(op, A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(shape.count, 8 * cube(std::max(m, n)), [&](int64_t begin, int64_t end) {
      Lapack<T> lapack;
      std::vector<T> a(static_cast<size_t>(m * n));
      T unused(0);
      for (int64_t i = begin; i < end; ++i) {
        const T* from = input.data<T>() + i * m * n;
        std::copy(from, from + m * n, a.begin());
        refuse_nonfinite(op, a.data(), m * n);
        info.data<int32_t>()[i] = static_cast<int32_t>(lapack.gesdd(
            job, n, m, a.data(), S_out.data<RealOf<T>>() + i * k, Vh_out ? Vh_out.data<T>() + i * vh_size : &unused,
            U_out ? U_out.data<T>() + i * u_size : &unused));
      }
    });
  });
  refuse_failures(op, info, no_convergence);
}

// The singular vectors of matrices without elements: identities, where all of them are asked for.
template <class T>
void store_identities(TensorRef out) {
  const Matrices shape(out);
  T* to = out.data<T>();
  std::fill(to, to + out.numel(), T(0));
  for (int64_t i = 0; i < shape.count; ++i)
    for (int64_t d = 0; d < shape.smaller(); ++d) to[i * shape.size() + d * shape.cols + d] = T(1);
}

}  // namespace

void linalg_svd(TensorRef A, bool full_matrices, std::optional<std::string_view>, TensorRef U_out, TensorRef S_out,
                TensorRef Vh_out) {
  if (A.size(-1) != 0 && A.size(-2) != 0)
    return singular_values("linalg.svd", A, full_matrices ? 'A' : 'S', U_out, S_out, Vh_out);
  visit_lapack("linalg.svd", A.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    store_identities<T>(U_out), store_identities<T>(Vh_out);
  });
}

void linalg_svdvals(TensorRef A, std::optional<std::string_view>, TensorRef out) {
  if (out.numel() > 0) singular_values("linalg.svdvals", A, 'N', TensorRef(), out, TensorRef());
}

namespace {

// V diag(1/s) U^H over the singular values above the tolerance; all matrices row-major.
template <class T>
void pseudo_inverse(const T* u, const RealOf<T>* s, const T* vh, int64_t m, int64_t n, RealOf<T> tolerance, T* out) {
  const int64_t k = std::min(m, n);
  std::fill(out, out + n * m, T(0));
  threads::Paces paces;
  for (int64_t j = 0; j < k; ++j) {
    if (!(s[j] > tolerance)) continue;
    for (int64_t r = 0; r < n; ++r) {
      const T factor = conjugate(vh[j * n + r]) / s[j];
      for (int64_t c = 0; c < m; ++c) out[r * m + c] += factor * conjugate(u[c * k + j]);
      paces.took(m);
    }
  }
}

}  // namespace

void _linalg_pinv(TensorRef self, TensorRef atol, TensorRef rtol, TensorRef out) {
  const Matrices shape(self);
  const int64_t m = shape.rows, n = shape.cols, k = shape.smaller();
  if (out.numel() == 0) return;
  const std::vector<int64_t> batch(self.shape().begin(), self.shape().end() - 2);
  const auto sized = [&](int64_t a, int64_t b) { return empty({shape.count, a, b}, self.dtype()); };
  visit_lapack("linalg.pinv", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using R = RealOf<T>;
    const Tensor matrices = dense(self), absolute = dense(expand(atol, batch), kFloat64),
                 relative = dense(expand(rtol, batch), kFloat64);
    const Tensor u = sized(m, k), vh = sized(k, n);
    const Tensor s =
        empty({shape.count, k}, out.dtype() == kComplex64 || out.dtype() == kFloat32 ? kFloat32 : kFloat64);
    singular_values("linalg.pinv", matrices, 'S', u, s, vh);
    for_matrices(shape.count, static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const R* values = s.data<R>() + i * k;
                     const R tolerance = std::max(static_cast<R>(absolute.data<double>()[i]),
                                                  static_cast<R>(relative.data<double>()[i]) * values[0]);
                     pseudo_inverse(u.data<T>() + i * m * k, values, vh.data<T>() + i * k * n, m, n, tolerance,
                                    out.data<T>() + i * n * m);
                   }
                 });
  });
}

namespace {

template <class T>
struct LeastSquares {
  int64_t m, n, columns;
  std::string_view driver;
  RealOf<T> rcond;
  Lapack<T> lapack;

  int64_t solve(T* a, T* b, RealOf<T>* singular, int64_t* rank) {
    if (driver == "gels") {
      *rank = std::min(m, n);
      return lapack.gels(m, n, columns, a, b);
    }
    if (driver == "gelsy") return lapack.gelsy(m, n, columns, a, b, rcond, rank);
    if (driver == "gelsd") return lapack.gelsd(m, n, columns, a, b, singular, rcond, rank);
    return lapack.gelss(m, n, columns, a, b, singular, rcond, rank);
  }
};

// The squares of what is left: LAPACK leaves the residual's coordinates below the solution.
template <class T>
void store_residuals(const T* b, int64_t m, int64_t n, int64_t columns, RealOf<T>* to) {
  for (int64_t c = 0; c < columns; ++c) {
    RealOf<T> sum = 0;
    for (int64_t r = n; r < m; ++r) sum += std::norm(b[c * std::max(m, n) + r]);
    to[c] = sum;
  }
}

}  // namespace

void _linalg_lstsq(TensorRef self, TensorRef b, double rcond, std::string_view driver, TensorRef solution_out,
                   TensorRef residuals_out, TensorRef rank_out, TensorRef singular_values_out) {
  const Matrices shape(self);
  const int64_t m = shape.rows, n = shape.cols, columns = b.size(-1), tall = std::max(m, n), k = shape.smaller();
  const Tensor input = dense(self), right = dense(b);
  const Tensor info = empty({shape.count}, kInt32);
  visit_lapack("linalg.lstsq", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using R = RealOf<T>;
    for_matrices(shape.count, 4 * cube(tall) + static_cast<double>(m * n) * static_cast<double>(columns),
                 [&](int64_t begin, int64_t end) {
                   LeastSquares<T> problem{m, n, columns, driver, static_cast<R>(rcond), {}};
                   std::vector<T> a(static_cast<size_t>(m * n)), x(static_cast<size_t>(tall * columns));
                   std::vector<R> singular(static_cast<size_t>(k));
                   for (int64_t i = begin; i < end; ++i) {
                     refuse_nonfinite("linalg.lstsq", input.data<T>() + i * m * n, m * n);
                     transpose(input.data<T>() + i * m * n, m, n, a.data(), m);
                     std::fill(x.begin(), x.end(), T(0));
                     transpose(right.data<T>() + i * m * columns, m, columns, x.data(), tall);
                     int64_t rank = 0;
                     std::fill(singular.begin(), singular.end(), R(0));
                     info.data<int32_t>()[i] = 0;
                     if (k > 0)
                       info.data<int32_t>()[i] =
                           static_cast<int32_t>(problem.solve(a.data(), x.data(), singular.data(), &rank));
                     from_columns(x.data(), tall, n, columns, solution_out.data<T>() + i * n * columns);
                     store_residuals(x.data(), m, n, columns, residuals_out.data<R>() + i * columns);
                     rank_out.data<int64_t>()[i] = rank;
                     std::copy(singular.begin(), singular.end(), singular_values_out.data<R>() + i * k);
                   }
                 });
  });
  refuse_failures("linalg.lstsq", info, [](int32_t order) {
    return text("the matrix does not have full rank: element ", order, " on the diagonal of its factor is zero");
  });
}

}  // namespace tw::cpu
