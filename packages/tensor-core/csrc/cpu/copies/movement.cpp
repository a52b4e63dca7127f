#include "cpu/copies/movement.h"

#include "cpu/isa.h"

namespace tw {

namespace baseline {
extern const cpu::MovementKernels kMovement;
extern const cpu::ConversionKernels kConversions;
}  // namespace baseline
#if defined(__x86_64__)
namespace avx2 {
extern const cpu::MovementKernels kMovement;
extern const cpu::ConversionKernels kConversions;
}  // namespace avx2
namespace avx512 {
extern const cpu::MovementKernels kMovement;
extern const cpu::ConversionKernels kConversions;
}  // namespace avx512
#endif

namespace cpu {

const MovementKernels& movement_kernels() {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512) return avx512::kMovement;
  if (isa() == Isa::kAvx2) return avx2::kMovement;
#endif
  return baseline::kMovement;
}

const ConversionKernels& conversion_kernels() {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512) return avx512::kConversions;
  if (isa() == Isa::kAvx2) return avx2::kConversions;
#endif
  return baseline::kConversions;
}

}  // namespace cpu
}  // namespace tw
