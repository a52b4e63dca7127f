#include "python/lazy.h"

#include <map>
#include <string>

#include "python/errors.h"
#include "runtime/text.h"

namespace tw::python {

namespace {

// A type of numpy, looked up in sys.modules: numpy itself is never imported from here.
PyTypeObject* numpy_type(const char* name, PyTypeObject*& cache) {
  if (cache) return cache;
  PyObject* modules = PyImport_GetModuleDict();
  PyObject* numpy = modules ? PyDict_GetItemString(modules, "numpy") : nullptr;
  if (!numpy) return nullptr;
  Ref type(PyObject_GetAttrString(numpy, name));
  if (!type || !PyType_Check(type.get())) {
    PyErr_Clear();  // numpy is still being imported
    return nullptr;
  }
  return cache = reinterpret_cast<PyTypeObject*>(type.release());
}

}  // namespace

PyObject* lazy_attribute(const char* module, const char* name) {
  static auto* known = new std::map<std::pair<std::string, std::string>, PyObject*>;
  auto& slot = (*known)[{module, name}];
  if (slot) return slot;
  Ref loaded(PyImport_ImportModule(module));
  if (!loaded) return nullptr;
  return slot = PyObject_GetAttrString(loaded.get(), name);
}

Ref call_lazy(const char* module, const char* name, PyObject* argument) {
  PyObject* function = lazy_attribute(module, name);
  return Ref(function ? PyObject_CallOneArg(function, argument) : nullptr);
}

PyTypeObject* numpy_array_type() {
  static PyTypeObject* cache = nullptr;
  return numpy_type("ndarray", cache);
}

PyTypeObject* numpy_scalar_type() {
  static PyTypeObject* cache = nullptr;
  return numpy_type("generic", cache);
}

}  // namespace tw::python
