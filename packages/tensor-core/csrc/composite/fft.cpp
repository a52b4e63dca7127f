// Fourier transforms in all their spellings over three primitives, and short-time transforms.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/fft.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/padding.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <numeric>

#include "declarations/fft.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {
namespace {

using Norm = std::optional<std::string_view>;
using Sizes = std::vector<int64_t>;

// The primitives' numbers: 0 as it is, 1 divided by the root of the length, 2 by the length.
int64_t normalization(Norm norm, bool forward) {
  if (norm && *norm == "ortho") return 1;
  const bool divides = norm && *norm == "forward" ? forward : !forward;
  return divides ? 2 : 0;
}

Tensor promoted(TensorRef t, bool to_complex) {
  if (t.dtype().bits == 16 && is_floating(t.dtype()))
    throw fail(TW_E_TYPE, "fft: ", t.dtype(), " has too little precision; convert the tensor to float32");
  if (is_complex(t.dtype())) return Tensor::retain(t);
  const tw_dtype real = is_floating(t.dtype()) ? t.dtype() : default_dtype();
  if (!to_complex) return t.dtype() == real ? Tensor::retain(t) : ops::to_dtype(t, real);
  return ops::to_dtype(t, real == kFloat64 ? kComplex128 : kComplex64);
}

int64_t from_start(int64_t dim, TensorRef t) { return dim < 0 ? dim + t.ndim() : dim; }
int64_t size_at(TensorRef t, int64_t dim) { return t.size(static_cast<int>(from_start(dim, t))); }

// Cut, or filled up with zeros.
Tensor resized(TensorRef t, int64_t dim, int64_t size) {
  const int64_t d = from_start(dim, t), have = size_at(t, d);
  if (size < 1) throw fail(TW_E_VALUE, "fft: there must be at least one data point, got ", size);
  if (have == size) return Tensor::retain(t);
  if (have > size) return ops::narrow(t, d, 0, size);
  Sizes pad(static_cast<size_t>(2 * (t.ndim() - d)), 0);
  pad.back() = size - have;
  return ops::constant_pad_nd(t, pad);
}

Tensor complex_transform(TensorRef self, int64_t n, int64_t dim, Norm norm, bool forward) {
  const bool real = forward && !is_complex(self.dtype());  // half the work is enough
  const Tensor x = resized(promoted(self, !real), dim, n);
  if (real) return ops::fft_r2c(x, IntList({dim}), normalization(norm, true), false);
  return ops::fft_c2c(x, IntList({dim}), normalization(norm, forward), forward);
}

int64_t doubled(int64_t half) { return 2 * (half - 1); }

}  // namespace

// ---- one dimension --------------------------------------------------------------------------------------------------

Tensor fft_fft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  return complex_transform(self, n.value_or(size_at(self, dim)), dim, norm, true);
}
Tensor fft_ifft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  return complex_transform(self, n.value_or(size_at(self, dim)), dim, norm, false);
}
Tensor fft_rfft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  const Tensor x = resized(promoted(self, false), dim, n.value_or(size_at(self, dim)));
  return ops::fft_r2c(x, IntList({dim}), normalization(norm, true), true);
}
Tensor fft_ihfft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  const Tensor x = resized(promoted(self, false), dim, n.value_or(size_at(self, dim)));
  return ops::conj(ops::fft_r2c(x, IntList({dim}), normalization(norm, false), true));
}

namespace {

Tensor to_real(TensorRef spectrum, std::optional<int64_t> n, int64_t dim, int64_t normalization) {
  const int64_t size = n.value_or(doubled(size_at(spectrum, dim)));
  if (size < 1) throw fail(TW_E_VALUE, "fft: there must be at least one data point, got ", size);
  return ops::fft_c2r(resized(spectrum, dim, size / 2 + 1), IntList({dim}), normalization, size);
}

}  // namespace

Tensor fft_irfft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  return to_real(promoted(self, true), n, dim, normalization(norm, false));
}
Tensor fft_hfft(TensorRef self, std::optional<int64_t> n, int64_t dim, Norm norm) {
  return to_real(ops::conj(promoted(self, true)), n, dim, normalization(norm, true));
}

// ---- several dimensions ---------------------------------------------------------------------------------------------

namespace {

struct Axes {
  Sizes dims, sizes;  // from the start; sizes of the signal, -1 where none is given and none follows
};

Axes axes_of(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim) {
  Axes axes;
  if (dim) {
    for (const int64_t d : *dim) {
      if (d < -self.ndim() || d >= self.ndim())
        throw fail(TW_E_INDEX, "fft: dim ", d, " is out of range for a tensor of ", self.ndim(), " dimensions");
      axes.dims.push_back(from_start(d, self));
    }
  } else {
    const auto count = static_cast<int64_t>(s ? s->size() : static_cast<size_t>(self.ndim()));
    for (int64_t d = self.ndim() - count; d < self.ndim(); ++d) axes.dims.push_back(d);
  }
  Sizes sorted = axes.dims;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw fail(TW_E_VALUE, "fft: dim names a dimension twice: ", IntList(axes.dims));
  for (size_t i = 0; i < axes.dims.size(); ++i) axes.sizes.push_back(s ? (*s)[i] : -1);
  return axes;
}

Axes needed(Axes axes, const char* op) {
  if (axes.dims.empty()) throw fail(TW_E_VALUE, op, ": at least one dimension must be transformed");
  return axes;
}

Tensor resized_all(Tensor t, const Axes& axes, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (axes.sizes[i] != -1 || size_at(t, axes.dims[i]) < 1) {
      const int64_t size = axes.sizes[i] == -1 ? size_at(t, axes.dims[i]) : axes.sizes[i];
      t = resized(t, axes.dims[i], size);
    }
  return t;
}

IntList all_but_last(const Sizes& dims) { return {dims.data(), dims.size() - 1}; }

Tensor complex_over(TensorRef self, const Axes& axes, Norm norm, bool forward) {
  const Tensor x = resized_all(promoted(self, true), axes, axes.dims.size());
  return axes.dims.empty() ? x : ops::fft_c2c(x, axes.dims, normalization(norm, forward), forward);
}

// The size of the real signal in the last dimension.
int64_t signal_size(TensorRef spectrum, const Axes& axes) {
  const int64_t n = axes.sizes.back() == -1 ? doubled(size_at(spectrum, axes.dims.back())) : axes.sizes.back();
  if (n < 1) throw fail(TW_E_VALUE, "fft: there must be at least one data point, got ", n);
  return n;
}

Tensor real_over(TensorRef self, const Axes& axes, Norm norm) {
  const Tensor x = resized_all(promoted(self, false), axes, axes.dims.size());
  return ops::fft_r2c(x, axes.dims, normalization(norm, true), true);
}

Tensor inverse_real_over(TensorRef self, const Axes& axes, Norm norm) {
  const Tensor x = promoted(self, true);
  const int64_t n = signal_size(x, axes);
  const Tensor y = resized(resized_all(x, axes, axes.dims.size() - 1), axes.dims.back(), n / 2 + 1);
  return ops::fft_c2r(y, axes.dims, normalization(norm, false), n);
}

Tensor hermitian_over(TensorRef self, const Axes& axes, Norm norm) {
  const Tensor x = promoted(self, true);
  const int64_t n = signal_size(x, axes), mode = normalization(norm, true);
  Tensor y = resized(resized_all(x, axes, axes.dims.size() - 1), axes.dims.back(), n / 2 + 1);
  if (axes.dims.size() > 1) y = ops::fft_c2c(y, all_but_last(axes.dims), mode, true);
  return ops::fft_c2r(ops::conj(y), IntList({axes.dims.back()}), mode, n);
}

Tensor inverse_hermitian_over(TensorRef self, const Axes& axes, Norm norm) {
  const Tensor x = resized_all(promoted(self, false), axes, axes.dims.size());
  const int64_t mode = normalization(norm, false);
  const Tensor half = ops::conj(ops::fft_r2c(x, IntList({axes.dims.back()}), mode, true));
  return axes.dims.size() > 1 ? ops::fft_c2c(half, all_but_last(axes.dims), mode, false) : half;
}

}  // namespace

Tensor fft_fftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return complex_over(self, axes_of(self, s, dim), norm, true);
}
Tensor fft_ifftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return complex_over(self, axes_of(self, s, dim), norm, false);
}
Tensor fft_rfftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return real_over(self, needed(axes_of(self, s, dim), "fft.rfftn"), norm);
}
Tensor fft_irfftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return inverse_real_over(self, needed(axes_of(self, s, dim), "fft.irfftn"), norm);
}
Tensor fft_hfftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return hermitian_over(self, needed(axes_of(self, s, dim), "fft.hfftn"), norm);
}
Tensor fft_ihfftn(TensorRef self, std::optional<IntList> s, std::optional<IntList> dim, Norm norm) {
  return inverse_hermitian_over(self, needed(axes_of(self, s, dim), "fft.ihfftn"), norm);
}

Tensor fft_fft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_fftn(self, s, dim, norm);
}
Tensor fft_ifft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_ifftn(self, s, dim, norm);
}
Tensor fft_rfft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_rfftn(self, s, dim, norm);
}
Tensor fft_irfft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_irfftn(self, s, dim, norm);
}
Tensor fft_hfft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_hfftn(self, s, dim, norm);
}
Tensor fft_ihfft2(TensorRef self, std::optional<IntList> s, IntList dim, Norm norm) {
  return ops::fft_ihfftn(self, s, dim, norm);
}

// ---- frequencies ----------------------------------------------------------------------------------------------------

namespace {

Tensor times_frequency(TensorRef counts, int64_t n, double d) {
  return ops::mul(counts, 1.0 / (static_cast<double>(n) * d));
}

}  // namespace

Tensor fft_fftfreq(int64_t n, double d, std::optional<tw_dtype> dtype, std::optional<tw_device> device) {
  const tw_dtype type = dtype.value_or(default_dtype());
  const Tensor counts = ops::arange(0, n, 1, type, device);
  const Tensor wrapped = ops::where(ops::ge(counts, n / 2 + n % 2), ops::sub(counts, n), Operand(counts));
  return times_frequency(wrapped, n, d);
}

Tensor fft_rfftfreq(int64_t n, double d, std::optional<tw_dtype> dtype, std::optional<tw_device> device) {
  return times_frequency(ops::arange(0, n / 2 + 1, 1, dtype.value_or(default_dtype()), device), n, d);
}

namespace {

// Rolls each dimension by (size + extra) / 2.
Tensor shifted(TensorRef self, std::optional<IntList> dim, int64_t extra) {
  Sizes dims = dim ? dim->vec() : Sizes(static_cast<size_t>(self.ndim())), shifts;
  if (!dim) std::iota(dims.begin(), dims.end(), int64_t{0});
  if (dims.empty()) return ops::clone(self);
  for (const int64_t d : dims) {
    if (d < -self.ndim() || d >= self.ndim())
      throw fail(TW_E_INDEX, "fft: dim ", d, " is out of range for a tensor of ", self.ndim(), " dimensions");
    shifts.push_back((size_at(self, d) + extra) / 2);
  }
  return ops::roll(self, shifts, dims);
}

}  // namespace

Tensor fft_fftshift(TensorRef self, std::optional<IntList> dim) { return shifted(self, dim, 0); }
Tensor fft_ifftshift(TensorRef self, std::optional<IntList> dim) { return shifted(self, dim, 1); }

// ---- short-time transforms ------------------------------------------------------------------------------------------

namespace {

// A window of n_fft elements: the given one, or ones, with zeros on both sides.
Tensor full_window(TensorRef window, int64_t n_fft, int64_t length, tw_dtype dtype, tw_device device) {
  Tensor inner = window ? Tensor::retain(window) : ops::ones(IntList({length}), dtype, device);
  if (length == n_fft) return inner;
  const int64_t left = (n_fft - length) / 2;
  return ops::constant_pad_nd(inner, IntList({left, checked::sub(n_fft - length, left)}));
}

}  // namespace

Tensor stft(TensorRef self, int64_t n_fft, std::optional<int64_t> hop_length, std::optional<int64_t> win_length,
            TensorRef window, bool center, std::string_view pad_mode, bool normalized, std::optional<bool> onesided,
            std::optional<bool> return_complex, std::optional<bool> align_to_window) {
  const bool complex_input = is_complex(self.dtype()) || (window && is_complex(window.dtype()));
  if (!return_complex && !complex_input)
    throw fail(TW_E_VALUE, "stft: for real signals return_complex must be given; return_complex=True is the usual one");
  const int64_t hop = hop_length.value_or(n_fft / 4), length = win_length.value_or(n_fft);
  if (hop < 1) throw fail(TW_E_VALUE, "stft: hop_length must be at least 1, got ", hop);
  Tensor signal = self.ndim() == 1 ? ops::unsqueeze(self, 0) : Tensor::retain(self);
  if (center) {
    const int64_t both[] = {n_fft / 2, n_fft / 2};
    const Tensor planes = ops::unsqueeze(signal, 0);
    signal = ops::squeeze(ops::pad(planes, IntList(both, 2), pad_mode), IntList({0}));
  }
  const Tensor weights = full_window(window, n_fft, length, self.dtype(), self.device());
  int64_t offset = 0, span = n_fft;  // with align_to_window, windows start at the first element of the inner window
  if (align_to_window.value_or(false)) offset = (n_fft - length) / 2, span = length;
  if (signal.size(-1) < span)
    throw fail(TW_E_SHAPE, "stft: n_fft is ", n_fft, ", but the signal has ", signal.size(-1), " elements",
               center ? " with its padding" : "");
  if (offset > 0) signal = ops::constant_pad_nd(signal, IntList({offset, checked::sub(n_fft - length, offset)}));
  const Tensor frames = ops::mul(ops::unfold(signal, -1, n_fft, hop), weights);
  const int64_t mode = normalized ? 1 : 0;
  const bool half = onesided.value_or(!complex_input);
  if (half && complex_input)
    throw fail(TW_E_VALUE, "stft: a complex signal or window has no one-sided transform; use onesided=False");
  Tensor result =
      complex_input ? ops::fft_c2c(frames, IntList({-1}), mode, true) : ops::fft_r2c(frames, IntList({-1}), mode, half);
  result = ops::transpose(result, 1, 2);
  if (self.ndim() == 1) result = ops::squeeze(result, IntList({0}));
  return return_complex.value_or(true) ? result : ops::view_as_real(result);
}

namespace {

// Adds frames [batch, count, n] up at their places, `hop` apart.
Tensor overlap_add(TensorRef frames, int64_t hop) {
  const int64_t batch = frames.size(0), count = frames.size(1), n = frames.size(2);
  const Tensor starts = ops::mul(ops::arange(0, count, 1, kInt64, frames.device()), hop);
  const Tensor places = ops::add(ops::unsqueeze(starts, 1), ops::arange(0, n, 1, kInt64, frames.device()));
  const Tensor zero =
      ops::zeros(IntList({batch, checked::add(checked::mul(count - 1, hop), n)}), frames.dtype(), frames.device());
  return ops::index_add(zero, 1, ops::reshape(places, {count * n}), ops::reshape(frames, {batch, count * n}));
}

// Windows must leave no gap between `start` and `end`.
void check_envelope(TensorRef envelope) {
  if (envelope.device().type != TW_DEVICE_CPU || envelope.numel() == 0) return;
  const Tensor gap = ops::any(ops::lt(ops::abs(envelope), 1e-11));
  if (*gap.data<bool>())
    throw fail(TW_E_UNKNOWN,
               "istft: the windows do not overlap everywhere: the sum of their squares has zeros; use a "
               "smaller hop_length or another window");
}

}  // namespace

Tensor istft(TensorRef self, int64_t n_fft, std::optional<int64_t> hop_length, std::optional<int64_t> win_length,
             TensorRef window, bool center, bool normalized, std::optional<bool> onesided,
             std::optional<int64_t> length, bool return_complex) {
  const Tensor batch = self.ndim() == 2 ? ops::unsqueeze(self, 0) : Tensor::retain(self);
  const int64_t hop = hop_length.value_or(n_fft / 4), inner = win_length.value_or(n_fft);
  const bool half = onesided.value_or(batch.size(1) != n_fft);
  const int64_t expected = half ? n_fft / 2 + 1 : n_fft;
  if (hop < 1 || hop > inner)
    throw fail(TW_E_VALUE, "istft: hop_length must be between 1 and win_length, got ", hop, " and ", inner);
  if (batch.size(1) != expected)
    throw fail(TW_E_SHAPE, "istft: expected ", expected, " frequencies for n_fft ", n_fft, ", got ", batch.size(1));
  if (half && return_complex)
    throw fail(TW_E_VALUE, "istft: a one-sided spectrum gives a real signal; return_complex needs onesided=False");
  const tw_dtype real = batch.dtype() == kComplex128 ? kFloat64 : kFloat32;
  const Tensor weights = full_window(window, n_fft, inner, real, self.device());
  const Tensor spectrum = ops::transpose(batch, 1, 2);
  const int64_t mode = normalized ? 1 : 2;
  Tensor frames =
      half ? ops::fft_c2r(spectrum, IntList({-1}), mode, n_fft) : ops::fft_c2c(spectrum, IntList({-1}), mode, false);
  if (!half && !return_complex) frames = ops::real(frames);
  const Tensor sum = overlap_add(ops::mul(frames, ops::conj(weights)), hop);
  const Tensor squares = ops::mul(weights, ops::conj(weights));
  const Tensor envelope = overlap_add(ops::expand(squares, IntList({1, batch.size(2), n_fft})), hop);
  const int64_t start = center ? n_fft / 2 : 0, whole = sum.size(1);
  const int64_t end = std::min(whole, length   ? checked::add(start, *length)
                                      : center ? checked::sub(whole, n_fft / 2)
                                               : whole);
  const int64_t count = std::max<int64_t>(checked::sub(end, start), 0);
  const Tensor divisor = ops::narrow(envelope, 1, std::min(start, whole), count);
  check_envelope(divisor);
  Tensor signal = ops::div(ops::narrow(sum, 1, std::min(start, whole), count), divisor);
  if (length && *length > count) signal = ops::constant_pad_nd(signal, IntList({0, checked::sub(*length, count)}));
  return self.ndim() == 2 ? ops::squeeze(signal, IntList({0})) : signal;
}

}  // namespace tw::composite
