// Matrix products of any dtype. Sums of float32 and float64 add their products in order, in blocks of 256 of them: the
// same bits for any layout of the operands, any number of threads, and on every instruction set. So do those of float16
// and bfloat16, as numbers of float32, but where the processor multiplies bfloat16 itself: it adds pairs of products,
// in blocks of 512, and takes subnormal numbers for zeros.
#pragma once

#include "cpu/half.h"
#include "cpu/isa_kernels.h"
#include "cpu/prepared_layer.h"

namespace tw::cpu {

constexpr int64_t kProductDepth = 256;  // products, or pairs of them, that one sum adds up at a time

// A matrix in memory; strides in elements.
struct MatrixView {
  const void* data;
  int64_t row_stride;
  int64_t col_stride;
  MatrixView transposed() const { return {data, col_stride, row_stride}; }
};
// One stride is 1 and the other at least the row's length: what BLAS reads, and what is read fastest.
bool is_blas_layout(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride);

// result[b] = alpha * left[b] * right[b] + beta * result[b], for b < batch. Results are row-major with `row_stride`.
// dtype: floating, complex (operands in BLAS layouts), or an integer type (alpha and beta are integers there). The bias
// of float16 and bfloat16 is float32, and so is the result, unless it is to be rounded.
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
  bool rounds = false;  // float16 and bfloat16: the result is of that type too; beta is 0
  // Floating types only:
  const void* bias = nullptr;           // one value for each column, added instead of beta * result
  const void* packed_right = nullptr;   // pack_right() of `right`, the same for the whole batch
  const PreparedCall* calls = nullptr;  // told what parts of the result are done; not if it is to be rounded
};
void gemm(const Gemm& problem);

// The right operand as the tiles of a product read it, whatever the left one is: panels of neighbouring columns. A
// one-dimensional tensor of that dtype, whose size packed_right_size() gives.
Tensor pack_right(tw_dtype dtype, const MatrixView& right, int64_t depth, int64_t cols);
int64_t packed_right_size(tw_dtype dtype, int64_t depth, int64_t cols);

// Those of float, double, Half and BFloat; csrc/cpu/matmul/packed_gemm.cpp. Sizes are in numbers of the sums' type.
template <class T>
void packed_gemm(const Gemm& problem);
template <class T>
int64_t packed_panels_size(int64_t depth, int64_t cols);
template <class T>
void pack_panels(const MatrixView& right, int64_t depth, int64_t cols, typename SumOf<T>::Type* to);

}  // namespace tw::cpu
