// Matrix products of any dtype, split into blocks that depend on the problem alone.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::cpu {

// A matrix in memory; strides in elements. For BLAS one of them must be 1 and the other at least the row's length.
struct MatrixView {
  const void* data;
  int64_t row_stride;
  int64_t col_stride;
  MatrixView transposed() const { return {data, col_stride, row_stride}; }
};
bool is_blas_layout(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride);

// result[b] = alpha * left[b] * right[b] + beta * result[b], for b < batch. Results are row-major with `row_stride`.
// dtype: float32, float64, complex, or an integer type (any strides; alpha and beta are integers there).
struct Gemm {
  explicit Gemm(tw_dtype type) : dtype(type) {}
  tw_dtype dtype;
  int64_t batch = 1, rows = 0, cols = 0, depth = 0;  // result [rows, cols], contracted over depth
  MatrixView left{}, right{};
  int64_t left_batch_stride = 0, right_batch_stride = 0;
  void* result = nullptr;
  int64_t result_row_stride = 0, result_batch_stride = 0;
  Scalar alpha = 1;
  Scalar beta = 0;
};
void gemm(const Gemm& problem);

}  // namespace tw::cpu
