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

// Rows whose sums are known and whose results are still to be made from them. That is done beside the next rows'
// exponentials: a division keeps no other unit busy, and a logarithm is then waited for by nobody.
template <class V, int count, bool logarithms>
struct Unfinished {
  const T<V>* x = nullptr;
  T<V>* y = nullptr;
  int64_t step = 0;
  V top[count] = {}, sum[count] = {};

  // Of exponentials in y, or of inputs.
  template <class At>
  TW_INLINE_MEMBER void finish(At at) const {
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      const int64_t place = row * step;
      at.store(y + place, logarithms ? sub(sub(at(x + place), top[row]), sum[row]) : div(at(y + place), sum[row]));
    });
  }
  TW_INLINE_MEMBER void finish_sixteen(int64_t i) const {
    if (x) unroll<kVirtualLanes / lanes_of<V>>([&](int r) TW_INLINE_LAMBDA { finish(Whole<V>{i + r * lanes_of<V>}); });
  }
  // The positions behind those that come by sixteen.
  TW_INLINE_MEMBER void finish_rest(int64_t n) const {
    if (x)
      for (int64_t i = n - n % kVirtualLanes; i < n; i += lanes_of<V>)
        finish(Part<V>{i, at_most(static_cast<int>(n - i), lanes_of<V>)});
  }
  TW_INLINE_MEMBER void finish_all(int64_t n) const {
    if (x) for_row<V>(n, [this](auto at) TW_INLINE_LAMBDA { this->finish(at); });
  }
  TW_INLINE_MEMBER void take_sums(const T<V> (&sums)[count]) {
    unroll<count>([&](int row) TW_INLINE_LAMBDA { sum[row] = splat<V>(sums[row]); });
    if constexpr (logarithms) {
      V both = sum[0];
      both[count - 1] = sums[count - 1];
      both = log(both);
      unroll<count>([&](int row) TW_INLINE_LAMBDA { sum[row] = splat<V>(both[row]); });
    }
  }
};

template <class V, int count, bool logarithms>
TW_INLINE void softmax_rows(int64_t rows, int64_t n, int64_t step, const T<V>* x, T<V>* y) {
  Unfinished<V, count, logarithms> before;
  before.step = step;
  for (; rows >= count; rows -= count, x += count * step, y += count * step) {
    V top[count];
    T<V> sum[count];
    largest(n, step, x, top);
    reduce_rows<Sum, V>(
        n,
        [&](auto at, int row) TW_INLINE_LAMBDA {
          const V e = exp(sub(at(x + row * step), top[row]));
          if constexpr (!logarithms) at.store(y + row * step, e);
          return e;
        },
        [&](int64_t i) TW_INLINE_LAMBDA {
          if constexpr (count > 1)
            unroll<count>([&](int row) TW_INLINE_LAMBDA { fetch<V>(x + (count + row) * step + i); });
          before.finish_sixteen(i);
        },
        sum);
    before.finish_rest(n);
    before.x = x, before.y = y;
    unroll<count>([&](int row) TW_INLINE_LAMBDA { before.top[row] = top[row]; });
    before.take_sums(sum);
  }
  before.finish_all(n);
}

template <class V, bool logarithms>
void softmax(int64_t rows, int64_t n, int64_t step, const T<V>* x, T<V>* y) {
  int64_t done = 0;
  if constexpr (kTogether<V> > 1)
    if (n <= kTreeBlock) {
      done = rows - rows % kTogether<V>;
      softmax_rows<V, kTogether<V>, logarithms>(done, n, step, x, y);
    }
  softmax_rows<V, 1, logarithms>(rows - done, n, step, x + done * step, y + done * step);
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
    softmax<F32, false>,  softmax<F32, true>,       softmax_backward<F32>,         log_softmax_backward<F32>,
    softmax_columns<F32>, log_softmax_columns<F32>, softmax_columns_backward<F32>, log_softmax_columns_backward<F32>};
const cpu::SoftmaxKernels<double> kSoftmaxF64 = {softmax<F64, false>,
                                                 softmax<F64, true>,
                                                 softmax_backward<F64>,
                                                 log_softmax_backward<F64>,
                                                 nullptr,
                                                 nullptr,
                                                 nullptr,
                                                 nullptr};

}  // namespace TW_ISA_NS
}  // namespace tw
