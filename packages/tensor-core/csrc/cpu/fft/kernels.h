// The inner part of Fourier transforms, compiled for each instruction set: as many lines at a time as a vector has
// lanes, by Stockham's passes, which need no reordering (C. Van Loan, Computational Frameworks for the FFT, 1992).
#pragma once

#include <cstdint>

namespace tw::cpu {

constexpr int64_t kLargestRadix = 31;

// What a length needs: its factors, and w^k = exp(-2 pi i k / length), real and imaginary part in turn.
template <class T>
struct FftTables {
  int64_t length;
  int64_t factor_count;
  const int64_t* factors;  // up to kLargestRadix, in the order of the passes
  const T* roots;
};

// Lines of complex numbers, the real and the imaginary part in turn; distances in complex numbers.
template <class T>
struct FftLines {
  const T* in;
  int64_t in_element, in_line;
  T* out;
  int64_t out_element, out_line;
  int64_t count;  // at most the lanes of a vector
  bool inverse;
  T scale;
  // Factors for each result, [element][lane] with all lanes, or null: the middle of a transform in two steps.
  const T* twist;
  // exp(-pi i k / length) for lines of 2 * length real numbers, which are read or written as complex ones; the other
  // side has their length + 1 first coefficients. Null for complex lines.
  const T* half_roots;
};

template <class T>
struct FftKernels {
  int64_t lanes;
  // `work` has room for (4 * length + 2) * lanes elements and is aligned to 64 bytes.
  void (*transform)(const FftTables<T>& tables, const FftLines<T>& lines, T* work);
};

}  // namespace tw::cpu
