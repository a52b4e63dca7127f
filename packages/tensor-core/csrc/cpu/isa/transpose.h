// Square blocks transposed in registers.
#pragma once

#include <utility>

#include <tensorwright/simd/vec.h>

namespace tw {
namespace TW_ISA_NS {

// Lanes of two vectors in turn: of their first halves, or of their second.
template <int first, class V, int... i>
TW_INLINE V zip(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = lanes_of<V>;
  return __builtin_shufflevector(a, b, (first + i / 2 + (i % 2) * n)...);
}

// rows[i][j] becomes rows[j][i]; each stage shuffles two halves of the rows like cards.
template <class V>
TW_INLINE void transpose(V* rows) {
  constexpr int n = lanes_of<V>;
  constexpr auto lanes = std::make_integer_sequence<int, n>();
  V dealt[n];
#pragma GCC unroll 4
  for (int stage = 1; stage < n; stage *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      dealt[2 * i] = zip<0>(rows[i], rows[i + n / 2], lanes);
      dealt[2 * i + 1] = zip<n / 2>(rows[i], rows[i + n / 2], lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = dealt[i];
  }
}

}  // namespace TW_ISA_NS
}  // namespace tw
