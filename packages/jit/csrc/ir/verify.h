// Whether a module is well formed, at one of the levels that passes name as what they need and what they keep.
#pragma once

#include "module.h"

namespace tw::jit {

enum class Level : uint8_t {
  kCapture,     // L0: writes into tensors, Python objects and calls
  kFunctional,  // L1: every op of the registry, nothing is written into, no Python
  kCore,        // L2: no op that is written over others
};

// Throws TW_E_VALUE: the function, the rule, and the line of the node that breaks it.
void verify(const Module& module, Level level);
void verify(const Module& module, FunctionId function, Level level);

}  // namespace tw::jit
