// tensorwright.Size: the shape of a tensor, a tuple of ints with numel().
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

extern PyTypeObject SizeType;
PyObject* size_object(IntList shape);  // new reference
PyObject* int_tuple(IntList list);     // a plain tuple
bool add_size_type(PyObject* module);

}  // namespace tw::python
