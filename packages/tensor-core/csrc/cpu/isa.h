// The instruction set that this process uses, chosen once at load. TENSORWRIGHT_ISA=baseline|avx2|avx512
// forces a lower one; results are the same bits on all of them.
#pragma once

#include "cpu/kernel_tables.h"

namespace tw::cpu {

enum class Isa : uint8_t { kBaseline, kAvx2, kAvx512 };

Isa isa();
TW_EXPORT const char* isa_name();
bool isa_available(Isa which);
const KernelTable& kernel_table(Isa which);  // of an available one

// Defined by the generated kernel_table.cpp of each instruction set.
const KernelTable& baseline_table();
#if defined(__x86_64__)
const KernelTable& avx2_table();
const KernelTable& avx512_table();
#endif

}  // namespace tw::cpu
