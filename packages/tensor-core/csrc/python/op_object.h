// Ops as Python objects: the generic callable of third-party ops, and what siblings put on Tensor.
#pragma once

#include "dispatch/op.h"
#include "python/python.h"

namespace tw::python {

extern PyMethodDef kOpObjectFunctions[];
bool add_op_types(PyObject* module);

}  // namespace tw::python
