#include "python/errors.h"

#include "runtime/error.h"

namespace tw::python {

namespace {

PyObject* g_shape_error = nullptr;
PyObject* g_abi_error = nullptr;
PyObject* g_linalg_error = nullptr;

PyObject* exception_type(tw_status status) {
  switch (status) {
    case TW_E_TYPE:
      return PyExc_TypeError;
    case TW_E_VALUE:
      return PyExc_ValueError;
    case TW_E_SHAPE:
      return g_shape_error;
    case TW_E_NOMEM:
      return PyExc_MemoryError;
    case TW_E_UNSUPPORTED:
      return PyExc_NotImplementedError;
    case TW_E_ABI:
      return g_abi_error;
    case TW_E_CANCELLED:
      return PyExc_KeyboardInterrupt;
    case TW_E_INDEX:
      return PyExc_IndexError;
    case TW_E_LINALG:
      return g_linalg_error;
    default:
      return PyExc_RuntimeError;
  }
}

void drop_exception(void* exception) {
  Gil gil;
  Py_DECREF(static_cast<PyObject*>(exception));
}

}  // namespace

bool add_exceptions(PyObject* module) {
  g_shape_error = PyErr_NewExceptionWithDoc("tensorwright.ShapeError",
                                            "The shapes of the arguments do not fit together or are impossible.",
                                            PyExc_ValueError, nullptr);
  g_abi_error = PyErr_NewExceptionWithDoc("tensorwright.AbiError",
                                          "A plugin and this core do not speak the same version of the C ABI.",
                                          PyExc_ImportError, nullptr);
  g_linalg_error =
      PyErr_NewExceptionWithDoc("tensorwright.linalg.LinAlgError",
                                "A matrix is singular, or an algorithm did not converge.", PyExc_RuntimeError, nullptr);
  return g_shape_error && g_abi_error && g_linalg_error &&
         PyModule_AddObjectRef(module, "LinAlgError", g_linalg_error) == 0 &&
         PyModule_AddObjectRef(module, "ShapeError", g_shape_error) == 0 &&
         PyModule_AddObjectRef(module, "AbiError", g_abi_error) == 0;
}

PyObject* shape_error_type() { return g_shape_error; }

PyObject* take_exception() {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

void restore_exception(PyObject* exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception);
#else
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                PyException_GetTraceback(exception));
#endif
}

PyObject* raise(tw_status status) {
  if (void* exception = take_foreign()) {
    restore_exception(static_cast<PyObject*>(exception));
    return nullptr;
  }
  if (PyErr_Occurred()) return nullptr;
  const std::string message = error_message();
  clear_error();
  Ref text(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  if (text) PyErr_SetObject(exception_type(status), text.get());
  return nullptr;
}

tw_status park_exception() {
  PyObject* exception = take_exception();
  if (!exception) return set_error(TW_E_UNKNOWN, "a Python callback failed without an exception");
  Ref message(PyObject_Str(exception));
  const char* text = message ? PyUnicode_AsUTF8(message.get()) : nullptr;
  if (!text) PyErr_Clear();
  return park_foreign(exception, drop_exception, text ? text : type_name(exception));
}

}  // namespace tw::python
