// Tensors and Python's cycle collector: a tensor that took part in differentiation may keep Python objects alive, hooks
// and contexts of functions, which hold the tensor in turn.
#pragma once

#include <tensorwright/tw_abi.h>

#include "python/python.h"

namespace tw::python {

// tp_traverse of tensors. What it shows depends on counts that change only under the interpreter lock: calls that give
// the lock up hold their tensors meanwhile, see HeldTensors.
int traverse_tensor(PyObject* o, visitproc visit, void* arg);

// Handles of a call's tensors while it runs without the interpreter lock: a tensor with more than one handle is in use
// for the collector. Made and dropped with the lock.
class HeldTensors {
 public:
  HeldTensors(bool hold, const tw_value* args, uint32_t n);
  HeldTensors(const HeldTensors&) = delete;
  ~HeldTensors();

 private:
  const tw_value* args_;
  uint32_t n_;
};

}  // namespace tw::python
