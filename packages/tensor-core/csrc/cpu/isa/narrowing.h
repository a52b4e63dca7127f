// Vectors of float32 rounded to 16-bit floats, by integer arithmetic on their bits; the scalar twins stand in
// cpu/half.h.
#pragma once

#include "cpu/isa/widening.h"

namespace tw {
namespace TW_ISA_NS {

TW_INLINE void store_narrowed(uint16_t* to, U32 bits) {
  const Narrow narrow = __builtin_convertvector(bits, Narrow);
  std::memcpy(to, &narrow, sizeof narrow);
}

// The result is the upper half of each lane.
TW_INLINE U32 rounded_to_bfloat(U32 u) {
  const U32 rounded = u + 0x7FFFu + ((u >> 16) & 1u);
  const M32 is_number = eq(as_float(u), as_float(u));
  return __builtin_expect(any(not_(is_number)), 0) ? U32(select(is_number, I32(rounded), I32(u | 0x400000u))) : rounded;
}
TW_INLINE void store_bfloat(uint16_t* to, U32 bits) { store_narrowed(to, rounded_to_bfloat(bits) >> 16); }

#if defined(__F16C__) && TW_VBYTES == 64
TW_INLINE void store_half(uint16_t* to, U32 bits) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtps_ph((__m512)bits, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif defined(__F16C__) && TW_VBYTES == 32
TW_INLINE void store_half(uint16_t* to, U32 bits) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph((__m256)bits, _MM_FROUND_TO_NEAREST_INT));
}
#else
TW_INLINE U32 float_to_half_bits(U32 u) {
  const U32 sign = (u >> 16) & 0x8000u, rest = u & 0x7FFFFFFFu;
  const U32 normal = (rest - 0x38000000u + 0xFFFu + ((rest >> 13) & 1u)) >> 13;
  const U32 subnormal = bits_of(as_float(rest) + 0.5f) - 0x3F000000u;  // adding 0.5 rounds to the last place
  const U32 finite = choose(U32(rest < 0x38800000u), subnormal, normal);
  const U32 large = choose(U32(rest > 0x7F800000u), U32{} + 0x7E00u, U32{} + 0x7C00u);
  return sign | choose(U32(rest >= 0x477FF000u), large, finite);
}
TW_INLINE void store_half(uint16_t* to, U32 bits) { store_narrowed(to, float_to_half_bits(bits)); }
#endif

}  // namespace TW_ISA_NS
}  // namespace tw
