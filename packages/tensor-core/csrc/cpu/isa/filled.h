// Vectors of elements that lie anywhere: loads and inserts, which take less time than a gather instruction.
#pragma once

#include <utility>

#include <tensorwright/simd/vec.h>

namespace tw {
namespace TW_ISA_NS {

template <class E, int n>
struct Short {
  typedef E Type __attribute__((vector_size(n * sizeof(E))));
};
template <class A, int... i>
TW_INLINE auto joined(A a, A b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, i...);
}

// f(0), f(1), ... side by side.
template <class E, int n, class F>
TW_INLINE typename Short<E, n>::Type filled(F f, int first = 0) {
  if constexpr (n == 2) {
    return typename Short<E, 2>::Type{f(first), f(first + 1)};
  } else if constexpr (n * sizeof(E) == 16) {
    return typename Short<E, 4>::Type{f(first), f(first + 1), f(first + 2), f(first + 3)};
  } else {
    return joined(filled<E, n / 2>(f, first), filled<E, n / 2>(f, first + n / 2), std::make_integer_sequence<int, n>());
  }
}

}  // namespace TW_ISA_NS
}  // namespace tw
