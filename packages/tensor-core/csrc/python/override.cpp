#include "python/override.h"

#include <algorithm>
#include <string>

#include "python/tensor_object.h"

namespace tw::python {

namespace {

constexpr const char* kProtocol = "__tensor_function__";
constexpr int kDeepestSearch = 8;

// Borrowed: the first object with the protocol in a tree of lists, tuples and slices.
PyObject* bearer_in(PyObject* o, int depth) {
  if (PyTuple_Check(o) || PyList_Check(o)) {
    const Py_ssize_t n = depth < kDeepestSearch ? PySequence_Fast_GET_SIZE(o) : 0;
    for (Py_ssize_t i = 0; i < n; ++i)
      if (PyObject* found = bearer_in(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return found;
    return nullptr;
  }
  if (PySlice_Check(o)) {
    const auto* slice = reinterpret_cast<PySliceObject*>(o);
    for (PyObject* part : {slice->start, slice->stop, slice->step})
      if (PyObject* found = bearer_in(part, depth + 1)) return found;
    return nullptr;
  }
  if (is_tensor(o) || o == Py_None || PyUnicode_Check(o) || PyLong_Check(o) || PyFloat_Check(o)) return nullptr;
  return PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), kProtocol) ? o : nullptr;
}

PyObject* bearer_among(const Arguments& given) {
  for (Py_ssize_t i = 0; i < given.positional(); ++i)
    if (PyObject* found = bearer_in(given.at(i), 0)) return found;
  for (Py_ssize_t i = 0; i < given.keywords(); ++i)
    if (PyObject* found = bearer_in(given.keyword_value(i), 0)) return found;
  return nullptr;
}

PyObject* function_named(const char* name, bool method) {
  if (method) return PyObject_GetAttrString(reinterpret_cast<PyObject*>(&TensorType), name);
  std::string flat = name;  // messages say linalg.solve, the module has linalg_solve
  std::replace(flat.begin(), flat.end(), '.', '_');
  Ref module(PyImport_ImportModule("tensorwright.ops"));
  return module ? PyObject_GetAttrString(module.get(), flat.c_str()) : nullptr;
}

PyObject* positional_tuple(const Arguments& given) {
  PyObject* tuple = PyTuple_New(given.positional());
  for (Py_ssize_t i = 0; tuple && i < given.positional(); ++i) PyTuple_SET_ITEM(tuple, i, Py_NewRef(given.at(i)));
  return tuple;
}

PyObject* keyword_dict(const Arguments& given) {
  Ref dict(PyDict_New());
  for (Py_ssize_t i = 0; dict && i < given.keywords(); ++i)
    if (PyDict_SetItem(dict.get(), given.keyword(i), given.keyword_value(i)) < 0) return nullptr;
  return dict.release();
}

}  // namespace

PyObject* overridden(PyObject* function, const char* name, const Arguments& given) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return nullptr;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* bearer = bearer_among(given);
  if (!bearer) return PyErr_Restore(type, value, traceback), nullptr;
  Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(traceback);
  Ref called(function ? Py_NewRef(function) : function_named(name, given.self != nullptr));
  if (!called) return nullptr;
  Ref args(positional_tuple(given)), kwargs(keyword_dict(given));
  Ref types(PyTuple_Pack(1, reinterpret_cast<PyObject*>(Py_TYPE(bearer))));
  Ref protocol(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(bearer)), kProtocol));
  if (!args || !kwargs || !types || !protocol) return nullptr;
  return PyObject_CallFunctionObjArgs(protocol.get(), called.get(), types.get(), args.get(), kwargs.get(), nullptr);
}

}  // namespace tw::python
