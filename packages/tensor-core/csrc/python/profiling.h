#pragma once

#include "python/python.h"

namespace tw::python {

bool add_profiler(PyObject* module);

}  // namespace tw::python
