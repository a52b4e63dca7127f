// Parts of functionalisation: what a write through a view makes of the whole.
#pragma once

#include "aliases.h"
#include "pass.h"

namespace tw::jit {

// Throws TW_E_VALUE naming the node and its line.
[[noreturn]] void cannot_functionalise(const Module& module, NodeId node, const std::string& why);

// What the whole holds after `part` took the place of what `view` shows of `whole`; new nodes stand before `anchor`.
// `item` is the tuple.get of a view that gives a list, or none.
NodeId put_back(Editor& edit, NodeId view, NodeId item, NodeId whole, NodeId part, NodeId anchor);

}  // namespace tw::jit
