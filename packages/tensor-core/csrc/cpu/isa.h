// The kernels of the instruction set that this process uses.
#pragma once

#include <tensorwright/simd/instruction_set.h>

#include "cpu/kernel_tables.h"

namespace tw::cpu {

using tw::Isa;

Isa isa();
TW_EXPORT const char* isa_name();
const KernelTable& kernel_table(Isa which);  // of an available one

// Defined by the generated kernel_table.cpp of each instruction set.
const KernelTable& baseline_table();
#if defined(__x86_64__)
const KernelTable& avx2_table();
const KernelTable& avx512_table();
#endif

}  // namespace tw::cpu
