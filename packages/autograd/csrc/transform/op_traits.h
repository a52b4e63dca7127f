// What the transforms know of an op: its schema's arguments and the facets of this distribution.
#pragma once

#include <tensorwright/schema.hpp>

#include <string>
#include <vector>

#include "../derivative.h"
#include "batching_rule.h"

namespace tw::autograd {

class BatchCall;
using BatchFunction = void (*)(BatchCall& call);

// What a view's result depends on besides the elements of its argument.
enum class LayoutUse : uint8_t {
  kNone,
  kSizes,    // whether the strides let it be a view at all
  kStrides,  // where in memory the elements lie
};

struct OpTraits {
  const tw_op* op = nullptr;
  std::string name;                         // "tw::sum"
  std::vector<DeclaredArgument> arguments;  // in the schema's order
  const Derivative* derivative = nullptr;
  const BatchingRule* batching = nullptr;
  BatchFunction batch_function = nullptr;  // of a custom batching rule
  std::vector<bool> names_dimensions;      // by argument: whether it counts dimensions
  LayoutUse layout = LayoutUse::kNone;
  bool reads_elements = false;  // tw::contents: what elements are read from
  bool keeps_order = false;     // a view, or a copy, whose elements are those of its argument in the same order
  bool multiplies_matrices = false;
  bool introspective = false;  // of this library: asks for what hangs on the tensors themselves
  bool decomposes = false;     // it is written in other ops
  bool gives_list = false;
  bool composite = false;  // without a derivative of its own: the ops it calls are transformed
  bool pointwise = false, reduction = false, view = false, random = false, dynamic = false;

  int argument(std::string_view wanted) const;  // its position, or -1
};

// Found at the first call, then without a lock.
const OpTraits& traits_of(const tw_op* op);

}  // namespace tw::autograd
