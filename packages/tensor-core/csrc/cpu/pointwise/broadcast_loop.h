// Kernels of two operands that broadcast and whose elements are computed one by one.
#pragma once

#include "cpu/element_types.h"
#include "cpu/staging.h"

namespace tw::cpu {

// out[i] = f(a[i], b[i]) in T, to which both are converted; `work` is how many simple operations f stands for.
template <class T, class F>
void fill_from_pairs(TensorRef a, TensorRef b, TensorRef out, tw_dtype dtype, int64_t work, F f) {
  const Tensor left = dense(expand(a, out.shape()), dtype), right = dense(expand(b, out.shape()), dtype);
  StagedResult result(out, dtype);
  const T* x = left.data<T>();
  const T* y = right.data<T>();
  T* z = result.data<T>();
  parallel_for(0, out.numel(), grain_for(work), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) z[i] = f(x[i], y[i]);
  });
  result.commit();
}

// The same for functions of floating numbers, which are computed in float64 and rounded once.
template <class F>
void fill_from_float_pairs(const char* op, TensorRef a, TensorRef b, TensorRef out, int64_t work, F f) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    fill_from_pairs<T>(a, b, out, dtype, work, [f](T x, T y) { return static_cast<T>(f(double{x}, double{y})); });
  });
}

}  // namespace tw::cpu
