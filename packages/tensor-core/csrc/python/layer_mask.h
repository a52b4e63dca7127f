#pragma once

#include "python/python.h"

namespace tw::python {

extern PyMethodDef kLayerFunctions[];
bool add_layer_mask_type(PyObject* module);

}  // namespace tw::python
