#include "cpu/isa.h"

namespace tw::cpu {

Isa isa() {
  static const Isa chosen = choose_isa();
  return chosen;
}

namespace {

[[maybe_unused]] const Isa chosen_at_load = isa();  // a fork finds the static above ready

}  // namespace

const char* isa_name() { return kIsaNames[static_cast<int>(isa())]; }

const KernelTable& kernel_table(Isa which) {
#if defined(__x86_64__)
  if (which == Isa::kAvx512) return avx512_table();
  if (which == Isa::kAvx2) return avx2_table();
#endif
  (void)which;
  return baseline_table();
}

}  // namespace tw::cpu
