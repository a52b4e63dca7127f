// Anomaly mode: every node remembers where its forward call stood, and a pass refuses NaN.
#pragma once

#include "node.h"

namespace tw::autograd {

extern std::atomic<bool> anomaly_flag;
inline bool anomaly_enabled() { return __builtin_expect(anomaly_flag.load(std::memory_order_relaxed), 0); }
bool anomaly_checks_nan();

// `tracer` is called without arguments and returns the text of the caller's stack. Null switches the mode off.
void set_anomaly(tw_object* tracer, bool check_nan);
// With the trace of the node that runs now, if a pass records itself.
void note_forward_trace(Node& node);
// The node that a pass runs on this thread, in anomaly mode.
class RunningNode {
 public:
  explicit RunningNode(Node& node) {
    if (anomaly_enabled()) enter(node);
  }
  RunningNode(const RunningNode&) = delete;
  ~RunningNode() {
    if (entered_) leave();
  }

 private:
  void enter(Node& node);
  void leave();
  bool entered_ = false;
  Node* outer_ = nullptr;
};
// Refuses NaN among the gradients that a node gave.
void check_finite(Node& node, const Tensor* results, uint32_t count);
// Adds to the pending error of a node's failure where the forward call stood.
std::string forward_trace(Node& node);

}  // namespace tw::autograd
