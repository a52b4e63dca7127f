// What the parameters of a function must be: their types are read as conditions, where a program was made for them.
#pragma once

#include "../ir/program.h"

namespace tw::jit {

// Throws TW_E_TYPE for a wrong number of arguments or another dtype, TW_E_SHAPE for another number of dimensions, for a
// size that is not the one of the type, two that differ where one symbol stands for both, or one out of its range.
void check_inputs(const Program& program, FunctionId function, const tw_value* args, uint32_t nargs);

}  // namespace tw::jit
