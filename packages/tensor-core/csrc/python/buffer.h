// The buffer protocol, both ways: the formats of element types.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

// The struct-module format of a dtype; null for bfloat16, which has none.
const char* buffer_format(tw_dtype dtype);
// The dtype of a format, whose items have `itemsize` bytes. False if there is no such dtype here.
bool dtype_of_format(const char* format, Py_ssize_t itemsize, tw_dtype* out);

extern PyMethodDef kBufferFunctions[];

}  // namespace tw::python
