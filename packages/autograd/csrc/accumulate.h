// The end of every path through the graph: a leaf, whose `.grad` the gradient is added to.
#pragma once

#include "node.h"

namespace tw::autograd {

NodeRef make_accumulator(Tensor leaf);
// Adds `grad` to the gradient kept for `t`, taking over its memory if nobody else uses it.
void accumulate_grad(tw_tensor* t, Tensor grad, bool create_graph);

void run_accumulate_hooks(tw_tensor* t);

}  // namespace tw::autograd
