// What Python's cycle collector must see of a graph: objects that a tensor alone keeps alive, through its hooks and the
// nodes of its history. Objects that are also reached in other ways count as used, so nothing needs to be exact but
// this: no object may be visited that something else holds too.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::autograd {

// The entry `traverse` of "tw.autograd/1".
void TW_CALL traverse_history(const tw_tensor* t, void(TW_CALL* visit)(tw_object* child, void* ctx), void* ctx);

}  // namespace tw::autograd
