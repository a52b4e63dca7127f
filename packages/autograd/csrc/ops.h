// The ops of namespace autograd::, through which Python and others reach the engine.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw::autograd {

extern const tw_op_def kOps[];
extern const uint32_t kOpCount;

}  // namespace tw::autograd
