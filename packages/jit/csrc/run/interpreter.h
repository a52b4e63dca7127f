// Runs a function of a module: by its plan where it has one, else node by node through the dispatcher.
#pragma once

#include "../ir/program.h"

namespace tw::jit {

// Calls the function at the capture level or below; `result` is owned by the caller. Values are dropped after their
// last use. Throws TW_E_TYPE for a wrong number of arguments, and what the ops throw.
void run(Program& program, FunctionId function, const tw_value* args, uint32_t nargs, tw_value* result);

}  // namespace tw::jit
