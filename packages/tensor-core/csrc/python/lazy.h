// What the bindings fetch from Python only when it is needed: printing, construction, plugins.
#pragma once

#include "python/python.h"

namespace tw::python {

// module.name, imported at the first use and kept for the process. Borrowed; null with an exception.
PyObject* lazy_attribute(const char* module, const char* name);
// module.name(argument)
Ref call_lazy(const char* module, const char* name, PyObject* argument);

// numpy.ndarray and numpy.generic if numpy was imported by anyone; else null. Borrowed, no exception.
PyTypeObject* numpy_array_type();
PyTypeObject* numpy_scalar_type();
inline bool is_numpy_array(PyObject* o) {
  PyTypeObject* type = numpy_array_type();
  return type && PyObject_TypeCheck(o, type);
}
inline bool is_numpy_scalar(PyObject* o) {
  PyTypeObject* type = numpy_scalar_type();
  return type && PyObject_TypeCheck(o, type);
}

}  // namespace tw::python
