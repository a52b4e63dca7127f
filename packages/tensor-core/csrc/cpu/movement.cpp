#include "cpu/movement.h"

#include "cpu/isa.h"

namespace tw {

namespace baseline {
extern const cpu::MovementKernels kMovement;
}
#if defined(__x86_64__)
namespace avx2 {
extern const cpu::MovementKernels kMovement;
}
namespace avx512 {
extern const cpu::MovementKernels kMovement;
}
#endif

namespace cpu {

const MovementKernels& movement_kernels() {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512) return avx512::kMovement;
  if (isa() == Isa::kAvx2) return avx2::kMovement;
#endif
  return baseline::kMovement;
}

}  // namespace cpu
}  // namespace tw
