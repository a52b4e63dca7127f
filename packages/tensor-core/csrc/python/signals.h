// Signals between the steps of long loops over Python objects.
#pragma once

#include "python/python.h"

namespace tw::python {

// Counts steps and runs the handlers of signals every some thousand of them, a millisecond or so. Handlers are any
// Python code: what the loop goes over may have changed.
class SignalPaces {
 public:
  // False with a Python error set, if a handler raised one.
  bool answered() {
    if (--left_ > 0) return true;
    left_ = kBetween;
    return PyErr_CheckSignals() == 0;
  }

 private:
  static constexpr int kBetween = 1 << 14;
  int left_ = kBetween;
};

}  // namespace tw::python
