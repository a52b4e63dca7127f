// Batches of matrices: how many, where, and their transposes. Tensors are row-major, LAPACK's matrices column-major, so
// that a matrix in place is its transpose to LAPACK; where that does not do, it is copied.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/linalg/lapack.h"
#include "cpu/staging.h"

namespace tw::cpu {

// The matrices in the last two dimensions.
struct Matrices {
  int64_t count = 1, rows, cols;
  explicit Matrices(TensorRef t) : rows(t.size(-2)), cols(t.size(-1)) {
    for (int d = 0; d + 2 < t.ndim(); ++d) count *= t.size(d);
  }
  int64_t size() const { return rows * cols; }
  int64_t smaller() const { return std::min(rows, cols); }
};

// body(begin, end) over matrices, each of about `work` multiplications.
template <class F>
void for_matrices(int64_t count, double work, F&& body) {
  const auto per_matrix = static_cast<int64_t>(std::min(work, 1e15));
  parallel_for(0, count, grain_for(per_matrix), std::forward<F>(body));
}
inline double cube(int64_t n) { return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n); }

// to[c][r] = from[r][c], with `ld` elements between the rows of `to`; by squares that stay in the cache.
template <class T>
void transpose(const T* from, int64_t rows, int64_t cols, T* to, int64_t ld) {
  constexpr int64_t kSquare = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kSquare)
    for (int64_t c0 = 0; c0 < cols; c0 += kSquare)
      for (int64_t c = c0; c < std::min(c0 + kSquare, cols); ++c)
        for (int64_t r = r0; r < std::min(r0 + kSquare, rows); ++r) to[c * ld + r] = from[r * cols + c];
}
// A column-major matrix whose columns are `ld` apart, to row-major.
template <class T>
void from_columns(const T* from, int64_t ld, int64_t rows, int64_t cols, T* to) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[r * cols + c] = from[c * ld + r];
}

// LAPACK's pivots are 64-bit here, tensors of pivots int32.
struct Pivots {
  std::vector<int64_t> values;
  explicit Pivots(int64_t n) : values(static_cast<size_t>(n)) {}
  int64_t* data() { return values.data(); }
  void store(int32_t* to) const { std::copy(values.begin(), values.end(), to); }
  void load(const int32_t* from) { std::copy(from, from + values.size(), values.begin()); }
};

// "linalg.inv: (batch element 3): sentence", of the first matrix whose info is not 0.
template <class Sentence>
void refuse_failures(const char* op, TensorRef info, Sentence sentence) {
  const auto* values = info.data<int32_t>();
  for (int64_t i = 0; i < info.numel(); ++i)
    if (values[i] != 0) {
      const std::string where = info.ndim() > 0 ? text("(batch element ", i, ") ") : std::string();
      throw fail(TW_E_LINALG, op, ": ", where, sentence(values[i]));
    }
}

template <class T>
bool all_finite(const T* values, int64_t count) {
  RealOf<T> sum = 0;  // 0 times anything finite is 0
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (kIsComplex<T>)
      sum += values[i].real() * 0 + values[i].imag() * 0;
    else
      sum += values[i] * 0;
  }
  return sum == 0;
}

}  // namespace tw::cpu
