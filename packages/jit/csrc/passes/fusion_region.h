// The region that nodes of a group move into.
#pragma once

#include "pass.h"

namespace tw::jit {

// Nodes of one region become the body of a new `fusion` after the last of them, in this order: what they take from
// outside are its arguments, what is used outside its results. `names` counts the arguments of a function's fusions.
void make_fusion(Editor& edit, const std::vector<NodeId>& nodes, int* names);

// How many names the fusions of a region have taken.
int fusion_names(const Editor& edit, RegionId region);

}  // namespace tw::jit
