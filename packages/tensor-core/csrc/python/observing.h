#pragma once

#include "python/python.h"

namespace tw::python {

extern PyMethodDef kObserverFunctions[];

}  // namespace tw::python
