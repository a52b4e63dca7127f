#include "cpu/isa/columns.h"
#include "cpu/isa/functions.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
using T = Element<V>;

// The largest element of each row. minimum takes less than maximum, and of the negatives it is the same to the bit.
template <class V, int count>
TW_INLINE void largest(int64_t n, int64_t step, const T<V>* x, V (&top)[count]) {
  T<V> least[count];
  reduce_rows_in_any_order<Min, V, 4 / count>(
      n, [=](auto at, int row) TW_INLINE_LAMBDA { return neg(at(x + row * step)); }, least);
  unroll<count>([&](int row) TW_INLINE_LAMBDA { top[row] = splat<V>(-least[row]); });
}

// Exponentials of some rows that are still to be divided by their sums. A division keeps no other unit busy, so it is
// done beside the next rows' exponentials.
template <class V, int count>
struct Undivided {
  T<V>* y = nullptr;
  int64_t step;
  V sum[count] = {};

  template <class At>
  TW_INLINE_MEMBER void divide(At at) const {
    unroll<count>([&](int row) TW_INLINE_LAMBDA { at.store(y + row * step, div(at(y + row * step), sum[row])); });
  }
  TW_INLINE_MEMBER void divide_sixteen(int64_t i) const {
    if (y) unroll<kVirtualLanes / lanes_of<V>>([&](int r) TW_INLINE_LAMBDA { divide(Whole<V>{i + r * lanes_of<V>}); });
  }
  // The positions behind those that come by sixteen.
  TW_INLINE_MEMBER void divide_rest(int64_t n) const {
    if (y)
      for (int64_t i = n - n % kVirtualLanes; i < n; i += lanes_of<V>)
        divide(Part<V>{i, at_most(static_cast<int>(n - i), lanes_of<V>)});
  }
  TW_INLINE_MEMBER void divide_all(int64_t n) const {
    if (y) for_row<V>(n, [this](auto at) TW_INLINE_LAMBDA { divide(at); });
  }
};

template <class V, int count>
TW_INLINE void softmax_rows(int64_t rows, int64_t n, int64_t step, const T<V>* x, T<V>* y) {
  Undivided<V, count> before;
  before.step = step;
  for (; rows >= count; rows -= count, x += count * step, y += count * step) {
    V top[count];
    T<V> sum[count];
    largest(n, step, x, top);
    reduce_rows<Sum, V>(
        n,
        [&](auto at, int row) TW_INLINE_LAMBDA {
          const V e = exp(sub(at(x + row * step), top[row]));
          at.store(y + row * step, e);
          return e;
        },
        [&](int64_t i) TW_INLINE_LAMBDA {
          if constexpr (count > 1)
            unroll<count>([&](int row) TW_INLINE_LAMBDA { fetch<V>(x + (count + row) * step + i); });
          before.divide_sixteen(i);
        },
        sum);
    before.divide_rest(n);
    before.y = y;
    unroll<count>([&](int row) TW_INLINE_LAMBDA { before.sum[row] = splat<V>(sum[row]); });
  }
  before.divide_all(n);
}

template <class V>
void softmax(int64_t rows, int64_t n, int64_t step, const T<V>* x, T<V>* y) {
  int64_t done = 0;
  if constexpr (kTogether<V> > 1)
    if (n <= kTreeBlock) {
      done = rows - rows % kTogether<V>;
      softmax_rows<V, kTogether<V>>(done, n, step, x, y);
    }
  softmax_rows<V, 1>(rows - done, n, step, x + done * step, y + done * step);
}

template <class V>
void log_softmax(int64_t rows, int64_t n, int64_t step, const T<V>* from, T<V>* to) {
  for_rows<kTogether<V>>(rows, n, [=](int64_t first, auto together) TW_INLINE_LAMBDA {
    constexpr int count = decltype(together)::value;
    const T<V>* x = from + first * step;
    T<V>*y = to + first * step, sum[count];
    V top[count], log_sum[count];
    largest(n, step, x, top);
    reduce_rows<Sum, V>(
        n, [&](auto at, int row) TW_INLINE_LAMBDA { return exp(sub(at(x + row * step), top[row])); },
        [=](int64_t i) TW_INLINE_LAMBDA {
          if constexpr (count > 1)
            unroll<count>([&](int row) TW_INLINE_LAMBDA { fetch<V>(x + (count + row) * step + i); });
        },
        sum);
    V sums = splat<V>(sum[0]);
    sums[count - 1] = sum[count - 1];
    const V logs = log(sums);
    unroll<count>([&](int row) TW_INLINE_LAMBDA { log_sum[row] = splat<V>(logs[row]); });
    for_row<V>(n, [&](auto at) TW_INLINE_LAMBDA {
      unroll<count>([&](int row) TW_INLINE_LAMBDA {
        at.store(y + row * step, sub(sub(at(x + row * step), top[row]), log_sum[row]));
      });
    });
  });
}

template <class V>
void softmax_backward(int64_t rows, int64_t n, int64_t step, const T<V>* grad, const T<V>* y, T<V>* out) {
  for (; rows > 0; --rows, grad += step, y += step, out += step) {
    const V dot = splat<V>(reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return mul(at(grad), at(y)); }));
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(out, mul(sub(at(grad), dot), at(y))); });
  }
}

template <class V>
void log_softmax_backward(int64_t rows, int64_t n, int64_t step, const T<V>* grad, const T<V>* y, T<V>* out) {
  for (; rows > 0; --rows, grad += step, y += step, out += step) {
    const V sum = splat<V>(reduce_row<Sum, V>(n, [=](auto at) TW_INLINE_LAMBDA { return at(grad); }));
    for_row<V>(n, [=](auto at) TW_INLINE_LAMBDA { at.store(out, sub(at(grad), mul(exp(at(y)), sum))); });
  }
}

static_assert(kStripBytes == cpu::kSoftmaxStrip, "what callers cut columns into");

template <class V>
TW_INLINE void largest_of_columns(int64_t rows, int64_t stride, const T<V>* x, ColumnTrees<Max, V>& top) {
  top.fold(rows, [=](int64_t row, auto at) TW_INLINE_LAMBDA { return at(x + row * stride); });
}

template <class V>
void softmax_columns(int64_t rows, int64_t cols, int64_t stride, const T<V>* x, T<V>* y) {
  ColumnTrees<Max, V> top(cols);
  largest_of_columns<V>(rows, stride, x, top);
  ColumnTrees<Sum, V> sum(cols);
  sum.fold(rows, [&](int64_t row, auto at) TW_INLINE_LAMBDA {
    const V e = exp(sub(at(x + row * stride), top[at]));
    at.store(y + row * stride, e);
    return e;
  });
  for_strip_rows<V>(rows, cols, [&](int64_t row, auto at) TW_INLINE_LAMBDA {
    at.store(y + row * stride, div(at(y + row * stride), sum[at]));
  });
}

template <class V>
void log_softmax_columns(int64_t rows, int64_t cols, int64_t stride, const T<V>* x, T<V>* y) {
  ColumnTrees<Max, V> top(cols);
  largest_of_columns<V>(rows, stride, x, top);
  ColumnTrees<Sum, V> sum(cols);
  sum.fold(rows, [&](int64_t row, auto at) TW_INLINE_LAMBDA { return exp(sub(at(x + row * stride), top[at])); });
  for_strip<V>(cols, [&](auto at) TW_INLINE_LAMBDA { sum[at] = log(sum[at]); });
  for_strip_rows<V>(rows, cols, [&](int64_t row, auto at) TW_INLINE_LAMBDA {
    at.store(y + row * stride, sub(sub(at(x + row * stride), top[at]), sum[at]));
  });
}

template <class V>
void softmax_columns_backward(int64_t rows, int64_t cols, int64_t stride, const T<V>* grad, const T<V>* y, T<V>* out) {
  ColumnTrees<Sum, V> dot(cols);
  dot.fold(rows,
           [=](int64_t row, auto at) TW_INLINE_LAMBDA { return mul(at(grad + row * stride), at(y + row * stride)); });
  for_strip_rows<V>(rows, cols, [&](int64_t row, auto at) TW_INLINE_LAMBDA {
    at.store(out + row * stride, mul(sub(at(grad + row * stride), dot[at]), at(y + row * stride)));
  });
}

template <class V>
void log_softmax_columns_backward(int64_t rows, int64_t cols, int64_t stride, const T<V>* grad, const T<V>* y,
                                  T<V>* out) {
  ColumnTrees<Sum, V> sum(cols);
  sum.fold(rows, [=](int64_t row, auto at) TW_INLINE_LAMBDA { return at(grad + row * stride); });
  for_strip_rows<V>(rows, cols, [&](int64_t row, auto at) TW_INLINE_LAMBDA {
    at.store(out + row * stride, sub(at(grad + row * stride), mul(exp(at(y + row * stride)), sum[at])));
  });
}

}  // namespace

extern const cpu::SoftmaxKernels<float> kSoftmaxF32;
extern const cpu::SoftmaxKernels<double> kSoftmaxF64;
const cpu::SoftmaxKernels<float> kSoftmaxF32 = {
    softmax<F32>,         log_softmax<F32>,         softmax_backward<F32>,         log_softmax_backward<F32>,
    softmax_columns<F32>, log_softmax_columns<F32>, softmax_columns_backward<F32>, log_softmax_columns_backward<F32>};
const cpu::SoftmaxKernels<double> kSoftmaxF64 = {
    softmax<F64>, log_softmax<F64>, softmax_backward<F64>, log_softmax_backward<F64>, nullptr, nullptr,
    nullptr,      nullptr};

}  // namespace TW_ISA_NS
}  // namespace tw
