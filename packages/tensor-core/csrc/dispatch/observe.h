// Observers: a function that sees each op that a thread runs, with its arguments and results, when the op has ended.
// It is called by the layer TW_L_PROFILE, below all others.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw {

class OpObserver {
 public:
  virtual ~OpObserver() = default;
  // `depth`: in how many other ops the call lies. A failure becomes that of the call.
  virtual tw_status ended(const tw_call& call, uint32_t depth) = 0;
};

// Sets the observer of this thread, null for none, and gives the one before. Its own calls are not observed.
TW_EXPORT OpObserver* exchange_observer(OpObserver* observer);

TW_EXPORT bool observing();

// Used by the layer: runs the call, and shows it to the thread's observer.
tw_status run_observed(tw_call* call, tw_status (*run)(tw_call* call));

}  // namespace tw
