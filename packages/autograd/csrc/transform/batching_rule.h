// How vmap moves the batch dimension through an op: facets of batching/*.yaml. Pointwise ops, reductions and composites
// need none.
#pragma once

#include <cstdint>

namespace tw::autograd {

enum class BatchingKind : uint8_t {
  kLeading,    // takes any number of leading dimensions: the batch becomes the first
  kAlong,      // works along dimensions given by arguments, which are counted from behind the batch
  kSizes,      // takes sizes of the result, which get the batch size in front
  kBroadcast,  // broadcasts its tensors, as pointwise ops do
  kFolded,     // its first dimension is a batch already: the two become one
  kCustom,     // has a function of its own in batching_functions.cpp
};

struct BatchingRule {
  const char* op;
  BatchingKind kind;
};

// ---- generated
extern const BatchingRule kBatchingRules[];
extern const uint32_t kBatchingRuleCount;

}  // namespace tw::autograd
