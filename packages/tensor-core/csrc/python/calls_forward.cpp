#include "python/calls_forward.h"

#include "python/errors.h"

namespace tw::python {

namespace {

constexpr Py_ssize_t kArgumentsOnTheStack = 8;

PyObject* g_forward;
PyObject* g_registries[4];  // names of dictionaries of hooks
PyObject* g_call_with_hooks;
PyObject* g_call_failed;
bool g_all_are_watched = false;

bool has_hooks(PyObject* attributes) {
  if (g_all_are_watched) return true;
  for (PyObject* registry : g_registries) {
    PyObject* hooks = PyDict_GetItemWithError(attributes, registry);
    if (!hooks || !PyDict_CheckExact(hooks) || PyDict_GET_SIZE(hooks) != 0)
      return true;  // a missing one is missed there
  }
  return false;
}

// `method` of the class with self in front, which needs no bound method.
PyObject* call_method(PyObject* method, PyObject* self, PyObject* args, PyObject* kwargs) {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  PyObject* stack[kArgumentsOnTheStack + 1] = {self};
  for (Py_ssize_t i = 0; i < n; ++i) stack[i + 1] = PyTuple_GET_ITEM(args, i);
  const Ref held = Ref::borrow(method);
  return PyObject_VectorcallDict(method, stack, static_cast<size_t>(n) + 1, kwargs);
}

PyObject* call_forward(PyObject* self, PyObject* attributes, PyObject* args, PyObject* kwargs) {
  PyObject* method = _PyType_Lookup(Py_TYPE(self), g_forward);
  const bool plain = method && PyFunction_Check(method) && PyTuple_GET_SIZE(args) <= kArgumentsOnTheStack;
  if (plain && !PyDict_GetItemWithError(attributes, g_forward)) return call_method(method, self, args, kwargs);
  const Ref forward(PyErr_Occurred() ? nullptr : PyObject_GetAttr(self, g_forward));
  return forward ? PyObject_Call(forward.get(), args, kwargs) : nullptr;
}

PyObject* call_with_hooks(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (PyErr_Occurred()) return nullptr;
  const Ref keywords = kwargs ? Ref::borrow(kwargs) : Ref(PyDict_New());
  return keywords ? PyObject_CallMethodObjArgs(self, g_call_with_hooks, args, keywords.get(), nullptr) : nullptr;
}

// Lets the object add to the pending exception where it happened; the exception stays what it is.
void tell(PyObject* self, PyObject* args, PyObject* kwargs) {
  const Ref error(take_exception());
  if (PyErr_GivenExceptionMatches(error.get(), PyExc_Exception)) {
    PyObject* keywords = kwargs ? kwargs : Py_None;
    const Ref told(PyObject_CallMethodObjArgs(self, g_call_failed, error.get(), args, keywords, nullptr));
    if (!told) PyErr_WriteUnraisable(self);
  }
  restore_exception(Py_NewRef(error.get()));
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject** const place = _PyObject_GetDictPtr(self);
  PyObject* const attributes = place ? *place : nullptr;
  if (!attributes) return type_error(type_name(self), ": an object without attributes cannot be called");
  PyObject* result =
      has_hooks(attributes) ? call_with_hooks(self, args, kwargs) : call_forward(self, attributes, args, kwargs);
  if (__builtin_expect(!result, 0)) tell(self, args, kwargs);
  return result;
}

// For type checkers: `Module[[Tensor], Tensor]` is the class itself.
PyObject* subscript(PyObject* type, PyObject*) { return Py_NewRef(type); }

// For hooks on all objects: while there are some, every call runs _call_with_hooks.
PyObject* watch_all(PyObject*, PyObject* watched) {
  const int truth = PyObject_IsTrue(watched);
  if (truth < 0) return nullptr;
  g_all_are_watched = truth != 0;
  return Py_NewRef(Py_None);
}

PyMethodDef methods[] = {
    {"_watch_all", watch_all, METH_O | METH_STATIC, "Whether every call runs `_call_with_hooks`."},
    {"__class_getitem__", subscript, METH_O | METH_CLASS, "The class itself; what it is called with is for checkers."},
    {},
};

PyTypeObject CallsForwardType = [] {
  PyTypeObject type = static_type(
      "tensorwright._C.CallsForward",
      "Objects whose call runs `forward(*args, **kwargs)`; `_call_with_hooks(args, kwargs)` where `_forward_hooks`, "
      "`_forward_pre_hooks`, `_backward_hooks` or `_backward_pre_hooks` has entries. An exception is first shown to "
      "`_call_failed(error, args, kwargs)`.",
      sizeof(PyObject), Py_TPFLAGS_BASETYPE);
  type.tp_new = PyBaseObject_Type.tp_new;  // also for those who call object.__new__
  type.tp_call = call;
  type.tp_methods = methods;
  return type;
}();

bool intern(PyObject*& slot, const char* name) { return (slot = PyUnicode_InternFromString(name)) != nullptr; }

}  // namespace

bool add_calls_forward_type(PyObject* module) {
  return intern(g_forward, "forward") && intern(g_registries[0], "_forward_hooks") &&
         intern(g_registries[1], "_forward_pre_hooks") && intern(g_registries[2], "_backward_hooks") &&
         intern(g_registries[3], "_backward_pre_hooks") && intern(g_call_with_hooks, "_call_with_hooks") &&
         intern(g_call_failed, "_call_failed") && PyType_Ready(&CallsForwardType) == 0 &&
         PyModule_AddObjectRef(module, "CallsForward", reinterpret_cast<PyObject*>(&CallsForwardType)) == 0;
}

}  // namespace tw::python
