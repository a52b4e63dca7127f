// Orthogonal polynomials of any degree by their recurrences.
#include <cmath>
#include <limits>

#include "cpu/pointwise/broadcast_loop.h"
#include "declarations/special.h"

namespace tw::cpu {
namespace {

constexpr double kMostSteps = 1 << 20;
constexpr double kClosedForm = 1000;  // Chebyshev polynomials of higher degree have one

// Chebyshev polynomials satisfy p(n) = 2 x p(n-1) - p(n-2); they differ in p(1).
double chebyshev(double x, double n, double first) {
  double previous = 1, current = first;
  for (double k = 1; k < n && std::isfinite(current); ++k) {
    const double next = 2 * x * current - previous;
    previous = current, current = next;
  }
  return n == 0 ? 1 : current;
}

double chebyshev_t(double x, double n) {
  const double size = std::fabs(x);
  if (n < kClosedForm || !std::isfinite(x)) return chebyshev(x, n, x);
  if (size <= 1) return std::cos(n * std::acos(x));
  const double y = std::cosh(n * std::acosh(size));
  return x < 0 && std::fmod(n, 2) == 1 ? -y : y;
}

double chebyshev_u(double x, double n) {
  const double size = std::fabs(x), sign = x < 0 && std::fmod(n, 2) == 1 ? -1 : 1;
  if (n < kClosedForm || !std::isfinite(x)) return chebyshev(x, n, 2 * x);
  if (size == 1) return sign * (n + 1);
  if (size < 1) return std::sin((n + 1) * std::acos(x)) / std::sin(std::acos(x));
  return sign * std::sinh((n + 1) * std::acosh(size)) / std::sinh(std::acosh(size));
}

// V(n) = U(n) - U(n-1), W(n) = U(n) + U(n-1), V(n, -x) = (-1)^n W(n, x).
double chebyshev_w(double x, double n) {
  if (n < kClosedForm || !std::isfinite(x)) return chebyshev(x, n, 2 * x + 1);
  if (x == 1) return 2 * n + 1;
  const double half = n + 0.5;
  if (std::fabs(x) < 1) return std::sin(half * std::acos(x)) / std::sin(0.5 * std::acos(x));
  return chebyshev_u(x, n) + chebyshev_u(x, n - 1);
}

double chebyshev_v(double x, double n) {
  if (n < kClosedForm || !std::isfinite(x)) return chebyshev(x, n, 2 * x - 1);
  const double mirrored = chebyshev_w(-x, n);
  return std::fmod(n, 2) == 1 ? -mirrored : mirrored;
}

// H(n) = 2 x H(n-1) - 2 (n-1) H(n-2).
double hermite_h(double x, double n) {
  double previous = 0, current = 1;
  for (double k = 0; k < n && std::isfinite(current); ++k) {
    const double next = 2 * x * current - 2 * k * previous;
    previous = current, current = next;
  }
  return current;
}

// He(n) = x He(n-1) - (n-1) He(n-2).
double hermite_he(double x, double n) {
  double previous = 0, current = 1;
  for (double k = 0; k < n && std::isfinite(current); ++k) {
    const double next = x * current - k * previous;
    previous = current, current = next;
  }
  return current;
}

void check_degree(const char* name, double n) {
  if (n > kMostSteps)
    throw fail(TW_E_VALUE, name, ": the degree n must be at most ", static_cast<int64_t>(kMostSteps), ", got ", n);
}

// n L(n) = (2 n - 1 - x) L(n-1) - (n-1) L(n-2).
double laguerre(double x, double n) {
  check_degree("laguerre_polynomial_l", n);
  double previous = 0, current = 1;
  for (double k = 0; k < n && std::isfinite(current); ++k) {
    const double next = ((2 * k + 1 - x) * current - k * previous) / (k + 1);
    previous = current, current = next;
  }
  return current;
}

// n P(n) = (2 n - 1) x P(n-1) - (n-1) P(n-2).
double legendre(double x, double n) {
  check_degree("legendre_polynomial_p", n);
  double previous = 0, current = 1;
  for (double k = 0; k < n && std::isfinite(current); ++k) {
    const double next = ((2 * k + 1) * x * current - k * previous) / (k + 1);
    previous = current, current = next;
  }
  return current;
}

using Polynomial = double (*)(double, double);

Polynomial polynomial_of(std::string_view family) {
  if (family == "t") return chebyshev_t;
  if (family == "u") return chebyshev_u;
  if (family == "v") return chebyshev_v;
  if (family == "w") return chebyshev_w;
  if (family == "h") return hermite_h;
  if (family == "he") return hermite_he;
  return family == "l" ? laguerre : legendre;
}

}  // namespace

void orthogonal_polynomial(TensorRef x, TensorRef n, std::string_view family, TensorRef out) {
  const Polynomial polynomial = polynomial_of(family);
  fill_from_float_pairs("orthogonal_polynomial", x, n, out, 200, [polynomial](double value, double degree) {
    if (std::isnan(value) || !std::isfinite(degree)) return std::numeric_limits<double>::quiet_NaN();
    return degree <= -1 ? 0.0 : polynomial(value, std::trunc(degree));
  });
}

}  // namespace tw::cpu
