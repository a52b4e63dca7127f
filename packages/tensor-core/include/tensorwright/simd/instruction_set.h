// The instruction set that a process uses, chosen once at load. TENSORWRIGHT_ISA=baseline|avx2|avx512 forces a lower
// one; results are the same bits on all of them. Libraries with kernels of their own ask here, so that all agree.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace tw {

enum class Isa : uint8_t { kBaseline, kAvx2, kAvx512 };
constexpr int kIsaCount = 3;
constexpr const char* kIsaNames[kIsaCount] = {"baseline", "avx2", "avx512"};

inline bool isa_supported(Isa which) {
#if defined(__x86_64__)
  if (which == Isa::kAvx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (which == Isa::kAvx512)
    return isa_supported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
  return which == Isa::kBaseline;
}

inline Isa choose_isa() {
  Isa best = Isa::kBaseline;
  if (isa_supported(Isa::kAvx2)) best = Isa::kAvx2;
  if (isa_supported(Isa::kAvx512)) best = Isa::kAvx512;
  if (const char* forced = std::getenv("TENSORWRIGHT_ISA"))
    for (int i = 0; i < static_cast<int>(best); ++i)
      if (std::string_view(forced) == kIsaNames[i]) return static_cast<Isa>(i);
  return best;
}

}  // namespace tw
