// Rows of tiles of scores: the running softmax of attention, and its gradient.
#include "cpu/isa/functions.h"
#include "cpu/isa/row.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
using T = Element<V>;

// The masked scores, and the largest of them.
template <class V>
TW_INLINE T<V> scale_scores(int64_t n, T<V>* scores, T<V> scale, const T<V>* bias) {
  const V factor = splat<V>(scale);
  return reduce_row<Max, V>(n, [=](auto at) TW_INLINE_LAMBDA {
    V s = mul(at(scores), factor);
    if (bias) s = add(s, at(bias));
    at.store(scores, s);
    return s;
  });
}

template <class V>
T<V> take(int64_t n, T<V>* scores, T<V> scale, const T<V>* bias, T<V>* m, T<V>* sum) {
  constexpr T<V> kNever = -static_cast<T<V>>(__builtin_inf());
  const T<V> here = scale_scores<V>(n, scores, scale, bias), before = *m;
  const T<V> top = here > before || here != here ? here : before;
  if (top == kNever) {  // nothing may be attended to yet
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(scores, splat<V>(T<V>(0))); });
    return T<V>(1);
  }
  const V center = splat<V>(top);
  const T<V> total = reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA {
    const V e = exp(sub(at(scores), center));
    at.store(scores, e);
    return e;
  });
  // exp(-inf) and exp(0) are exact
  const T<V> correction = before == kNever ? T<V>(0) : before == top ? T<V>(1) : exp(splat<V>(before - top))[0];
  *m = top;
  *sum = *sum * correction + total;
  return correction;
}

template <class V>
void scale(int64_t n, T<V>* x, T<V> factor) {
  const V by = splat<V>(factor);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(x, mul(at(x), by)); });
}

template <class V>
void divide(int64_t n, T<V>* x, T<V> divisor) {
  const V by = splat<V>(divisor);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(x, div(at(x), by)); });
}

template <class V>
void backward(int64_t n, T<V>* scores, T<V> scale, const T<V>* bias, T<V> logsumexp, T<V>* grads, T<V> delta) {
  const V factor = splat<V>(scale), center = splat<V>(logsumexp), mean = splat<V>(delta);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA {
    V s = mul(at(scores), factor);
    if (bias) s = add(s, at(bias));
    const V p = exp(sub(s, center));
    at.store(scores, p);
    at.store(grads, mul(mul(p, sub(at(grads), mean)), factor));
  });
}

}  // namespace

extern const cpu::AttentionKernels<float> kAttentionF32;
extern const cpu::AttentionKernels<double> kAttentionF64;
const cpu::AttentionKernels<float> kAttentionF32 = {take<F32>, scale<F32>, divide<F32>, backward<F32>};
const cpu::AttentionKernels<double> kAttentionF64 = {take<F64>, scale<F64>, divide<F64>, backward<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
