// Gradients of Fourier transforms between real and complex tensors.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/fft.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/padding.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include "linalg_formulas.h"

namespace tw::autograd {

namespace {

int64_t last_of(IntList dim, int ndim) {
  const int64_t last = dim[dim.size() - 1];
  return checked::within(last < 0 ? last + ndim : last, 0, ndim - 1);
}

}  // namespace

// The real part of the transform back, of a spectrum whose other half did not count.
Tensor fft_r2c_backward(TensorRef grad, IntList shape, IntList dim, int64_t normalization, bool onesided) {
  Tensor whole = Tensor::retain(grad);
  if (onesided) {
    const int64_t last = last_of(dim, grad.ndim());
    std::vector<int64_t> pad(static_cast<size_t>(2 * (grad.ndim() - last)), 0);
    pad.back() = checked::sub(shape[static_cast<size_t>(last)], grad.size(static_cast<int>(last)));
    whole = ops::constant_pad_nd(grad, pad);
  }
  return ops::real(ops::fft_c2c(whole, dim, normalization, false));
}

// Elements of the half spectrum that stand for two count twice.
Tensor fft_c2r_backward(TensorRef grad, IntList dim, int64_t normalization) {
  const Tensor half = ops::fft_r2c(grad, dim, normalization, true);
  const int64_t last = last_of(dim, grad.ndim());
  const int64_t n = grad.size(static_cast<int>(last)), size = half.size(static_cast<int>(last));
  Tensor weights = ops::ones(IntList({size}), grad.dtype(), grad.device());
  const Tensor places = ops::arange(1, n - size + 1, 1, kInt64, grad.device());
  weights = ops::index_fill(weights, 0, places, 2);
  std::vector<int64_t> shape(static_cast<size_t>(grad.ndim()), 1);
  shape[static_cast<size_t>(last)] = size;
  return ops::mul(half, ops::reshape(weights, shape));
}

}  // namespace tw::autograd
