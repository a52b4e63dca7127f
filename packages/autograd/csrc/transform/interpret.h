// The layer "tw.transform": a call goes to the highest open level among its tensors.
#pragma once

#include "op_traits.h"
#include "wrapped.h"

namespace tw::autograd {

// Layer kernel of all ops.
tw_status TW_CALL interpret(void*, tw_call* call);
// Layer kernel of all ops of "tw.autograd.unwrap", below autograd: runs a call of a grad level on the level below.
tw_status TW_CALL unwrap(void*, tw_call* call);

// One kind of level each: what it does with a call that has no derivative or rule to be decomposed by.
void interpret_grad(const LevelRef& level, tw_call& call);
void interpret_forward(const LevelRef& level, const OpTraits& op, tw_call& call);
void interpret_batch(const LevelRef& level, const OpTraits& op, tw_call& call);
// An op without wrapped arguments: random ones follow vmap's randomness mode.
void interpret_unwrapped(const OpTraits& op, tw_call& call);
// Whether a random op, though its arguments belong to this level, is called inside of a vmap that is further in.
bool draws_further_in(const OpTraits& op, const Level& level);
// A random op by the mode of this level of vmap, outside of it.
void draw_on(const LevelRef& level, const OpTraits& op, tw_call& call);
// Wraps new tensors among the results for the levels inside of those that their arguments belong to, so that what
// depends on these may be written into them. `targets` has the bits of the results that the caller gave.
void adopt_results(const OpTraits& op, tw_call& call, uint64_t targets);

// Refuses a write of a result that depends on the level into a tensor that does not.
[[noreturn]] void refuse_outside_write(const OpTraits& op, const char* transform);

}  // namespace tw::autograd
