// The dispatch trace: while one is open on a thread, every op that runs is also appended to a function of a program.
//
// At depth kCalls, ops are recorded as they are called, above autograd and the transforms' results; at depth
// kPrimitives below autograd, where ops written over others have come apart and gradients are ops like any other.
// What runs inside of several traces is a part of each of their functions, and is appended to each.
#pragma once

#include <set>

#include "../ir/program.h"

namespace tw::jit {

enum class Depth : uint8_t { kCalls, kPrimitives };

// Opens a trace on this thread, inside of the ones that are open. `location`, if given, is called for each node and
// returns (file, line) or None; `baked`, if given, is called with the op's name where a value leaves the graph, and
// with "autocast" or "gradients" where these are switched since the trace was opened, which the graph does not hold.
// The ops named in `whole` are recorded as they are called at any depth.
void begin_trace(ProgramRef program, FunctionId function, Depth depth, tw_object* location, tw_object* baked,
                 std::set<std::string> whole = {});
// Makes the tensor a parameter of the function being traced.
NodeId trace_input(TensorRef tensor, std::string_view name);
// Names a tensor that the function may use as an attribute: a parameter or buffer of a module.
void trace_attribute(TensorRef tensor, std::string_view path);
// The argument that stands for a value: a node for each tensor in it.
ArgTree traced(const tw_value& value);
// Closes the innermost trace of this thread.
void end_trace();

// The layers of the two depths, and what they register for every op.
extern const char* const kTraceLayer;
extern const char* const kPrimitiveTraceLayer;
tw_status TW_CALL record(void* primitives, tw_call* call);

}  // namespace tw::jit
