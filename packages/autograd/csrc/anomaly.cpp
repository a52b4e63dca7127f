#include "anomaly.h"

#include <mutex>

#include "hooks.h"
#include "tensor_ops.h"
#include "text.h"

namespace tw::autograd {
namespace {

std::mutex settings_mutex;
ObjectRef* tracer = new ObjectRef();  // never destroyed: it may hold a Python object at exit
std::atomic<bool> nan_flag{true};
thread_local Node* running = nullptr;

}  // namespace

std::atomic<bool> anomaly_flag{false};

bool anomaly_checks_nan() { return nan_flag.load(std::memory_order_relaxed); }

void set_anomaly(tw_object* new_tracer, bool check_nan) {
  ObjectRef fresh = ObjectRef::retain(new_tracer);
  {
    std::lock_guard<std::mutex> lock(settings_mutex);
    std::swap(*tracer, fresh);
  }
  nan_flag = check_nan;
  anomaly_flag = new_tracer != nullptr;
}

void note_forward_trace(Node& node) {
  ObjectRef callable;
  {
    std::lock_guard<std::mutex> lock(settings_mutex);
    callable = *tracer;
  }
  if (!callable) return;
  Value trace;
  call_object(callable.get(), {}, trace);
  std::string& kept = node.make_extras().forward_trace = text_of(trace.get());
  const std::string cause = running ? forward_trace(*running) : std::string();
  if (!cause.empty())
    kept += text("It belongs to a backward pass, to ", running->name(), ", whose forward call was this:\n", cause);
}

void RunningNode::enter(Node& node) {
  outer_ = std::exchange(running, &node);
  entered_ = true;
}
void RunningNode::leave() { running = outer_; }

std::string forward_trace(Node& node) {
  const NodeExtras* extras = node.extras();
  return extras ? extras->forward_trace : std::string();
}

void check_finite(Node& node, const Tensor* results, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    if (results[i] && has_nan(results[i]))
      throw Error(TW_E_UNKNOWN, text(node.name(), " returned NaN in gradient ", i, " (", results[i].dtype(), " ",
                                     results[i].shape(), ")"));
}

}  // namespace tw::autograd
