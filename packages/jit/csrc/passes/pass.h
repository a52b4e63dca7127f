// Passes: each rewrites a program in one way, with a stated need and a stated promise, which run_pass can check.
#pragma once

#include "../ir/verify.h"
#include "editor.h"

namespace tw::jit {

struct PassOptions {
  bool fold_attributes = false;  // attributes will not change any more: they are constants
  int64_t largest_constant = 0;  // bytes of one folded result
  int64_t largest_unrolled = 0;  // nodes that unrolling one loop may give
  bool reductions = true;        // groups of fusions may have some
};

struct Pass {
  std::string_view name;
  Level needs;  // the level that the program must be at
  Level keeps;  // the levels up to this one at which a program is, it is at afterwards
  Level gives;  // the level that it is at afterwards whatever it was at
  // Returns how many changes it made; 0: the program is as it was.
  int64_t (*run)(Editor& edit, const PassOptions& options);
};

const std::vector<Pass>& passes();
// Throws TW_E_VALUE if there is none, naming those there are.
const Pass& pass_named(std::string_view name);

// With `check`, the verifier looks before at what the pass needs and afterwards at what it promises.
int64_t run_pass(Program& program, const Pass& pass, const PassOptions& options, bool check);

// ---- the passes, each in a file of its own -------------------------------------------------------------------------

int64_t functionalise(Editor& edit, const PassOptions& options);
int64_t functionalise_function(Editor& edit, FunctionId function);
int64_t inline_calls(Editor& edit, const PassOptions& options);
int64_t propagate_constants(Editor& edit, const PassOptions& options);
int64_t canonicalise(Editor& edit, const PassOptions& options);
int64_t eliminate_common(Editor& edit, const PassOptions& options);
int64_t eliminate_dead(Editor& edit, const PassOptions& options);
int64_t hoist_invariants(Editor& edit, const PassOptions& options);
int64_t unroll(Editor& edit, const PassOptions& options);
int64_t propagate_shapes(Editor& edit, const PassOptions& options);
int64_t fold_batch_norm(Editor& edit, const PassOptions& options);
int64_t remove_grad_modes(Editor& edit, const PassOptions& options);
int64_t remove_dropout(Editor& edit, const PassOptions& options);
int64_t lift(Editor& edit, const PassOptions& options);
int64_t lift_softmax(Editor& edit, const PassOptions& options);
int64_t sink_transposes(Editor& edit, const PassOptions& options);
int64_t decompose(Editor& edit, const PassOptions& options);
int64_t group_layers(Editor& edit, const PassOptions& options);
int64_t assign_layouts(Editor& edit, const PassOptions& options);
int64_t group_fusions(Editor& edit, const PassOptions& options);
int64_t plan_memory(Editor& edit, const PassOptions& options);

// An analysis: where the values of a function lie in one block of memory.
struct MemoryPlan {
  // Of nodes whose values stay within the function and whose sizes are known. A tuple's parts lie one after the other.
  struct Place {
    int64_t offset;
    bool row_major;
  };
  std::unordered_map<NodeId, Place> places;
  int64_t bytes = 0;
  std::string text;
};
constexpr int64_t kMemoryAlignment = 64;
MemoryPlan memory_plan(Editor& edit, FunctionId function);
// The one that the graph states. Throws TW_E_VALUE where it has none, and where values would lie over each other.
MemoryPlan checked_memory(Editor& edit, FunctionId function);

// As ir/verify.h says, and at the level planned checked_memory of every function.
void verify(Program& program, Level level);

}  // namespace tw::jit
