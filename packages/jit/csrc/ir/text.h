// The text form of modules: what print() writes parse() reads back to an equal module.
//
//   func @scale(%x: tensor<float32, [s0, 3]>, %by: float) {
//     %0: tensor<float32, [s0, 3]> = tw::mul(%x, %by) loc("model.py":12:4-12:10)
//     return(%0)
//   }
//
// Before the functions may stand what is known of sizes: `dim s0 from 1 to 64`.
//
// A node is `%name: type = op @target(arguments, keyword=argument) regions loc(...)`; one of type none that nothing
// uses is written without its left side. Regions follow in braces, the names of their placeholders in parentheses
// before.
#pragma once

#include <string>

#include "module.h"

namespace tw::jit {

constexpr int kDeepestText = 200;  // nested regions, arguments and types that parse() accepts

std::string print(const Module& module);
std::string print(const Module& module, FunctionId function);
// The line of one node, without its regions, for messages.
std::string print_node(const Module& module, NodeId node);

// Reads functions into an empty module. Throws TW_E_VALUE naming line and column.
void parse(std::string_view text, Module& module);
TypeId parse_type(std::string_view text, Module& module);

}  // namespace tw::jit
