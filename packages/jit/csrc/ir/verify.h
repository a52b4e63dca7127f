// Whether a module is well formed, at one of the levels that passes name as what they need and what they keep.
#pragma once

#include <set>

#include "module.h"

namespace tw::jit {

enum class Level : uint8_t {
  kCapture,     // L0: writes into tensors, Python objects and calls
  kFunctional,  // L1: every op of the registry, nothing is written into, no Python
  kCore,        // L2: no op that is written over others
  kGrouped,     // L3: as L1, and each fusion is one sweep over elements of known sizes, perhaps of a layer's result
  kPlanned,     // L4: as L3, and each function says in what memory its values lie
};

// Throws TW_E_VALUE: the function, the rule, and the line of the node that breaks it. Whether a memory plan keeps
// values apart is checked where ops can be asked: passes/pass.h.
// Calls of the ops in `other` are not held against the registry: they are of revisions that it does not know.
void verify(const Module& module, Level level, const std::set<std::string>* other = nullptr);
void verify(const Module& module, FunctionId function, Level level, const std::set<std::string>* other = nullptr);

}  // namespace tw::jit
