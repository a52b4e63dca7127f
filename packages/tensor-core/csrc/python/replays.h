#pragma once

#include "python/python.h"

namespace tw::python {

bool add_replays_type(PyObject* module);

}  // namespace tw::python
