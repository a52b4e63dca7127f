// What the level grouped asks of a fusion beside what holds at every level: it is one sweep over elements of known
// sizes, with at most one set of dimensions that it reduces.
#pragma once

#include <functional>

#include "module.h"

namespace tw::jit {

// `fail` is told the node and the rule that it breaks, and does not come back.
void verify_group(const Module& module, NodeId fusion, const std::function<void(NodeId, const std::string&)>& fail);

}  // namespace tw::jit
