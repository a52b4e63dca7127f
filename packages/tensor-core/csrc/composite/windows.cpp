// Window functions, computed in double precision.
#include <tensorwright/ops/copy.hpp>

#include <cmath>

#include "declarations/windows.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

using Dtype = std::optional<tw_dtype>;
using Device = std::optional<tw_device>;

constexpr double kPi = 3.14159265358979323846;

// f(x) at x = n / N, N being the number of steps from the first point of the window to its end.
template <class F>
Tensor window(int64_t length, bool periodic, Dtype dtype, Device device, F&& f) {
  Tensor values = empty({length}, kFloat64);
  const double steps = static_cast<double>(periodic ? length : length - 1);
  for (int64_t n = 0; n < length; ++n) values.data<double>()[n] = length == 1 ? 1.0 : f(static_cast<double>(n) / steps);
  const tw_dtype result = dtype.value_or(default_dtype());
  if (result == kFloat64 && !device) return values;
  return ops::_to_copy(values, result, device);
}

// The modified Bessel function of order 0 by its power series, whose terms are all positive.
double bessel_i0(double x) {
  const double quarter = x * x / 4;
  double term = 1, sum = 1;
  for (int k = 1; term > sum * 1e-17; ++k) {
    term *= quarter / (static_cast<double>(k) * k);
    sum += term;
  }
  return sum;
}

}  // namespace

Tensor bartlett_window(int64_t window_length, bool periodic, Dtype dtype, Device device) {
  return window(window_length, periodic, dtype, device, [](double x) { return 1 - std::fabs(2 * x - 1); });
}

Tensor blackman_window(int64_t window_length, bool periodic, Dtype dtype, Device device) {
  return window(window_length, periodic, dtype, device,
                [](double x) { return 0.42 - 0.5 * std::cos(2 * kPi * x) + 0.08 * std::cos(4 * kPi * x); });
}

Tensor hamming_window(int64_t window_length, bool periodic, double alpha, double beta, Dtype dtype, Device device) {
  return window(window_length, periodic, dtype, device, [=](double x) { return alpha - beta * std::cos(2 * kPi * x); });
}

Tensor hann_window(int64_t window_length, bool periodic, Dtype dtype, Device device) {
  return hamming_window(window_length, periodic, 0.5, 0.5, dtype, device);
}

Tensor kaiser_window(int64_t window_length, bool periodic, double beta, Dtype dtype, Device device) {
  const double scale = bessel_i0(beta);
  return window(window_length, periodic, dtype, device, [=](double x) {
    const double y = 2 * x - 1;
    return bessel_i0(beta * std::sqrt(std::fmax(1 - y * y, 0.0))) / scale;
  });
}

}  // namespace tw::composite
