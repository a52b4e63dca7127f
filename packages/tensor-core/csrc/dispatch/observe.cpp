#include "dispatch/observe.h"

#include <utility>

#include "dispatch/profile.h"
#include "runtime/thread_state.h"
#include "runtime/value.h"

namespace tw {

namespace {

thread_local OpObserver* observer = nullptr;
thread_local uint32_t depth = 0;

// What an observer computes is neither observed nor recorded by any layer.
class Unobserved {
 public:
  Unobserved() : observer_(std::exchange(observer, nullptr)), include_(thread_state()->include) {
    exclude_ = std::exchange(thread_state()->exclude, ~uint64_t{0});
    thread_state()->include = 0;
  }
  ~Unobserved() {
    thread_state()->include = include_, thread_state()->exclude = exclude_;
    observer = observer_;
  }
  Unobserved(const Unobserved&) = delete;
  OpObserver* operator->() const { return observer_; }

 private:
  OpObserver* observer_;
  uint64_t include_, exclude_;
};

}  // namespace

bool observing() { return observer != nullptr; }

OpObserver* exchange_observer(OpObserver* next) {
  OpObserver* before = std::exchange(observer, next);
  depth = 0;
  include_profile_layer();
  return before;
}

tw_status run_observed(tw_call* call, tw_status (*run)(tw_call* call)) {
  const OpObserver* mine = observer;
  ++depth;
  tw_status status = run(call);
  --depth;
  if (status != TW_OK || observer != mine) return status;
  {
    const Unobserved scope;
    status = scope->ended(*call, depth);
  }
  for (uint32_t i = 0; status != TW_OK && i < call->nrets; ++i) value_clear(call->rets + i);
  return status;
}

}  // namespace tw
