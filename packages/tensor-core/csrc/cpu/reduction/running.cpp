// Running extremes with their places, and running sums of exponentials.
#include <algorithm>
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/scan.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 64;  // neighbouring lines that advance together

// f(offset of the first element, neighbouring lines) for all lines along a dimension.
template <class F>
void for_each_strip(const DimSplit& s, F&& f) {
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  parallel_for(0, s.outer * strips, grain_for(s.size * std::min(s.inner, kStrip)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kStrip;
      f(i / strips * s.size * s.inner + first, std::min(kStrip, s.inner - first));
    }
  });
}

// Whether x takes the place of the best so far.
template <class T, class Better>
bool takes_over(T x, T best, Better better) {
  return x != x ? best == best : better(x, best);
}

template <class T, class Better>
void running_extremes_of_rows(const DimSplit& s, const T* in, T* values, int64_t* places, Better better) {
  parallel_for(0, s.outer, grain_for(s.size), [&](int64_t begin, int64_t end) {
    for (int64_t base = begin * s.size; base < end * s.size; base += s.size) {
      T best = in[base];
      int64_t place = 0;
      threads::for_pieces(0, s.size, [&](int64_t first, int64_t last) {
        for (int64_t k = first; k < last; ++k) {
          if (takes_over(in[base + k], best, better)) best = in[base + k], place = k;
          values[base + k] = best, places[base + k] = place;
        }
      });
    }
  });
}

template <class T, class Better>
void running_extremes(const DimSplit& s, const T* in, T* values, int64_t* places, Better better) {
  if (s.inner == 1) return running_extremes_of_rows(s, in, values, places, better);
  for_each_strip(s, [&](int64_t base, int64_t width) {
    T best[kStrip];
    int64_t place[kStrip];
    threads::Paces paces;
    std::copy_n(in + base, width, best);
    std::fill_n(place, width, int64_t{0});
    for (int64_t k = 0; k < s.size; ++k) {
      paces.took(width);
      const int64_t at = base + k * s.inner;
      for (int64_t c = 0; c < width; ++c) {
        const T x = in[at + c];
        if (takes_over(x, best[c], better)) best[c] = x, place[c] = k;
        values[at + c] = best[c], places[at + c] = place[c];
      }
    }
  });
}

template <class Better>
void find_running(const char* op, TensorRef self, int64_t dim, TensorRef values, TensorRef indices, Better better) {
  if (values.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(values, dtype);
  visit_ordered(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    running_extremes(DimSplit(self.shape(), dim), input.data<T>(), result.data<T>(), indices.data<int64_t>(), better);
  });
  result.commit();
}

// log(e^a + e^b) through the larger real part, so that nothing overflows.
template <class T>
T log_add(T a, T b) {
  const T low = std::min(a, b), high = std::max(a, b);
  if (a != a || b != b) return a + b;
  if (low == high && std::isinf(high)) return high;
  return high + std::log1p(std::exp(low - high));
}
template <class T>
std::complex<T> log_add(std::complex<T> a, std::complex<T> b) {
  if (a.real() < b.real()) std::swap(a, b);
  if (std::isinf(b.real()) && b.real() < 0) return a;
  return a + std::log(T(1) + std::exp(b - a));
}

template <class F>
void visit_exponential(tw_dtype dtype, F&& f) {
  if (dtype == kComplex64) return f(Type<std::complex<float>>());
  if (dtype == kComplex128) return f(Type<std::complex<double>>());
  visit_floating("logcumsumexp", dtype, std::forward<F>(f));
}

// e^(a - b), 0 for a = -inf also where b is.
template <class T>
T exp_difference(T a, T b) {
  return std::isinf(std::real(a)) && std::real(a) < 0 ? T(0) : std::exp(a - b);
}

template <class T>
T conjugate(T x) {
  return x;
}
template <class T>
std::complex<T> conjugate(std::complex<T> x) {
  return std::conj(x);
}

// The sums of the gradient over lines of stride `step`: in each factor the larger exponent is subtracted, so that
// nothing overflows.
template <class T>
void sums_backward(int64_t size, int64_t step, const T* grad, const T* x, const T* y, T* to) {
  T sum = T(0);
  threads::Paces paces;
  for (int64_t k = size; k-- > 0;) {
    paces.took(1);
    const int64_t at = k * step;
    sum = grad[at] + (k + 1 < size ? conjugate(exp_difference(y[at], y[at + step])) * sum : T(0));
    to[at] = conjugate(exp_difference(x[at], y[at])) * sum;
  }
}
template <class T>
void sums_forward(int64_t size, int64_t step, const T* grad, const T* x, const T* y, T* to) {
  T sum = T(0);
  threads::Paces paces;
  for (int64_t k = 0; k < size; ++k) {
    paces.took(1);
    const int64_t at = k * step;
    sum = grad[at] * exp_difference(x[at], y[at]) + (k > 0 ? exp_difference(y[at - step], y[at]) * sum : T(0));
    to[at] = sum;
  }
}

}  // namespace

void cummax(TensorRef self, int64_t dim, TensorRef values, TensorRef indices) {
  find_running("cummax", self, dim, values, indices, [](auto a, auto b) { return a >= b; });
}

void cummin(TensorRef self, int64_t dim, TensorRef values, TensorRef indices) {
  find_running("cummin", self, dim, values, indices, [](auto a, auto b) { return a <= b; });
}

void logcumsumexp(TensorRef self, int64_t dim, TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_exponential(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const DimSplit s(self.shape(), dim);
    const T* in = input.data<T>();
    T* to = result.data<T>();
    for_each_strip(s, [&](int64_t base, int64_t width) {
      threads::Paces paces;
      std::copy_n(in + base, width, to + base);
      for (int64_t at = base + s.inner; at < base + s.size * s.inner; at += s.inner) {
        for (int64_t c = 0; c < width; ++c) to[at + c] = log_add(to[at + c - s.inner], in[at + c]);
        paces.took(width);
      }
    });
  });
  result.commit();
}

void logcumsumexp_backward(TensorRef grad, TensorRef self, TensorRef output, int64_t dim, bool transposed,
                           TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor gradient = dense(grad, dtype), input = dense(self, dtype), forward = dense(output, dtype);
  StagedResult result(out, dtype);
  visit_exponential(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const DimSplit s(self.shape(), dim);
    const auto sums = transposed ? sums_forward<T> : sums_backward<T>;
    for_each_strip(s, [&](int64_t base, int64_t width) {
      for (int64_t at = base; at < base + width; ++at)
        sums(s.size, s.inner, gradient.data<T>() + at, input.data<T>() + at, forward.data<T>() + at,
             result.data<T>() + at);
    });
  });
  result.commit();
}

}  // namespace tw::cpu
