// Floats to integers: truncated, 0 for NaN; beyond int64 they saturate to it (uint64: to uint64), and narrower integers
// keep the low bits.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tw::cpu {

template <class F>
int64_t truncated(F x) {
  constexpr F kLimit = static_cast<F>(9223372036854775808.0);
  if (!(x == x)) return 0;
  if (x >= kLimit) return INT64_MAX;
  if (x <= -kLimit) return INT64_MIN;
  return static_cast<int64_t>(x);
}

template <class To, class F>
To truncated_to(F x) {
  if constexpr (std::is_same_v<To, uint64_t>) {
    if (x >= static_cast<F>(18446744073709551616.0)) return UINT64_MAX;
    if (x >= static_cast<F>(9223372036854775808.0)) return static_cast<uint64_t>(x);
  }
  return static_cast<To>(truncated(x));
}

}  // namespace tw::cpu
