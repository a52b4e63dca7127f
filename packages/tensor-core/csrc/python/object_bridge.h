// Python objects inside the core and the core's objects inside Python.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

// An owned tw_object for any Python object; a wrapped tw_object comes back as itself. Null with an exception.
tw_object* object_from_python(PyObject* o);
// The Python object that it was made from, or a wrapper that shows attributes and can be called. Borrows `o`;
// null is None.
PyObject* object_to_python(tw_object* o);

// The Python object that `o` stands for, if nothing else holds `o`; null otherwise. Borrowed.
PyObject* sole_python_object(tw_object* o);

// Whether it is a wrapper of a tw_object.
bool is_native_object(PyObject* o);

// Values without a schema, as callbacks see them. The value stays the caller's.
PyObject* value_to_python(const tw_value& value);
// An owned value (lists are the core's). False with an exception.
bool value_from_python(PyObject* o, tw_value* out);

bool add_object_type(PyObject* module);

}  // namespace tw::python
