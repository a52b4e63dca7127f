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
  node.make_extras().forward_trace = text_of(trace.get());
}

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
