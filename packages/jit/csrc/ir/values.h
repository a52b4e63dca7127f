// Between arguments of the graph and values of the C ABI.
#pragma once

#include <deque>

#include "program.h"

namespace tw::jit {

// An argument from a value in which nodes, lists, tuples and so on are marked, as Python gives them: a TW_VALUES whose
// first item is one of these numbers.
enum Mark : int64_t { kMarkNode, kMarkList, kMarkTuple, kMarkDict, kMarkSlice, kMarkEllipsis };

ArgTree arg_from_marked(Program& program, const tw_value& value);
// The other way; the caller owns what is written to `out`.
void give_marked(const Program& program, const Arg& arg, tw_value* out);

// A constant as a value that borrows from the module.
tw_value constant_value(const Program& program, ConstantId constant);
ConstantId constant_from(Program& program, const tw_value& value);
// What type a value has; tensors with their sizes as constants.
TypeId type_of(Module& module, const tw_value& value);

}  // namespace tw::jit
