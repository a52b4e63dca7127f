// Sums of 16-bit floats in float32, without memory for what they are widened to.
#include "cpu/isa/row.h"
#include "cpu/isa/widening.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class Widen>
TW_INLINE F32 widened_at(Whole<F32> at, const uint16_t* p, Widen widen) {
  return as_float(widen(p + at.at));
}
template <class Widen>
TW_INLINE F32 widened_at(Part<F32> at, const uint16_t* p, Widen widen) {
  uint16_t first[kLanes32] = {};
  std::memcpy(first, p + at.at, static_cast<size_t>(at_most(at.count, kLanes32)) * sizeof(uint16_t));
  return as_float(widen(first));
}

template <class Widen>
TW_INLINE void sum_row(int64_t n, const void* from, void* out, Widen widen) {
  const uint16_t* p = static_cast<const uint16_t*>(from);
  const float total = reduce_row<Sum, F32>(n, [=](auto at) TW_INLINE_LAMBDA { return widened_at(at, p, widen); });
  std::memcpy(out, &total, sizeof total);
}

void sum_halves(int64_t n, const void* const* in, const uint8_t*, void* out) { sum_row(n, in[0], out, widened_half); }
void sum_bfloats(int64_t n, const void* const* in, const uint8_t*, void* out) {
  sum_row(n, in[0], out, widened_bfloat);
}

}  // namespace

extern const cpu::HalfSumKernels kHalfSums;
const cpu::HalfSumKernels kHalfSums = {sum_halves, sum_bfloats};

}  // namespace TW_ISA_NS
}  // namespace tw
