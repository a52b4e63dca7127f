// Errors between the core's slot and Python: each status code is one exception type.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"
#include "runtime/text.h"

namespace tw::python {

// Creates tensorwright.ShapeError and tensorwright.AbiError and adds them to the module.
bool add_exceptions(PyObject* module);
PyObject* shape_error_type();

// Raises what the error slot holds; a parked Python exception comes out as the same object. Always null.
PyObject* raise(tw_status status);
// The pending exception as one object, with its traceback attached; and back. Both pass on ownership.
PyObject* take_exception();
void restore_exception(PyObject* exception);
// Moves the pending Python exception into the slot.
tw_status park_exception();

// Raises `type` with the concatenation of the parts. Always null.
template <class... Parts>
std::nullptr_t fail_with(PyObject* type, const Parts&... parts) {
  PyErr_SetString(type, text(parts...).c_str());
  return nullptr;
}
template <class... Parts>
std::nullptr_t type_error(const Parts&... parts) {
  return fail_with(PyExc_TypeError, parts...);
}
template <class... Parts>
std::nullptr_t value_error(const Parts&... parts) {
  return fail_with(PyExc_ValueError, parts...);
}

// Runs a C++ function that may throw the core's errors and turns them into Python's.
template <class F>
auto translate(F&& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (const PendingError& e) {
    raise(e.code());
  } catch (const Error& e) {
    raise(g_host->err_set(e.code(), e.what()));
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return decltype(f()){};
}

}  // namespace tw::python
