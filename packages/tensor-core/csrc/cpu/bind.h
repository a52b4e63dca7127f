// Resolves the generated kernels of a pointwise or reduction op for this machine, once, at start-up.
#pragma once

#include "dispatch/op.h"

namespace tw::cpu {

// Gives the record of a generated op its kernels; leaves records of other ops alone.
void bind_kernels(const OpSpec& spec, KernelRecord* record);

}  // namespace tw::cpu
