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
  const T *grad, *x, *weight, *mean, *rstd;  // no mean: that of rms_norm
  Rows rows;
};

// The gradients of some rows' inputs, and unless it is null those rows' part in the weight's and the bias's.
template <class T>
void backward_rows(const BackwardRows<T>& b, int64_t first, int64_t last, T* out, T* grad_weight, T* grad_bias) {
  const auto& kernels = isa_table<LayerNormKernels<T>>();
  const int64_t length = b.rows.length, at = first * length;
  if (b.mean)
    kernels.backward(last - first, length, b.grad + at, b.x + at, b.weight, b.mean + first, b.rstd + first, out + at,
                     grad_weight, grad_bias);
  else
    kernels.rms_backward(last - first, length, b.grad + at, b.x + at, b.weight, b.rstd + first, out + at, grad_weight);
}

template <class T>
void accumulate_rows(const BackwardRows<T>& b, int64_t first, int64_t last, T* grad_weight, T* grad_bias) {
  const int64_t length = b.rows.length, at = first * length;
  isa_table<LayerNormKernels<T>>().accumulate(last - first, length, b.grad + at, b.x + at,
                                              b.mean ? b.mean + first : nullptr, b.rstd + first, grad_weight,
                                              grad_bias);
}

template <class T>
void add_rows(T* slots, int64_t count, int64_t length, T* out) {
  for (int64_t s = 1; s < count; ++s) isa_table<ConvolutionKernels<T>>().accumulate(length, slots + s * length, slots);
  std::copy_n(slots, length, out);
}

// grad_bias is null for rms_norm.
template <class T>
void backward(const BackwardRows<T>& b, T* out, T* grad_weight, T* grad_bias) {
  const int64_t count = b.rows.count, length = b.rows.length, slots = std::clamp<int64_t>(count / 8, 1, kSlots);
  std::vector<T> sums(static_cast<size_t>((grad_bias ? 2 : 1) * slots * length), T(0));
  T *weights = sums.data(), *biases = grad_bias ? weights + slots * length : nullptr;
  // Both at once read rows only once, but do not occupy more threads than there are slots.
  const bool at_once = slots == kSlots && threads::num_threads() <= kSlots;
  if (!at_once)
    parallel_for(0, count, rows_for(length),
                 [&](int64_t begin, int64_t end) { backward_rows<T>(b, begin, end, out, nullptr, nullptr); });
  parallel_for(0, slots, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s * count / slots, last = (s + 1) * count / slots;
      T *weight = weights + s * length, *bias = biases ? biases + s * length : nullptr;
      if (at_once)
        backward_rows(b, first, last, out, weight, bias);
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
    backward(b, input_result.data<T>(), weight_result.data<T>(), bias_result.data<T>());
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
    const BackwardRows<T> b{grads.data<T>(), input.data<T>(), scale ? scale.data<T>() : nullptr,
                            nullptr,         rstds.data<T>(), rows_of(self, normalized_shape)};
    backward<T>(b, input_result.data<T>(), weight_result.data<T>(), nullptr);
  });
  input_result.commit(), weight_result.commit();
}

}  // namespace tw::cpu
