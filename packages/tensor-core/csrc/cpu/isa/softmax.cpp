#include "cpu/isa/functions.h"
#include "cpu/isa/row.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
using T = Element<V>;

template <class V>
TW_INLINE T<V> largest(int64_t n, const T<V>* x) {
  return reduce_row<Max, V>(n, [=](auto at) TW_INLINE_LAMBDA { return at(x); });
}

template <class V>
void softmax(int64_t n, const T<V>* x, T<V>* y) {
  const V top = splat<V>(largest<V>(n, x));
  const T<V> sum = reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA {
    const V e = exp(sub(at(x), top));
    at.store(y, e);
    return e;
  });
  const V divisor = splat<V>(sum);
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(y, div(at(y), divisor)); });
}

template <class V>
void log_softmax(int64_t n, const T<V>* x, T<V>* y) {
  const V top = splat<V>(largest<V>(n, x));
  const T<V> sum = reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return exp(sub(at(x), top)); });
  const V log_sum = log(splat<V>(sum));
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(y, sub(sub(at(x), top), log_sum)); });
}

template <class V>
void softmax_backward(int64_t n, const T<V>* grad, const T<V>* y, T<V>* out) {
  const V dot = splat<V>(reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return mul(at(grad), at(y)); }));
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(out, mul(sub(at(grad), dot), at(y))); });
}

template <class V>
void log_softmax_backward(int64_t n, const T<V>* grad, const T<V>* y, T<V>* out) {
  const V sum = splat<V>(reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return at(grad); }));
  for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(out, sub(at(grad), mul(exp(at(y)), sum))); });
}

}  // namespace

extern const cpu::SoftmaxKernels<float> kSoftmaxF32;
extern const cpu::SoftmaxKernels<double> kSoftmaxF64;
const cpu::SoftmaxKernels<float> kSoftmaxF32 = {softmax<F32>, log_softmax<F32>, softmax_backward<F32>,
                                                log_softmax_backward<F32>};
const cpu::SoftmaxKernels<double> kSoftmaxF64 = {softmax<F64>, log_softmax<F64>, softmax_backward<F64>,
                                                 log_softmax_backward<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
