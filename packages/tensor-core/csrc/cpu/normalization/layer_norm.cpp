// Normalisation of rows: all dimensions of normalized_shape together are one row.
#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/normalization/rows.h"
#include "cpu/staging.h"
#include "declarations/normalization.h"
#include "declarations/normalization_group.h"

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
  const T *grad, *x, *weight, *mean, *rstd;
  Rows rows;
};

template <class T>
void backward_input(const BackwardRows<T>& b, T* out) {
  const auto& kernels = isa_table<LayerNormKernels<T>>();
  parallel_for(0, b.rows.count, rows_for(b.rows.length), [&](int64_t begin, int64_t end) {
    const int64_t at = begin * b.rows.length;
    kernels.backward(end - begin, b.rows.length, b.grad + at, b.x + at, b.weight, b.mean + begin, b.rstd + begin,
                     out + at);
  });
}

template <class T>
void add_rows(const T* slots, int64_t count, int64_t length, T* out) {
  for (int64_t c = 0; c < length; ++c) {
    T sum = slots[c];
    for (int64_t s = 1; s < count; ++s) sum += slots[s * length + c];
    out[c] = sum;
  }
}

template <class T>
void backward_weight(const BackwardRows<T>& b, T* grad_weight, T* grad_bias) {
  const int64_t length = b.rows.length, slots = std::clamp<int64_t>(b.rows.count / 8, 1, kSlots);
  std::vector<T> sums(static_cast<size_t>(2 * slots * length), T(0));
  T *weights = sums.data(), *biases = weights + slots * length;
  const auto& kernels = isa_table<LayerNormKernels<T>>();
  parallel_for(0, slots, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s * b.rows.count / slots, last = (s + 1) * b.rows.count / slots;
      kernels.accumulate(last - first, length, b.grad + first * length, b.x + first * length, b.mean + first,
                         b.rstd + first, weights + s * length, biases + s * length);
    }
  });
  add_rows(weights, slots, length, grad_weight);
  add_rows(biases, slots, length, grad_bias);
}

}  // namespace

void native_layer_norm(TensorRef self, IntList normalized_shape, TensorRef weight, TensorRef bias, double eps,
                       TensorRef out, TensorRef mean, TensorRef rstd) {
  const Rows rows = rows_of(self, normalized_shape);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), scale = dense_optional(weight, dtype), shift = dense_optional(bias, dtype);
  StagedResult result(out, dtype);
  visit_floating("layer_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<LayerNormKernels<T>>();
    parallel_for(0, rows.count, rows_for(rows.length), [&](int64_t begin, int64_t end) {
      const int64_t at = begin * rows.length;
      kernels.forward(end - begin, rows.length, input.data<T>() + at, scale ? scale.data<T>() : nullptr,
                      shift ? shift.data<T>() : nullptr, static_cast<T>(eps), result.data<T>() + at,
                      mean.data<T>() + begin, rstd.data<T>() + begin);
    });
  });
  result.commit();
}

void native_layer_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef mean,
                                TensorRef rstd, TensorRef weight, TensorRef grad_self, TensorRef grad_weight,
                                TensorRef grad_bias) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype), scale = dense_optional(weight, dtype),
               means = dense(mean, dtype), rstds = dense(rstd, dtype);
  StagedResult input_result(grad_self, dtype), weight_result(grad_weight, dtype), bias_result(grad_bias, dtype);
  visit_floating("layer_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const BackwardRows<T> b{grads.data<T>(), input.data<T>(), scale ? scale.data<T>() : nullptr,
                            means.data<T>(), rstds.data<T>(), rows_of(self, normalized_shape)};
    backward_input(b, input_result.data<T>());
    backward_weight(b, weight_result.data<T>(), bias_result.data<T>());
  });
  input_result.commit(), weight_result.commit(), bias_result.commit();
}

void native_rms_norm(TensorRef self, IntList normalized_shape, TensorRef weight, double eps, TensorRef out,
                     TensorRef rstd) {
  const Rows rows = rows_of(self, normalized_shape);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), scale = dense_optional(weight, dtype);
  StagedResult result(out, dtype);
  visit_floating("rms_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<LayerNormKernels<T>>();
    parallel_for(0, rows.count, rows_for(rows.length), [&](int64_t begin, int64_t end) {
      const int64_t at = begin * rows.length;
      kernels.rms_forward(end - begin, rows.length, input.data<T>() + at, scale ? scale.data<T>() : nullptr,
                          static_cast<T>(eps), result.data<T>() + at, rstd.data<T>() + begin);
    });
  });
  result.commit();
}

void native_rms_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef rstd,
                              TensorRef weight, TensorRef grad_self, TensorRef grad_weight) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype), scale = dense_optional(weight, dtype),
               rstds = dense(rstd, dtype);
  StagedResult input_result(grad_self, dtype), weight_result(grad_weight, dtype);
  visit_floating("rms_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<LayerNormKernels<T>>();
    const Rows rows = rows_of(self, normalized_shape);
    const std::vector<T> no_means(static_cast<size_t>(rows.count), T(0));
    const BackwardRows<T> b{grads.data<T>(), input.data<T>(), scale ? scale.data<T>() : nullptr,
                            no_means.data(), rstds.data<T>(), rows};
    parallel_for(0, rows.count, rows_for(rows.length), [&](int64_t begin, int64_t end) {
      const int64_t at = begin * rows.length;
      kernels.rms_backward(end - begin, rows.length, b.grad + at, b.x + at, b.weight, b.rstd + begin,
                           input_result.data<T>() + at);
    });
    std::vector<T> no_bias(static_cast<size_t>(rows.length));
    backward_weight(b, weight_result.data<T>(), no_bias.data());
  });
  input_result.commit(), weight_result.commit();
}

}  // namespace tw::cpu
