// Transforms over dimensions of a tensor: complex ones dimension by dimension; of real lines of even length, one of
// half the length, over pairs of elements as complex numbers.
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/fft/lines.h"
#include "cpu/staging.h"
#include "declarations/fft.h"

namespace tw::cpu {
namespace {

enum Normalization { kNone = 0, kByRoot = 1, kByLength = 2 };

int64_t from_start(int64_t dim, TensorRef t) { return dim < 0 ? dim + t.ndim() : dim; }

double scale_for(TensorRef signal, IntList dims, int64_t normalization) {
  double n = 1;
  for (const int64_t d : dims) n *= static_cast<double>(signal.size(static_cast<int>(from_start(d, signal))));
  return normalization == kNone ? 1.0 : normalization == kByRoot ? 1 / std::sqrt(n) : 1 / n;
}

template <class F>
void visit_precision(const char* op, tw_dtype dtype, F&& f) {
  if (dtype == kComplex64 || dtype == kFloat32) return f(Type<float>());
  if (dtype == kComplex128 || dtype == kFloat64) return f(Type<double>());
  unsupported_dtype(op, dtype);
}

// Along one dimension of contiguous tensors of one shape.
template <class T>
void along(TensorRef in, TensorRef out, int64_t dim, bool inverse, double scale) {
  const DimSplit s(out.shape(), dim);
  const auto plan = plan_for_lines<T>(s.size, s.outer * s.inner);
  transform_lines<T>(*plan, {s.outer, s.inner, s.size * s.inner, 1, s.inner}, in.data<std::complex<T>>(),
                     out.data<std::complex<T>>(), inverse, static_cast<T>(scale));
}

template <class T>
void along_all(TensorRef in, TensorRef out, IntList dims, bool inverse, double scale) {
  if (dims.empty()) return copy_elements(out, in);
  for (size_t i = dims.size(); i-- > 0;) {  // the last dimension first: its lines are contiguous
    along<T>(i + 1 == dims.size() ? in : out, out, dims[i], inverse, i == 0 ? scale : 1.0);
  }
}

// The tensor with dimension `dim` last.
Tensor with_last(TensorRef t, int64_t dim) {
  std::vector<int64_t> shape, strides;
  for (int d = 0; d < t.ndim(); ++d)
    if (d != dim) shape.push_back(t.size(d)), strides.push_back(t.stride(d));
  shape.push_back(t.size(static_cast<int>(dim))), strides.push_back(t.stride(static_cast<int>(dim)));
  return as_strided(t, shape, strides, 0);
}

template <class T>
std::complex<T> times(std::complex<T> a, std::complex<T> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
template <class T>
std::complex<T> times_i(std::complex<T> z) {
  return {-z.imag(), z.real()};
}

// ---- real lines -----------------------------------------------------------------------------------------------------

// From z, the transform of x[2j] + i x[2j+1], h = n / 2 elements: X[k] = E + w^k O with E = (z[k] + conj z[h-k]) / 2
// and O = (z[k] - conj z[h-k]) / 2i; then X[h-k] is the conjugate of E - w^k O.
template <class T>
void combine_halves(const std::complex<T>* z, int64_t h, const std::complex<T>* roots, std::complex<T>* out) {
  const T re = z[0].real(), im = z[0].imag();
  out[0] = re + im, out[h] = re - im;
  for (int64_t k = 1; k <= h - k; ++k) {
    const std::complex<T> a = z[k], b = std::conj(z[h - k]);
    const std::complex<T> even = (a + b) * T(0.5), odd = times(roots[k], times_i(a - b) * T(-0.5));
    out[k] = even + odd;
    out[h - k] = std::conj(even - odd);
  }
}

// The other way: z[k] = E + i O with E = X[k] + conj X[h-k], O = conj w^k (X[k] - conj X[h-k]); z[h-k] has the
// conjugates of both. The imaginary parts of X[0] and X[h] do not count.
template <class T>
void split_halves(const std::complex<T>* x, int64_t h, const std::complex<T>* roots, std::complex<T>* z) {
  z[0] = {x[0].real() + x[h].real(), x[0].real() - x[h].real()};
  for (int64_t k = 1; k <= h - k; ++k) {
    const std::complex<T> a = x[k], b = std::conj(x[h - k]);
    const std::complex<T> even = a + b, odd = times(std::conj(roots[k]), a - b);
    z[k] = even + times_i(odd);
    z[h - k] = std::conj(even) + times_i(std::conj(odd));
  }
}

template <class T>
void transform_rows(std::complex<T>* rows, int64_t count, int64_t n, bool inverse, double scale) {
  transform_lines<T>(*plan_for_lines<T>(n, count), {count, 1, n, 0, 1}, rows, rows, inverse, static_cast<T>(scale));
}

// Rows of n real numbers to rows of n / 2 + 1 complex ones.
template <class T>
void real_rows(TensorRef in, int64_t count, int64_t n, double scale, std::complex<T>* out) {
  using C = std::complex<T>;
  const T* x = in.data<T>();
  if (n % 2 == 0)
    if (const auto plan = plan_for_lines<T>(n / 2, count); plan->is_direct())
      return transform_real_lines(*plan, count, x, reinterpret_cast<T*>(out), false, static_cast<T>(scale));
  const int64_t half = n / 2 + 1, length = n % 2 == 0 ? n / 2 : n;
  const Tensor room = empty({count, length}, sizeof(T) == 4 ? kComplex64 : kComplex128);
  C* z = room.data<C>();
  const bool even = n % 2 == 0;
  if (even)
    std::copy(x, x + count * n, reinterpret_cast<T*>(z));
  else
    for (int64_t i = 0; i < count * n; ++i) z[i] = C(x[i]);
  transform_rows(z, count, length, false, scale);
  const auto roots = even ? half_roots<T>(n) : nullptr;
  parallel_for(0, count, grain_for(4 * n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (even)
        combine_halves(z + i * length, length, roots->data(), out + i * half);
      else
        std::copy(z + i * n, z + i * n + half, out + i * half);
    }
  });
}

// Rows of n / 2 + 1 complex numbers to rows of n real ones.
template <class T>
void hermitian_rows(const std::complex<T>* in, int64_t count, int64_t n, double scale, T* out) {
  using C = std::complex<T>;
  if (n % 2 == 0)
    if (const auto plan = plan_for_lines<T>(n / 2, count); plan->is_direct())
      return transform_real_lines(*plan, count, reinterpret_cast<const T*>(in), out, true, static_cast<T>(scale));
  const int64_t half = n / 2 + 1, length = n % 2 == 0 ? n / 2 : n;
  const Tensor room = empty({count, length}, sizeof(T) == 4 ? kComplex64 : kComplex128);
  C* z = room.data<C>();
  const bool even = n % 2 == 0;
  const auto roots = even ? half_roots<T>(n) : nullptr;
  parallel_for(0, count, grain_for(4 * n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const C* row = in + i * half;
      if (even) {
        split_halves(row, length, roots->data(), z + i * length);
        continue;
      }
      z[i * n] = C(row[0].real());
      for (int64_t k = 1; k < half; ++k) z[i * n + k] = row[k], z[i * n + n - k] = std::conj(row[k]);
    }
  });
  transform_rows(z, count, length, true, scale);
  if (even)
    std::copy(reinterpret_cast<T*>(z), reinterpret_cast<T*>(z) + count * n, out);
  else
    for (int64_t i = 0; i < count * n; ++i) out[i] = z[i].real();
}

// The second half of each row of n from the first: X[n-k] = conj X[k].
template <class T>
void mirror_rows(const std::complex<T>* half, int64_t count, int64_t n, std::complex<T>* out) {
  const int64_t have = n / 2 + 1;
  for (int64_t i = 0; i < count; ++i) {
    std::copy(half + i * have, half + (i + 1) * have, out + i * n);
    for (int64_t k = have; k < n; ++k) out[i * n + k] = std::conj(half[i * have + n - k]);
  }
}

std::vector<int64_t> moved_shape(TensorRef t, int64_t dim, int64_t last) {
  std::vector<int64_t> shape = with_last(t, dim).shape().vec();
  shape.back() = last;
  return shape;
}

// Where a result is computed whose transformed dimension `dim` is its last and has `size` elements: `out` itself if it
// is so, else room, which `put_back` moves there.
Tensor room_for(TensorRef out, int64_t dim, int64_t size) {
  const bool fits = dim == out.ndim() - 1 && size == out.size(-1) && out.is_contiguous();
  return fits ? Tensor::retain(out) : empty(moved_shape(out, dim, size), out.dtype());
}
void put_back(TensorRef room, int64_t dim, TensorRef out) {
  if (room.get() != out.get()) copy_elements(with_last(out, dim), room);
}

}  // namespace

void fft_c2c(TensorRef self, IntList dim, int64_t normalization, bool forward, TensorRef out) {
  if (out.numel() == 0) return;
  const Tensor input = dense(self);
  visit_precision("fft", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    along_all<T>(input, out, dim, !forward, scale_for(self, dim, normalization));
  });
}

void fft_r2c(TensorRef self, IntList dim, int64_t normalization, bool onesided, TensorRef out) {
  if (out.numel() == 0) return;
  const double scale = scale_for(self, dim, normalization);
  if (!onesided && dim.size() > 1) {
    copy_elements(out, self);
    return visit_precision("fft", out.dtype(),
                           [&](auto type) { along_all<typename decltype(type)::type>(out, out, dim, false, scale); });
  }
  const int64_t last = from_start(dim[dim.size() - 1], self), n = self.size(static_cast<int>(last));
  const Tensor input = dense(with_last(self, last));
  const Tensor half = room_for(out, last, n / 2 + 1);
  visit_precision("fft", out.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t count = input.numel() / n;
    real_rows<T>(input, count, n, scale, half.data<std::complex<T>>());
    if (!onesided) {
      const Tensor whole = room_for(out, last, n);
      mirror_rows(half.data<std::complex<T>>(), count, n, whole.data<std::complex<T>>());
      return put_back(whole, last, out);
    }
    put_back(half, last, out);
    const IntList others(dim.data(), dim.size() - 1);
    if (!others.empty()) along_all<T>(out, out, others, false, 1.0);
  });
}

void fft_c2r(TensorRef self, IntList dim, int64_t normalization, int64_t last_dim_size, TensorRef out) {
  if (out.numel() == 0) return;
  const int64_t last = from_start(dim[dim.size() - 1], self);
  const double scale = scale_for(out, dim, normalization);
  visit_precision("fft", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    Tensor spectrum = dense(self);
    const IntList others(dim.data(), dim.size() - 1);
    if (!others.empty()) {
      const Tensor result = empty(self.shape(), self.dtype());
      along_all<T>(spectrum, result, others, true, 1.0);
      spectrum = result;
    }
    const Tensor rows = dense(with_last(spectrum, last));
    const Tensor real = room_for(out, last, last_dim_size);
    hermitian_rows<T>(rows.data<std::complex<T>>(), real.numel() / last_dim_size, last_dim_size, scale, real.data<T>());
    put_back(real, last, out);
  });
}

}  // namespace tw::cpu
