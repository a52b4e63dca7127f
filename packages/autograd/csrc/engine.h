// A backward pass: nodes run in reverse order of the forward operations, each when all gradients of its results have
// come. No recursion: a chain may be as long as memory allows.
#pragma once

#include <tensorwright/tw.hpp>

#include <vector>

#include "node.h"

namespace tw::autograd {

struct PassRequest {
  std::vector<TensorRef> roots;
  std::vector<TensorRef> seeds;   // gradients of the roots; null = one, for a single number
  std::vector<TensorRef> inputs;  // gradients asked for; empty: of all leaves
  PassOptions options;
  const char* caller = "backward";  // for messages
};

// Adds to `.grad` of the leaves (of `inputs`, if given).
void run_backward(const PassRequest& request);
// Gives the gradients of `inputs` and leaves every `.grad` alone. Null for an input that the roots do not depend on.
std::vector<Tensor> run_grad(const PassRequest& request);

// Calls `callback` when the running pass of this thread has ended; an error outside of a pass.
void call_at_end_of_pass(tw_object* callback);
// A number for the pass that runs on this thread, different from all others; -1 if none runs.
int64_t current_pass_number();
// Whether the running pass of this thread computes gradients at this node.
bool pass_reaches(Node& node);

// Shape and dtype of each node's results, as far as a pass over the graph of `root` can tell: the gradient of a
// result has its shape. Runs no hooks and changes no `.grad`; the pass stops short at nodes whose formula fails.
struct ResultShape {
  NodeRef node;
  uint32_t slot;
  tw_dtype dtype;
  std::vector<int64_t> shape;
};
std::vector<ResultShape> result_shapes(TensorRef root);
// The forward trace of the node that failed last on this thread, in anomaly mode.
std::string last_failure_trace();

}  // namespace tw::autograd
