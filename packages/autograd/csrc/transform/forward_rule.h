// Tangents of one op's results from those of its arguments.
#pragma once

#include "arguments.h"
#include "op_traits.h"

namespace tw::autograd {

// One call of an op, its arguments without wrappers of the level, and their tangents.
struct ForwardCall {
  const OpTraits& op;
  const Arguments& args;                             // primal values
  const std::vector<std::vector<Tensor>>& tangents;  // by argument, then by place in a list; null: zero
  Results& results;                                  // of the op on `args`
};

// The tangents of the results: by result, then by place in a list; null: zero.
std::vector<std::vector<Tensor>> forward_tangents(const ForwardCall& call);

}  // namespace tw::autograd
