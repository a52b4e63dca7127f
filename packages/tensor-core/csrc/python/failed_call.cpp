#include "python/failed_call.h"

#include "dispatch/registry.h"
#include "python/errors.h"
#include "python/lazy.h"
#include "python/object_bridge.h"

namespace tw::python {

namespace {

// {argument: tensor, or tuple of tensors}. Null with an exception.
Ref tensors_of(const OpTraits& traits, const tw_value* args) {
  Ref operands(PyDict_New());
  for (uint32_t i = 0; operands && i < traits.spec->nargs; ++i) {
    if (args[i].tag != TW_TENSOR && args[i].tag != TW_TENSORS) continue;
    const Ref value(value_to_python(args[i]));
    if (!value || PyDict_SetItem(operands.get(), traits.names[i], value.get()) < 0) return Ref();
  }
  return operands;
}

bool attach(PyObject* error, const OpTraits& traits, const tw_value* args) {
  PyObject* type = lazy_attribute("tensorwright._failed_call", "FailedCall");
  const Ref operands = type ? tensors_of(traits, args) : Ref();
  const Ref message = operands ? Ref(PyObject_Str(error)) : Ref();
  if (!message) return false;
  const Ref call(PyObject_CallFunction(type, "sOO", display_name(*traits.spec), operands.get(), message.get()));
  return call && PyObject_SetAttrString(error, "failed_call", call.get()) == 0;
}

}  // namespace

PyObject* raise_call(const OpTraits& traits, const tw_value* args, tw_status status) {
  const bool from_python = status == TW_E_FOREIGN || status == TW_E_CANCELLED;
  raise(status);
  if (from_python) return nullptr;
  const Ref error(take_exception());
  if (!attach(error.get(), traits, args)) PyErr_WriteUnraisable(error.get());
  restore_exception(Py_NewRef(error.get()));
  return nullptr;
}

}  // namespace tw::python
