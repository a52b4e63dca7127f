// A program as Python holds it: one object, called as program(method, arguments...).
#pragma once

#include "ir/program.h"

namespace tw::jit {

ObjectRef object_of(ProgramRef program);
// The program in an object of that type; throws TW_E_TYPE for another.
ProgramRef program_of(tw_object* object);

}  // namespace tw::jit
