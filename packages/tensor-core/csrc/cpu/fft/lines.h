// Transforms of the lines of an array along one dimension.
#pragma once

#include <complex>

#include "cpu/fft/plan.h"

namespace tw::cpu {

// The array [outer, length, inner] with its lines along the middle; distances in complex numbers.
struct LineLayout {
  int64_t outer, inner;
  int64_t outer_stride, inner_stride, element_stride;
  int64_t count() const { return outer * inner; }
};

// `in` and `out` have the same layout and may be the same array. Results are multiplied by `scale`.
template <class T>
void transform_lines(const FftPlan<T>& plan, const LineLayout& layout, const std::complex<T>* in, std::complex<T>* out,
                     bool inverse, T scale);

// Lines of 2 * length real numbers, and of their length + 1 first coefficients, one after another: to coefficients or,
// inverse, from them. The plan is a direct one.
template <class T>
void transform_real_lines(const FftPlan<T>& plan, int64_t count, const T* in, T* out, bool inverse, T scale);

// The plan that suits so many lines of a length.
template <class T>
std::shared_ptr<const FftPlan<T>> plan_for_lines(int64_t length, int64_t lines);

}  // namespace tw::cpu
