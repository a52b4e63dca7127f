// mm, bmm, addmm, baddbmm and linear over one batched product.
#include <algorithm>

#include "cpu/matmul/gemm.h"
#include "cpu/prepared_layer.h"
#include "cpu/staging.h"
#include "declarations/linear_algebra.h"

namespace tw::cpu {
namespace {

// A matrix or batch of them, in a layout that BLAS reads without a copy wherever possible.
struct Operand3d {
  Tensor tensor;
  MatrixView view;
  int64_t batch_stride;
};

Operand3d matrix_operand(TensorRef t, tw_dtype dtype) {
  Tensor readable = t.dtype() == dtype && is_blas_layout(t.size(-2), t.size(-1), t.stride(-2), t.stride(-1))
                        ? Tensor::retain(t)
                        : dense(t, dtype);
  const MatrixView view{readable.data<void>(), readable.stride(-2), readable.stride(-1)};
  const int64_t batch_stride = readable.ndim() == 3 ? readable.stride(0) : 0;
  return {std::move(readable), view, batch_stride};
}

// out = beta * out + alpha * left @ right; matrices or batches.
void multiply(TensorRef left, TensorRef right, TensorRef out, const Scalar& alpha, const Scalar& beta) {
  const tw_dtype dtype = left.dtype();
  const Operand3d a = matrix_operand(left, dtype), b = matrix_operand(right, dtype);
  Gemm p(dtype);
  p.batch = out.ndim() == 3 ? out.size(0) : 1;
  p.rows = out.size(-2), p.cols = out.size(-1), p.depth = left.size(-1);
  p.left = a.view, p.left_batch_stride = a.batch_stride;
  p.right = b.view, p.right_batch_stride = b.batch_stride;
  p.result = out.data<void>(), p.result_row_stride = p.cols, p.result_batch_stride = p.rows * p.cols;
  p.alpha = alpha, p.beta = beta;
  p.rounds = is_half(dtype) && out.dtype() == dtype;
  gemm(p);
}

void add_product(TensorRef self, TensorRef left, TensorRef right, const Scalar& beta, const Scalar& alpha,
                 TensorRef out) {
  const bool reads_self = !beta.equals(0.0);
  StagedResult result(out, reads_self ? compute_dtype(out.dtype()) : out.dtype());
  if (reads_self && result.data<void>() != self.data<void>()) copy_elements(result.tensor(), self);
  multiply(left, right, result.tensor(), alpha, beta);
  result.commit();
}

}  // namespace

void mm(TensorRef self, TensorRef mat2, TensorRef out) { add_product(out, self, mat2, 0, 1, out); }
void bmm(TensorRef self, TensorRef mat2, TensorRef out) { add_product(out, self, mat2, 0, 1, out); }

void addmm(TensorRef self, TensorRef mat1, TensorRef mat2, const Scalar& beta, const Scalar& alpha, TensorRef out) {
  add_product(self, mat1, mat2, beta, alpha, out);
}

void baddbmm(TensorRef self, TensorRef batch1, TensorRef batch2, const Scalar& beta, const Scalar& alpha,
             TensorRef out) {
  add_product(self, batch1, batch2, beta, alpha, out);
}

Tensor prepare_linear(TensorRef weight) {
  const tw_dtype dtype = weight.dtype();
  if ((dtype != kFloat32 && dtype != kFloat64) || weight.numel() == 0) return {};
  const Operand3d w = matrix_operand(weight, dtype);
  return pack_right(dtype, w.view.transposed(), weight.size(1), weight.size(0));
}

void linear_prepared(TensorRef self, TensorRef weight, TensorRef bias, const PreparedCall& prepared, TensorRef out) {
  const tw_dtype dtype = out.dtype(), sum_dtype = compute_dtype(dtype);
  const Tensor input = dense(self, dtype), biases = dense_optional(bias, sum_dtype);
  const Operand3d w = matrix_operand(weight, dtype);
  const bool adds_bias = is_floating(dtype);  // while it multiplies
  if (biases && !adds_bias) copy_elements(out, biases);
  Gemm p(dtype);
  p.depth = weight.size(1), p.cols = weight.size(0);
  p.rows = p.cols > 0 ? out.numel() / p.cols : 0;
  p.left = {input.data<void>(), p.depth, 1};
  p.right = w.view.transposed();
  p.result = out.data<void>(), p.result_row_stride = p.cols;
  p.rounds = sum_dtype != dtype;
  p.beta = biases && !adds_bias ? 1 : 0;
  p.bias = biases && adds_bias ? biases.data<void>() : nullptr;
  const bool packed = prepared.weight && prepared.weight.dtype() == dtype &&
                      prepared.weight.numel() == packed_right_size(dtype, p.depth, p.cols);
  p.packed_right = packed ? prepared.weight.data<void>() : nullptr;
  p.calls = prepared.follow ? &prepared : nullptr;
  gemm(p);
}

void linear(TensorRef self, TensorRef weight, TensorRef bias, TensorRef out) {
  linear_prepared(self, weight, bias, {}, out);
}

}  // namespace tw::cpu
