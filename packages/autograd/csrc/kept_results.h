// Results of ops that are kept, and given again in place of a second run: what selective checkpointing is made of. The
// layer "tw.autograd.keep", below the recording of gradients, asks a callable about each op that a thread runs.
#pragma once

#include <tensorwright/object.hpp>

namespace tw::autograd {

// Sets the callable that this thread asks, null for none; gives the one before.
//
// It gets the op's name and its arguments. It returns None, and the op runs; or a callable, and the op runs and its
// results are handed to that; or tensors, which are the results. Ops that write, make views or draw random numbers run
// without a question, and so do ops that a composite or a kernel consists of: of these the latter only.
ObjectRef exchange_keeper(tw_object* keeper);

tw_status TW_CALL ask_keeper(void*, tw_call* call);

}  // namespace tw::autograd
