// Vectors of 16-bit floats as float32, by integer arithmetic on their bits; the scalar twins stand in cpu/half.h.
#pragma once

#include <tensorwright/simd/vec.h>

namespace tw {
namespace TW_ISA_NS {

typedef uint16_t Narrow __attribute__((vector_size(TW_VBYTES / 2)));

// By the processor's instruction where it has one: compilers widen vectors in halves.
TW_INLINE U32 widened(const uint16_t* from) {
#if defined(__AVX512F__) && TW_VBYTES == 64
  return U32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
#elif defined(__AVX2__) && TW_VBYTES == 32
  return U32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
#else
  Narrow bits;
  std::memcpy(&bits, from, sizeof bits);
  return __builtin_convertvector(bits, U32);
#endif
}
TW_INLINE F32 as_float(U32 bits) { return reinterpret_cast<F32>(bits); }
TW_INLINE U32 bits_of(F32 value) { return reinterpret_cast<U32>(value); }

#if defined(__F16C__) && TW_VBYTES == 64
// The processor's own conversions; they differ from the twins only in which NaN a NaN is.
TW_INLINE U32 widened_half(const uint16_t* from) {
  return U32(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
}
#elif defined(__F16C__) && TW_VBYTES == 32
TW_INLINE U32 widened_half(const uint16_t* from) {
  return U32(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
#else
TW_INLINE U32 choose(U32 mask, U32 yes, U32 no) { return (mask & yes) | (~mask & no); }

TW_INLINE U32 half_to_float_bits(U32 h) {
  const U32 sign = (h & 0x8000u) << 16, rest = h & 0x7FFFu;
  const U32 finite = bits_of(as_float(rest << 13) * 0x1p112f);  // the multiplication normalises subnormals
  return sign | choose(U32(rest >= 0x7C00u), 0x7F800000u | ((rest & 0x3FFu) << 13), finite);
}
TW_INLINE U32 widened_half(const uint16_t* from) { return half_to_float_bits(widened(from)); }
#endif

TW_INLINE U32 widened_bfloat(const uint16_t* from) { return widened(from) << 16; }

}  // namespace TW_ISA_NS
}  // namespace tw
