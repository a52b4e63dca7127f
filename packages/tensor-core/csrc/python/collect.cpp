#include "python/collect.h"

#include <tensorwright/tw_abi_autograd.h>

#include "python/object_bridge.h"
#include "python/tensor_object.h"
#include "runtime/tensor.h"

namespace tw::python {

namespace {

// Null as long as autograd is not loaded; then no tensor has a history.
const tw_autograd_if* find_autograd() {
  static const tw_autograd_if* found = nullptr;
  if (found) return found;
  const void* table = nullptr;
  if (g_host->query("tw.autograd", 1, 1, &table) == TW_OK) return found = static_cast<const tw_autograd_if*>(table);
  tw_error* error = nullptr;
  if (g_host->err_take(&error) == TW_OK) g_host->err_free(error);
  return nullptr;
}

struct Visit {
  visitproc function;
  void* argument;
  int result;
};

void TW_CALL visit_child(tw_object* child, void* context) {
  auto* visit = static_cast<Visit*>(context);
  if (visit->result != 0) return;
  if (PyObject* object = sole_python_object(child)) visit->result = visit->function(object, visit->argument);
}

template <class F>
void each_tensor(const tw_value* args, uint32_t n, F&& f) {
  for (uint32_t i = 0; i < n; ++i) {
    if (args[i].tag == TW_TENSOR) f(args[i].u.t);
    if (args[i].tag != TW_TENSORS) continue;
    for (tw_tensor* t : From<TensorList>::get(args[i]))
      if (t) f(t);
  }
}

}  // namespace

int traverse_tensor(PyObject* o, visitproc visit, void* arg) {
  tw_tensor* t = tensor_of(o);
  if (!t || !(t->layers >> TW_L_AUTOGRAD & 1) || *handle_count(t) != 1) return 0;
  const tw_autograd_if* autograd = find_autograd();
  if (!autograd || !TW_HAS(autograd, tw_autograd_if, traverse)) return 0;
  Visit context{visit, arg, 0};
  autograd->traverse(t, visit_child, &context);
  return context.result;
}

HeldTensors::HeldTensors(bool hold, const tw_value* args, uint32_t n) : args_(args), n_(hold ? n : 0) {
  each_tensor(args_, n_, [](tw_tensor* t) { tensor_retain(t); });
}
HeldTensors::~HeldTensors() {
  each_tensor(args_, n_, [](tw_tensor* t) { tensor_release(t); });
}

}  // namespace tw::python
