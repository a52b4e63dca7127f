// Rows of layer_norm and channels of batch_norm.
#include "cpu/isa/row.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
using T = Element<V>;

template <class V>
T<V> sum_of(int64_t n, const T<V>* x) {
  return reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return at(x); });
}

template <class V>
T<V> squared_deviations(int64_t n, const T<V>* x, T<V> mean) {
  const V center = splat<V>(mean);
  return reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA {
    const V d = sub(at(x), center);
    return mul(d, d);
  });
}

// ---- layer_norm -------------------------------------------------------------------------------------------

template <class V>
void layer_norm(int64_t rows, int64_t n, const T<V>* from, const T<V>* weight, const T<V>* bias, T<V> eps, T<V>* to,
                T<V>* mean, T<V>* rstd) {
  for_rows<kTogether<V>>(rows, n, [=](int64_t first, auto together) TW_INLINE_LAMBDA {
    constexpr int count = decltype(together)::value;
    const T<V>* x = from + first * n;
    T<V>*y = to + first * n, sum[count];
    V center[count], scale[count];
    reduce_rows<Sum, V>(
        n, [=](auto at, int row) TW_INLINE_LAMBDA { return at(x + row * n); }, [](int64_t) TW_INLINE_LAMBDA {}, sum);
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      mean[first + row] = sum[row] / T<V>(n);
      center[row] = splat<V>(mean[first + row]);
    });
    reduce_rows<Sum, V>(
        n,
        [&](auto at, int row) TW_INLINE_LAMBDA {
          const V d = sub(at(x + row * n), center[row]);
          return mul(d, d);
        },
        [=](int64_t i) TW_INLINE_LAMBDA {
          unroll<count>([&](int row)
                            TW_INLINE_LAMBDA { fetch<V>(count > 1 ? x + (count + row) * n + i : y + row * n + i); });
        },
        sum);
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      rstd[first + row] = T<V>(1) / sqrt(splat<V>(sum[row] / T<V>(n) + eps))[0];
      scale[row] = splat<V>(rstd[first + row]);
    });
    for_row<V>(n, [&](auto at) TW_INLINE_LAMBDA {
      unroll<count>([&](int row) TW_INLINE_LAMBDA {
        V value = mul(sub(at(x + row * n), center[row]), scale[row]);
        if (weight) value = mul(value, at(weight));
        if (bias) value = add(value, at(bias));
        at.store(y + row * n, value);
      });
    });
  });
}

// Asks for the next row's gradients and inputs, if there is one and both fit beside this row in the first-level cache.
template <class V>
struct NextRow {
  const T<V>*grad, *x;
  bool wanted;

  NextRow(const T<V>* grad_row, const T<V>* x_row, int64_t n, int64_t rows_left)
      : grad(grad_row + n), x(x_row + n), wanted(rows_left > 1 && n <= kTreeBlock) {}
  TW_INLINE_MEMBER void fetch(int64_t at) const {
    if (!wanted) return;
    __builtin_prefetch(grad + at);
    __builtin_prefetch(x + at);
  }
};

template <class V>
void layer_norm_backward(int64_t rows, int64_t n, const T<V>* grad, const T<V>* x, const T<V>* weight, const T<V>* mean,
                         const T<V>* rstd, T<V>* out, T<V>* grad_weight, T<V>* grad_bias) {
  for (; rows > 0; --rows, grad += n, x += n, out += n, ++mean, ++rstd) {
    const V center = splat<V>(*mean), scale = splat<V>(*rstd);
    const auto scaled = [=](auto at) TW_INLINE_LAMBDA { return weight ? mul(at(grad), at(weight)) : at(grad); };
    const auto normal = [=](auto at) TW_INLINE_LAMBDA { return mul(sub(at(x), center), scale); };
    T<V> sum, product;
    reduce_rows_together<Sum, V>(
        n, scaled, [=](auto at) TW_INLINE_LAMBDA { return mul(scaled(at), normal(at)); }, &sum, &product);
    const V a = splat<V>(sum / T<V>(n)), b = splat<V>(product / T<V>(n));
    const NextRow<V> next(grad, x, n, rows);
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
      next.fetch(at.at);
      const V normalized = normal(at);
      if (grad_weight) {
        const V g = at(grad);
        at.store(grad_weight, add(at(grad_weight), mul(g, normalized)));
        at.store(grad_bias, add(at(grad_bias), g));
      }
      at.store(out, mul(sub(sub(scaled(at), a), mul(normalized, b)), scale));
    });
  }
}

template <class V>
void accumulate(int64_t rows, int64_t n, const T<V>* grad, const T<V>* x, const T<V>* mean, const T<V>* rstd,
                T<V>* grad_weight, T<V>* grad_bias) {
  for (; rows > 0; --rows, grad += n, x += n, ++rstd) {
    const V center = splat<V>(mean ? *mean++ : T<V>(0)), scale = splat<V>(*rstd);
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
      const V g = at(grad);
      at.store(grad_weight, add(at(grad_weight), mul(g, mul(sub(at(x), center), scale))));
      if (grad_bias) at.store(grad_bias, add(at(grad_bias), g));
    });
  }
}

template <class V>
void rms_norm(int64_t rows, int64_t n, const T<V>* from, const T<V>* weight, T<V> eps, T<V>* to, T<V>* rstd) {
  for_rows<kTogether<V>>(rows, n, [=](int64_t first, auto together) TW_INLINE_LAMBDA {
    constexpr int count = decltype(together)::value;
    const T<V>* x = from + first * n;
    T<V>*y = to + first * n, square[count];
    V scale[count];
    reduce_rows<Sum, V>(
        n, [=](auto at, int row) TW_INLINE_LAMBDA { return mul(at(x + row * n), at(x + row * n)); },
        [](int64_t) TW_INLINE_LAMBDA {}, square);
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      rstd[first + row] = T<V>(1) / sqrt(splat<V>(square[row] / T<V>(n) + eps))[0];
      scale[row] = splat<V>(rstd[first + row]);
    });
    for_row<V>(n, [&](auto at) TW_INLINE_LAMBDA {
      unroll<count>([&](int row) TW_INLINE_LAMBDA {
        if constexpr (count > 1) __builtin_prefetch(x + (count + row) * n + at.at);
        const V value = mul(at(x + row * n), scale[row]);
        at.store(y + row * n, weight ? mul(value, at(weight)) : value);
      });
    });
  });
}

template <class V>
void rms_norm_backward(int64_t rows, int64_t n, const T<V>* grad, const T<V>* x, const T<V>* weight, const T<V>* rstd,
                       T<V>* out, T<V>* grad_weight) {
  for (; rows > 0; --rows, grad += n, x += n, out += n, ++rstd) {
    const V scale = splat<V>(*rstd);
    const auto scaled = [=](auto at) TW_INLINE_LAMBDA { return weight ? mul(at(grad), at(weight)) : at(grad); };
    const auto normal = [=](auto at) TW_INLINE_LAMBDA { return mul(at(x), scale); };
    const T<V> product = reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return mul(scaled(at), normal(at)); });
    const V share = splat<V>(product / T<V>(n));
    const NextRow<V> next(grad, x, n, rows);
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
      next.fetch(at.at);
      const V normalized = normal(at);
      if (grad_weight) at.store(grad_weight, add(at(grad_weight), mul(at(grad), normalized)));
      at.store(out, mul(sub(scaled(at), mul(normalized, share)), scale));
    });
  }
}

// ---- batch_norm -------------------------------------------------------------------------------------------

template <class V>
void apply(int64_t n, const T<V>* x, T<V> mean, T<V> scale, T<V> shift, T<V>* y) {
  const V center = splat<V>(mean), factor = splat<V>(scale), offset = splat<V>(shift);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(y, add(mul(sub(at(x), center), factor), offset)); });
}

template <class V>
void backward_sums(int64_t n, const T<V>* grad, const T<V>* x, T<V> mean, T<V>* sum, T<V>* product_sum) {
  const V center = splat<V>(mean);
  reduce_rows_together<Sum, V>(
      n, [=](auto at) TW_INLINE_LAMBDA { return at(grad); },
      [=](auto at) TW_INLINE_LAMBDA { return mul(at(grad), sub(at(x), center)); }, sum, product_sum);
}

template <class V>
void backward_apply(int64_t n, const T<V>* grad, const T<V>* x, T<V> mean, T<V> a, T<V> b, T<V> scale, T<V>* out) {
  const V center = splat<V>(mean), first = splat<V>(a), second = splat<V>(b), factor = splat<V>(scale);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
    at.store(out, mul(sub(sub(at(grad), first), mul(sub(at(x), center), second)), factor));
  });
}

template <class V>
void backward_blend(int64_t n, const T<V>* grad, const T<V>* x, T<V> mean, T<V> scale, T<V> slope, T<V> shift,
                    T<V>* out) {
  const V center = splat<V>(mean), factor = splat<V>(scale), rise = splat<V>(slope), offset = splat<V>(shift);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
    at.store(out, add(add(mul(at(grad), factor), mul(sub(at(x), center), rise)), offset));
  });
}

}  // namespace

extern const cpu::LayerNormKernels<float> kLayerNormF32;
extern const cpu::LayerNormKernels<double> kLayerNormF64;
extern const cpu::BatchNormKernels<float> kBatchNormF32;
extern const cpu::BatchNormKernels<double> kBatchNormF64;
const cpu::LayerNormKernels<float> kLayerNormF32 = {layer_norm<F32>, layer_norm_backward<F32>, accumulate<F32>,
                                                    rms_norm<F32>, rms_norm_backward<F32>};
const cpu::LayerNormKernels<double> kLayerNormF64 = {layer_norm<F64>, layer_norm_backward<F64>, accumulate<F64>,
                                                     rms_norm<F64>, rms_norm_backward<F64>};
const cpu::BatchNormKernels<float> kBatchNormF32 = {sum_of<F32>,        squared_deviations<F32>, apply<F32>,
                                                    backward_sums<F32>, backward_apply<F32>,     backward_blend<F32>};
const cpu::BatchNormKernels<double> kBatchNormF64 = {sum_of<F64>,        squared_deviations<F64>, apply<F64>,
                                                     backward_sums<F64>, backward_apply<F64>,     backward_blend<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
