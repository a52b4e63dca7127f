#include "warn.h"

#include <mutex>

namespace tw::autograd {
namespace {

std::mutex mutex;
ObjectRef* warner = new ObjectRef();  // never destroyed: it may be Python's, which ends before this library

}  // namespace

void set_warner(tw_object* callable) {
  ObjectRef fresh = ObjectRef::retain(callable);
  std::lock_guard<std::mutex> lock(mutex);
  std::swap(*warner, fresh);
}

void warn(const std::string& message) {
  ObjectRef callable;
  {
    std::lock_guard<std::mutex> lock(mutex);
    callable = *warner;
  }
  if (!callable) return;
  const tw_value text = to_value(std::string_view(message));
  Value result;
  call_object(callable.get(), {&text, 1}, result);
}

}  // namespace tw::autograd
