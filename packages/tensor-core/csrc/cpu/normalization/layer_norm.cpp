// Normalisation of rows: all dimensions of normalized_shape together are one row.
#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/normalization/rows.h"
#include "cpu/staging.h"
#include "declarations/normalization.h"
#include "declarations/normalization_group.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kSlots = 16;  // ranges of rows whose weight gradients are summed apart, then in order

struct Rows {
  int64_t count, length;
};
Rows rows_of(TensorRef t, IntList normalized_shape) {
  int64_t length = 1;
  for (int64_t n : normalized_shape) length *= n;
  return {length > 0 ? t.numel() / length : 0, length};
}

template <class T>
struct BackwardRows {
  tw_dtype dtype;                 // that of T
  TensorRef grad, x, out;         // contiguous
  const T *weight, *mean, *rstd;  // no mean: that of rms_norm
  Rows rows;
};

// The gradients of some rows' inputs, and unless it is null those rows' part in the weight's and the bias's.
template <class T>
void backward_rows(const BackwardRows<T>& b, int64_t begin, int64_t end, T* grad_weight, T* grad_bias) {
  const auto& kernels = isa_table<LayerNormKernels<T>>();
  const int64_t length = b.rows.length;
  const StagedRows grad(b.grad, length, b.dtype), x(b.x, length, b.dtype), out(b.out, length, b.dtype);
  const bool direct = grad.direct() && x.direct() && out.direct();
  for_staged_rows(begin, end, length, direct, [&](int64_t row, int64_t count) {
    const T *g = grad.read<T>(row, count), *values = x.read<T>(row, count);
    if (b.mean)
      kernels.backward(count, length, g, values, b.weight, b.mean + row, b.rstd + row, out.place<T>(row), grad_weight,
                       grad_bias);
    else
      kernels.rms_backward(count, length, g, values, b.weight, b.rstd + row, out.place<T>(row), grad_weight);
    out.write(row, count);
  });
}

template <class T>
void accumulate_rows(const BackwardRows<T>& b, int64_t begin, int64_t end, T* grad_weight, T* grad_bias) {
  const int64_t length = b.rows.length;
  const StagedRows grad(b.grad, length, b.dtype), x(b.x, length, b.dtype);
  for_staged_rows(begin, end, length, grad.direct() && x.direct(), [&](int64_t row, int64_t count) {
    isa_table<LayerNormKernels<T>>().accumulate(count, length, grad.read<T>(row, count), x.read<T>(row, count),
                                                b.mean ? b.mean + row : nullptr, b.rstd + row, grad_weight, grad_bias);
  });
}

template <class T>
void add_rows(T* slots, int64_t count, int64_t length, T* out) {
  for (int64_t s = 1; s < count; ++s) isa_table<AdditionKernels<T>>().add_to(length, slots + s * length, slots);
  std::copy_n(slots, length, out);
}

// grad_bias is null for rms_norm.
template <class T>
void backward(const BackwardRows<T>& b, T* grad_weight, T* grad_bias) {
  const int64_t count = b.rows.count, length = b.rows.length, slots = std::clamp<int64_t>(count / 8, 1, kSlots);
  const Tensor sums = scratch<T>((grad_bias ? 2 : 1) * slots * length);
  std::fill_n(sums.data<T>(), sums.numel(), T(0));
  T *weights = sums.data<T>(), *biases = grad_bias ? weights + slots * length : nullptr;
  // Both at once read rows only once, but do not occupy more threads than there are slots.
  const bool at_once = slots == kSlots && threads::num_threads() <= kSlots;
  if (!at_once)
    parallel_for(0, count, rows_for(length),
                 [&](int64_t begin, int64_t end) { backward_rows<T>(b, begin, end, nullptr, nullptr); });
  parallel_for(0, slots, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s * count / slots, last = (s + 1) * count / slots;
      T *weight = weights + s * length, *bias = biases ? biases + s * length : nullptr;
      if (at_once)
        backward_rows(b, first, last, weight, bias);
      else
        accumulate_rows(b, first, last, weight, bias);
    }
  });
  add_rows(weights, slots, length, grad_weight);
  if (grad_bias) add_rows(biases, slots, length, grad_bias);
}

}  // namespace

void native_layer_norm(TensorRef self, IntList normalized_shape, TensorRef weight, TensorRef bias, double eps,
                       TensorRef out, TensorRef mean, TensorRef rstd) {
  const Rows rows = rows_of(self, normalized_shape);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self), scale = dense_optional(weight, dtype), shift = dense_optional(bias, dtype);
  visit_floating("layer_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<LayerNormKernels<T>>();
    parallel_for(0, rows.count, rows_for(rows.length), [&](int64_t begin, int64_t end) {
      const StagedRows x(input, rows.length, dtype), y(out, rows.length, dtype);
      for_staged_rows(begin, end, rows.length, x.direct() && y.direct(), [&](int64_t row, int64_t count) {
        kernels.forward(count, rows.length, x.read<T>(row, count), scale ? scale.data<T>() : nullptr,
                        shift ? shift.data<T>() : nullptr, static_cast<T>(eps), y.place<T>(row), mean.data<T>() + row,
                        rstd.data<T>() + row);
        y.write(row, count);
      });
    });
  });
}

void native_layer_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef mean,
                                TensorRef rstd, TensorRef weight, TensorRef grad_self, TensorRef grad_weight,
                                TensorRef grad_bias) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad), input = dense(self), scale = dense_optional(weight, dtype),
               means = dense(mean, dtype), rstds = dense(rstd, dtype);
  StagedResult weight_result(grad_weight, dtype), bias_result(grad_bias, dtype);
  visit_floating("layer_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const BackwardRows<T> b{dtype,
                            grads,
                            input,
                            grad_self,
                            scale ? scale.data<T>() : nullptr,
                            means.data<T>(),
                            rstds.data<T>(),
                            rows_of(self, normalized_shape)};
    backward(b, weight_result.data<T>(), bias_result.data<T>());
  });
  weight_result.commit(), bias_result.commit();
}

void native_rms_norm(TensorRef self, IntList normalized_shape, TensorRef weight, double eps, TensorRef out,
                     TensorRef rstd) {
  const Rows rows = rows_of(self, normalized_shape);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self), scale = dense_optional(weight, dtype);
  visit_floating("rms_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<LayerNormKernels<T>>();
    parallel_for(0, rows.count, rows_for(rows.length), [&](int64_t begin, int64_t end) {
      const StagedRows x(input, rows.length, dtype), y(out, rows.length, dtype);
      for_staged_rows(begin, end, rows.length, x.direct() && y.direct(), [&](int64_t row, int64_t count) {
        kernels.rms_forward(count, rows.length, x.read<T>(row, count), scale ? scale.data<T>() : nullptr,
                            static_cast<T>(eps), y.place<T>(row), rstd.data<T>() + row);
        y.write(row, count);
      });
    });
  });
}

void native_rms_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef rstd,
                              TensorRef weight, TensorRef grad_self, TensorRef grad_weight) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad), input = dense(self), scale = dense_optional(weight, dtype),
               rstds = dense(rstd, dtype);
  StagedResult weight_result(grad_weight, dtype);
  visit_floating("rms_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const BackwardRows<T> b{dtype,
                            grads,
                            input,
                            grad_self,
                            scale ? scale.data<T>() : nullptr,
                            nullptr,
                            rstds.data<T>(),
                            rows_of(self, normalized_shape)};
    backward<T>(b, weight_result.data<T>(), nullptr);
  });
  weight_result.commit();
}

}  // namespace tw::cpu
