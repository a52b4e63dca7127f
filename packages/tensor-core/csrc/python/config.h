#pragma once

#include "python/python.h"

namespace tw::python {

bool add_config(PyObject* module);

}  // namespace tw::python
