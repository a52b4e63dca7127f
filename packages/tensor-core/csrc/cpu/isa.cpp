#include "cpu/isa.h"

#include <cstdlib>
#include <string_view>

namespace tw::cpu {

namespace {

constexpr const char* kNames[] = {"baseline", "avx2", "avx512"};

bool supported(Isa which) {
#if defined(__x86_64__)
  if (which == Isa::kAvx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (which == Isa::kAvx512)
    return supported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
  return which == Isa::kBaseline;
}

Isa choose() {
  Isa best = Isa::kBaseline;
  if (supported(Isa::kAvx2)) best = Isa::kAvx2;
  if (supported(Isa::kAvx512)) best = Isa::kAvx512;
  if (const char* forced = std::getenv("TENSORWRIGHT_ISA"))
    for (int i = 0; i < static_cast<int>(best); ++i)
      if (std::string_view(forced) == kNames[i]) return static_cast<Isa>(i);
  return best;
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

const char* isa_name() { return kNames[static_cast<int>(isa())]; }

bool isa_available(Isa which) { return supported(which); }

const KernelTable& kernel_table(Isa which) {
#if defined(__x86_64__)
  if (which == Isa::kAvx512) return avx512_table();
  if (which == Isa::kAvx2) return avx2_table();
#endif
  (void)which;
  return baseline_table();
}

}  // namespace tw::cpu
