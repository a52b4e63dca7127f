// The matrix exponential, cross products, distances of rows.
#include <array>
#include <cmath>

#include "cpu/linalg/matrices.h"
#include "cpu/matmul/gemm.h"
#include "declarations/linalg_functions.h"

namespace tw::cpu {
namespace {

// ---- matrix exponential: N. Higham, The scaling and squaring method for the matrix exponential revisited (2005)
// ------

struct Pade {
  int degree;
  double bound;  // of the 1-norm, up to which the approximant is as exact as the type
  std::array<double, 14> coefficients;
};
constexpr Pade kPade3{3, 0.0, {120, 60, 12, 1}};
constexpr Pade kPade5{5, 0.0, {30240, 15120, 3360, 420, 30, 1}};
constexpr Pade kPade7{7, 0.0, {17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1}};
constexpr Pade kPade9{9, 0.0, {17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1}};
constexpr Pade kPade13{13,
                       0.0,
                       {64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
                        10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1}};

constexpr Pade bounded(Pade pade, double bound) {
  pade.bound = bound;
  return pade;
}
constexpr std::array kSingle{bounded(kPade3, 0.4258730016922831), bounded(kPade5, 1.880152677804762),
                             bounded(kPade7, 3.925724783138660)};
constexpr std::array kDouble{bounded(kPade3, 1.495585217958292e-2), bounded(kPade5, 2.539398330063230e-1),
                             bounded(kPade7, 9.504178996162932e-1), bounded(kPade9, 2.097847961257068),
                             bounded(kPade13, 5.371920351148152)};

template <class T>
class MatrixExponential {
 public:
  explicit MatrixExponential(int64_t n) : n_(n), size_(n * n), pivots_(n) {
    for (auto& m : even_) m.resize(static_cast<size_t>(size_));
    for (auto* m : {&u_, &v_, &scratch_}) m->resize(static_cast<size_t>(size_));
  }

  void compute(const T* a, T* out) {
    const double norm = one_norm(a);
    if (!std::isfinite(norm)) return std::fill(out, out + size_, T(std::numeric_limits<RealOf<T>>::quiet_NaN()));
    constexpr bool kSinglePrecision = std::is_same_v<RealOf<T>, float>;
    const Pade* table = kSinglePrecision ? kSingle.data() : kDouble.data();
    const Pade* last = table + (kSinglePrecision ? kSingle.size() : kDouble.size()) - 1;
    while (table != last && norm > table->bound) ++table;
    const int squarings =
        norm > table->bound ? std::max(0, static_cast<int>(std::ceil(std::log2(norm / table->bound)))) : 0;
    const auto scale = static_cast<RealOf<T>>(std::ldexp(1.0, -squarings));
    base_.assign(a, a + size_);
    for (T& x : base_) x *= scale;
    approximate(*table, out);
    for (int i = 0; i < squarings; ++i) {
      multiply(out, out, scratch_.data());
      std::copy(scratch_.begin(), scratch_.end(), out);
    }
  }

 private:
  double one_norm(const T* a) const {
    double largest = 0;
    for (int64_t c = 0; c < n_; ++c) {
      double sum = 0;
      for (int64_t r = 0; r < n_; ++r) sum += static_cast<double>(std::abs(a[r * n_ + c]));
      if (!(sum <= largest)) largest = sum;  // NaN stays
    }
    return largest;
  }

  void multiply(const T* left, const T* right, T* out) const {
    Gemm p(type_dtype());
    p.rows = p.cols = p.depth = n_;
    p.left = {left, n_, 1}, p.right = {right, n_, 1};
    p.result = out, p.result_row_stride = n_;
    gemm(p);
  }
  static tw_dtype type_dtype() {
    if constexpr (kIsComplex<T>)
      return std::is_same_v<RealOf<T>, float> ? kComplex64 : kComplex128;
    else
      return std::is_same_v<T, float> ? kFloat32 : kFloat64;
  }

  // out = the identity times `constant`, plus factors times A^2, A^4, ...: every second coefficient from `first`.
  void combine(const Pade& pade, int first, int count, double constant, T* out) const {
    std::fill(out, out + size_, T(0));
    for (int64_t d = 0; d < n_; ++d) out[d * n_ + d] = T(static_cast<RealOf<T>>(constant));
    for (int j = 0; j < count; ++j) {
      const auto factor = static_cast<RealOf<T>>(pade.coefficients[static_cast<size_t>(first + 2 * j)]);
      const std::vector<T>& power = even_[static_cast<size_t>(j)];
      for (int64_t i = 0; i < size_; ++i) out[i] += factor * power[static_cast<size_t>(i)];
    }
  }

  // The polynomial of even powers with coefficients first, first + 2, ...; of degree 13 in two parts, times A^6.
  void polynomial(const Pade& pade, int first, T* out) {
    const double constant = pade.coefficients[static_cast<size_t>(first)];
    if (pade.degree < 13) return combine(pade, first + 2, pade.degree / 2, constant, out);
    combine(pade, first + 8, 3, 0, scratch_.data());
    std::vector<T> high(static_cast<size_t>(size_));
    multiply(even_[2].data(), scratch_.data(), high.data());
    combine(pade, first + 2, 3, constant, out);
    for (int64_t i = 0; i < size_; ++i) out[i] += high[static_cast<size_t>(i)];
  }

  void approximate(const Pade& pade, T* out) {
    const int powers = pade.degree < 13 ? pade.degree / 2 : 3;
    multiply(base_.data(), base_.data(), even_[0].data());
    for (int j = 1; j < powers; ++j)
      multiply(even_[0].data(), even_[static_cast<size_t>(j) - 1].data(), even_[static_cast<size_t>(j)].data());
    std::vector<T> odd(static_cast<size_t>(size_));
    polynomial(pade, 1, odd.data());
    multiply(base_.data(), odd.data(), u_.data());
    polynomial(pade, 0, v_.data());
    // (V - U) X = V + U. All of them are polynomials in A and commute, so the transposes that LAPACK sees solve it.
    for (int64_t i = 0; i < size_; ++i) {
      const T u = u_[static_cast<size_t>(i)], v = v_[static_cast<size_t>(i)];
      out[i] = v + u;
      v_[static_cast<size_t>(i)] = v - u;
    }
    lapack_.getrf(n_, n_, v_.data(), pivots_.data());
    lapack_.getrs('N', n_, n_, v_.data(), pivots_.data(), out);
  }

  int64_t n_, size_;
  Pivots pivots_;
  Lapack<T> lapack_;
  std::vector<T> base_, u_, v_, scratch_;
  std::array<std::vector<T>, 4> even_;  // A^2, A^4, A^6, A^8
};

}  // namespace

void linalg_matrix_exp(TensorRef self, TensorRef out) {
  const Matrices shape(self);
  if (shape.size() == 0) return;
  const Tensor input = dense(self);
  visit_lapack("linalg.matrix_exp", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_matrices(shape.count, 10 * cube(shape.rows), [&](int64_t begin, int64_t end) {
      MatrixExponential<T> exponential(shape.rows);
      for (int64_t i = begin; i < end; ++i)
        exponential.compute(input.data<T>() + i * shape.size(), out.data<T>() + i * shape.size());
    });
  });
}

// ---- cross products -------------------------------------------------------------------------------------------------

void linalg_cross(TensorRef self, TensorRef other, int64_t dim, TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor left = dense(expand(self, out.shape()), dtype), right = dense(expand(other, out.shape()), dtype);
  StagedResult result(out, dtype);
  const DimSplit s(out.shape(), dim);
  visit_arithmetic("linalg.cross", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    parallel_for(0, s.outer, grain_for(9 * s.inner), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const int64_t at = o * 3 * s.inner;
        const T *a = left.data<T>() + at, *b = right.data<T>() + at;
        T* c = result.data<T>() + at;
        const int64_t y = s.inner, z = 2 * s.inner;
        for (int64_t i = 0; i < s.inner; ++i) {
          c[i] = static_cast<T>(a[y + i] * b[z + i] - a[z + i] * b[y + i]);
          c[y + i] = static_cast<T>(a[z + i] * b[i] - a[i] * b[z + i]);
          c[z + i] = static_cast<T>(a[i] * b[y + i] - a[y + i] * b[i]);
        }
      }
    });
  });
  result.commit();
}

// ---- distances of rows ----------------------------------------------------------------------------------------------

namespace {

// Adds what one coordinate contributes to the distances of a point to `count` points.
template <class T>
void accumulate(T x, const T* others, int64_t count, double p, T* sums) {
  if (p == 2)
    for (int64_t j = 0; j < count; ++j) sums[j] += (x - others[j]) * (x - others[j]);
  else if (p == 1)
    for (int64_t j = 0; j < count; ++j) sums[j] += std::abs(x - others[j]);
  else if (p == 0)
    for (int64_t j = 0; j < count; ++j) sums[j] += x != others[j] ? T(1) : T(0);
  else if (std::isinf(p))
    for (int64_t j = 0; j < count; ++j) {
      const T d = std::abs(x - others[j]);
      sums[j] = d > sums[j] || std::isnan(d) ? d : sums[j];
    }
  else
    for (int64_t j = 0; j < count; ++j) sums[j] += std::pow(std::abs(x - others[j]), static_cast<T>(p));
}

template <class T>
void finish(T* sums, int64_t count, double p) {
  if (p == 2)
    for (int64_t j = 0; j < count; ++j) sums[j] = std::sqrt(sums[j]);
  else if (p != 1 && p != 0 && !std::isinf(p))
    for (int64_t j = 0; j < count; ++j) sums[j] = std::pow(sums[j], static_cast<T>(1 / p));
}

struct Rows {
  int64_t batch, left, right, columns;
};

template <class T>
void distances(const Rows& s, const T* x1, const T* x2, double p, T* out) {
  std::vector<T> columns(static_cast<size_t>(s.batch * s.right * s.columns));
  for (int64_t b = 0; b < s.batch; ++b)
    transpose(x2 + b * s.right * s.columns, s.right, s.columns, columns.data() + b * s.right * s.columns, s.right);
  parallel_for(0, s.batch * s.left, grain_for(s.right * s.columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* others = columns.data() + i / s.left * s.right * s.columns;
      T* sums = out + i * s.right;
      std::fill(sums, sums + s.right, T(0));
      for (int64_t k = 0; k < s.columns; ++k) accumulate(x1[i * s.columns + k], others + k * s.right, s.right, p, sums);
      finish(sums, s.right, p);
    }
  });
}

template <class T>
std::vector<T> squared_lengths(const T* rows, int64_t count, int64_t columns) {
  std::vector<T> result(static_cast<size_t>(count), T(0));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < columns; ++k)
      result[static_cast<size_t>(i)] += rows[i * columns + k] * rows[i * columns + k];
  return result;
}

// |x - y|^2 = |x|^2 + |y|^2 - 2 x y
template <class T>
void distances_by_products(const Rows& s, const T* x1, const T* x2, tw_dtype dtype, T* out) {
  Gemm p(dtype);
  p.batch = s.batch, p.rows = s.left, p.cols = s.right, p.depth = s.columns, p.alpha = -2.0;
  p.left = {x1, s.columns, 1}, p.left_batch_stride = s.left * s.columns;
  p.right = {x2, 1, s.columns}, p.right_batch_stride = s.right * s.columns;
  p.result = out, p.result_row_stride = s.right, p.result_batch_stride = s.left * s.right;
  gemm(p);
  const std::vector<T> left = squared_lengths(x1, s.batch * s.left, s.columns);
  const std::vector<T> right = squared_lengths(x2, s.batch * s.right, s.columns);
  parallel_for(0, s.batch * s.left, grain_for(s.right), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* others = right.data() + i / s.left * s.right;
      for (int64_t j = 0; j < s.right; ++j) {
        const T square = out[i * s.right + j] + left[static_cast<size_t>(i)] + others[j];
        out[i * s.right + j] = std::sqrt(square < 0 ? T(0) : square);
      }
    }
  });
}

}  // namespace

void _cdist(TensorRef x1, TensorRef x2, double p, bool by_products, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor left = dense(x1, dtype), right = dense(x2, dtype);
  StagedResult result(out, dtype);
  const Rows s{x1.size(0), x1.size(1), x2.size(1), x1.size(2)};
  if (out.numel() > 0)
    visit_floating("cdist", dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      if (by_products)
        distances_by_products(s, left.data<T>(), right.data<T>(), dtype, result.data<T>());
      else
        distances(s, left.data<T>(), right.data<T>(), p, result.data<T>());
    });
  result.commit();
}

void pdist(TensorRef self, double p, TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  const int64_t n = self.size(0), columns = self.size(1);
  visit_floating("pdist", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::vector<T> by_column(static_cast<size_t>(n * columns));
    transpose(input.data<T>(), n, columns, by_column.data(), n);
    parallel_for(0, n - 1, grain_for(n * columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t count = n - 1 - i;
        T* sums = result.data<T>() + i * n - i * (i + 1) / 2;
        std::fill(sums, sums + count, T(0));
        for (int64_t k = 0; k < columns; ++k) {
          const T* column = by_column.data() + k * n;
          accumulate(column[i], column + i + 1, count, p, sums);
        }
        finish(sums, count, p);
      }
    });
  });
  result.commit();
}

}  // namespace tw::cpu
