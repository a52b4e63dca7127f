// Sums, products and differences of numbers that a caller gives: one that leaves 64 bits is an error.
// `python -m tensorwright_codegen arithmetic` finds where they are made without these.
#pragma once

#include <tensorwright/tw.hpp>

#include <cstdint>

namespace tw::checked {

[[noreturn]] inline void overflow() { throw Error(TW_E_VALUE, "a size or a number of steps overflows 64 bits"); }

inline int64_t add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) overflow();
  return result;
}
inline int64_t sub(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_sub_overflow(a, b, &result)) overflow();
  return result;
}
inline int64_t mul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) overflow();
  return result;
}
inline int64_t neg(int64_t a) { return sub(0, a); }

// What is known to lie between the bounds because something else has refused the rest; the check costs a comparison.
inline int64_t within(int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) overflow();
  return value;
}

}  // namespace tw::checked
