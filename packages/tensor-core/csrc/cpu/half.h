// float16, bfloat16 and the float8 types as bit patterns. Conversions round to nearest even and keep NaN a NaN.
#pragma once

#include <cstdint>
#include <cstring>

namespace tw::cpu {

struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};
struct Float8E4M3 {  // "fn": no infinities, one NaN of each sign
  uint8_t bits;
};
struct Float8E5M2 {  // the upper half of a float16
  uint8_t bits;
};

inline uint32_t float_bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}
inline float bits_float(uint32_t u) {
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

inline float to_float(BFloat b) { return bits_float(static_cast<uint32_t>(b.bits) << 16); }
inline BFloat to_bfloat(float f) {
  const uint32_t u = float_bits(f);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<uint16_t>((u >> 16) | 0x40)};
  return {static_cast<uint16_t>((u + 0x7FFFu + ((u >> 16) & 1)) >> 16)};
}

inline float to_float(Half h) {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16, rest = h.bits & 0x7FFFu;
  if (rest >= 0x7C00u) return bits_float(sign | 0x7F800000u | ((rest & 0x3FFu) << 13));
  // Exponents of subnormals come out right by letting the float unit multiply: 2^112 shifts the bias.
  return bits_float(sign | float_bits(bits_float(rest << 13) * bits_float(0x77800000u)));
}
inline Half to_half(float f) {
  const uint32_t u = float_bits(f), sign = (u >> 16) & 0x8000u, rest = u & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return {static_cast<uint16_t>(sign | 0x7E00u)};
  if (rest >= 0x477FF000u) return {static_cast<uint16_t>(sign | 0x7C00u)};  // rounds to infinity
  if (rest < 0x38800000u) {  // subnormal: adding 0.5 leaves the rounded mantissa in the low bits
    return {static_cast<uint16_t>(sign | (float_bits(bits_float(rest) + 0.5f) - 0x3F000000u))};
  }
  return {static_cast<uint16_t>(sign | ((rest - 0x38000000u + 0xFFFu + ((rest >> 13) & 1)) >> 13))};
}

inline float to_float(Float8E5M2 b) { return to_float(Half{static_cast<uint16_t>(b.bits << 8)}); }
inline Float8E5M2 to_float8_e5m2(float f) {
  const uint32_t u = float_bits(f), sign = (u >> 24) & 0x80u, rest = u & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return {static_cast<uint8_t>(sign | 0x7Eu)};
  if (rest >= 0x47700000u) return {static_cast<uint8_t>(sign | 0x7Cu)};  // from 61440 on: rounds to infinity
  if (rest < 0x38800000u)                                                // subnormal, as in to_half
    return {static_cast<uint8_t>(sign | (float_bits(bits_float(rest) + 128.0f) - 0x43000000u))};
  return {static_cast<uint8_t>(sign | ((rest - 0x38000000u + 0xFFFFFu + ((rest >> 21) & 1)) >> 21))};
}

inline float to_float(Float8E4M3 b) {
  const uint32_t sign = static_cast<uint32_t>(b.bits & 0x80u) << 24, rest = b.bits & 0x7Fu;
  if (rest == 0x7Fu) return bits_float(sign | 0x7FC00000u);
  return bits_float(sign | float_bits(bits_float(rest << 20) * bits_float(0x7B800000u)));  // 2^120 shifts the bias
}
inline Float8E4M3 to_float8_e4m3(float f) {
  const uint32_t u = float_bits(f), sign = (u >> 24) & 0x80u, rest = u & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return {static_cast<uint8_t>(sign | 0x7Fu)};
  if (rest >= 0x43E00000u) return {static_cast<uint8_t>(sign | 0x7Eu)};  // from 448 on: the largest, as in PyTorch
  if (rest < 0x3C800000u)                                                // subnormal: 2^-9 is the lowest bit
    return {static_cast<uint8_t>(sign | (float_bits(bits_float(rest) + 16384.0f) - 0x46800000u))};
  return {static_cast<uint8_t>(sign | ((rest - 0x3C000000u + 0x7FFFFu + ((rest >> 20) & 1)) >> 20))};
}

// To float with the last bit set when inexact, so that a second rounding cannot go wrong.
inline float round_to_odd(double d) {
  const float f = static_cast<float>(d);
  const double back = f;
  if (back == d || !(d - d == 0)) return f;
  uint32_t u = float_bits(f);
  const bool too_far = d > 0 ? back > d : back < d;
  if (too_far) --u;
  return bits_float(u | 1);
}

}  // namespace tw::cpu
