// Ops of the transforms, for Python: levels, wrapping, and the values behind.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw::autograd {

extern const tw_op_def kTransformOps[];
extern const uint32_t kTransformOpCount;

}  // namespace tw::autograd
