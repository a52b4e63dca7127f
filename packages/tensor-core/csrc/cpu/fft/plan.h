// What is computed once for each length: factors, roots of unity, the split of long transforms, Bluestein's chirp.
#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "cpu/fft/kernels.h"

namespace tw::cpu {

// exp(-2 pi i k / n), accurate to the last place or two: the angle is reduced exactly, to the first eighth.
std::complex<double> root_of_unity(int64_t k, int64_t n);

template <class T>
struct FftPlan {
  int64_t length = 0;
  // Direct: all factors are small.
  std::vector<int64_t> factors;
  std::vector<T> roots;
  FftTables<T> tables() const { return {length, static_cast<int64_t>(factors.size()), factors.data(), roots.data()}; }
  // In two steps: length = rows * columns, with plans for both; roots of the whole length as products of two, and for
  // lengths that are not too large, the factors between the steps as the kernels read them, group of columns by group.
  std::shared_ptr<const FftPlan> rows, columns;
  std::vector<std::complex<double>> coarse, fine;
  std::vector<T> twists;
  // Bluestein: a cyclic convolution of a longer, smooth length. The chirp is exp(-pi i k^2 / length).
  std::shared_ptr<const FftPlan> convolution;
  std::vector<std::complex<T>> chirp, filter;

  bool is_bluestein() const { return convolution != nullptr; }
  bool has_two_steps() const { return rows != nullptr; }
  bool is_direct() const { return !is_bluestein() && !has_two_steps(); }
  std::complex<double> root(int64_t k) const;  // of a plan in two steps
};

constexpr int64_t kFineRoots = 4096;
constexpr int64_t kLongestKept = 1 << 17;  // up to which a plan keeps its twists

// The factors for columns first, first + 1, ... of a plan in two steps: [row][real, imaginary][lane].
template <class T>
void fill_twist(const FftPlan<T>& plan, int64_t first, int64_t lanes, T* twist);

// exp(-2 pi i k / n) for k up to n / 2, kept like a plan.
template <class T>
std::shared_ptr<const std::vector<std::complex<T>>> half_roots(int64_t n);

// Kept for the life of the process, up to a limit. `split` makes a plan in two steps where that is possible.
template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(int64_t length, bool split);

}  // namespace tw::cpu
