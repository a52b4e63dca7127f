// A derivative as data: which arguments it differentiates, what it saves, and the compiled formula. codegen writes
// one constant for each entry of derivatives/*.yaml; third parties give theirs through "tw.autograd/1".
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::autograd {

class Backward;

// A differentiable argument, in the order of the node's edges.
struct InputRule {
  uint8_t arg;
  bool list;            // Tensor[]: one edge for each tensor
  bool factor = false;  // the result is linear in this argument by itself
};

enum class SaveKind : uint8_t {
  kArgument,       // an argument as it is
  kUnchecked,      // a tensor that may be written before backward
  kResult,         // a result
  kArgumentShape,  // shape and dtype of an argument
  kResultShape,
  kArgumentShapes,    // of each tensor of a Tensor[] argument
  kArgumentGeometry,  // shape, strides and address
  kResultGeometry,
  kShapeIfChanged,  // of an argument, unless the result has the same: what a gradient must be summed to
};

struct SaveRule {
  SaveKind kind;
  uint8_t index;       // of the argument or result
  uint64_t wanted_by;  // inputs (bits over InputRules) whose gradient reads it
  const char* name;    // of the argument or result, for messages and inspection
};

enum DerivativeFlags : uint32_t {
  kIsView = 1u,        // results share the argument's storage: writes through either reach both
  kMayRunOps = 2u,     // its kernel may call ops, which must not be recorded a second time
  kNoDerivative = 4u,  // results carry no gradient (comparisons, argmax)
  kDetaches = 8u,      // results have no history, by definition
  kLinear = 16u,       // linear in all its differentiable arguments together
};

struct Derivative {
  const char* op;    // "tw::mul"
  const char* node;  // "MulBackward"
  const InputRule* inputs;
  const SaveRule* saves;
  uint8_t input_count;
  uint8_t save_count;
  int8_t written;  // index of the argument that the op writes by its schema, or -1
  uint8_t result_count;
  uint64_t differentiable_results;  // bit i: result i has a gradient
  uint32_t flags;
  void (*formula)(Backward& backward);
  const void* self;  // for formulas that are not generated: the tw_vjp_def
};

// Layer kernel of every op with a derivative; `self` is its Derivative.
tw_status TW_CALL record(void* self, tw_call* call);
// Layer kernel of all other ops: lets composites through to the ops they call, refuses the rest if an argument
// requires grad.
tw_status TW_CALL record_without_derivative(void* self, tw_call* call);
// Adds a third party's derivative, found by record_without_derivative.
tw_status TW_CALL add_derivative(const void* vjp_def);

// ---- generated --------------------------------------------------------------------------------------------

extern const Derivative kDerivatives[];
extern const uint32_t kDerivativeCount;

}  // namespace tw::autograd
