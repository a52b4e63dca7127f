// The type whose instances are called through their method `forward`: the base of nn.Module.
#pragma once

#include "python/python.h"

namespace tw::python {

bool add_calls_forward_type(PyObject* module);

}  // namespace tw::python
