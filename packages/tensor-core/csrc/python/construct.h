// Tensors from Python data: nested lists, numbers, buffers.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

// A new tensor in host memory with the values of `data` (numbers, nested lists, buffers, tensors). Without a dtype
// it is found from the values. Null with an exception whose text begins with `who`.
Tensor tensor_from_data(PyObject* data, const tw_dtype* dtype, const char* who);

// A tensor over memory that another object exports (buffer protocol, NumPy arrays). Read-only memory gives a
// read-only tensor. Null with an exception.
Tensor tensor_from_buffer(PyObject* exporter, const char* who);

// dst[...] = src with a conversion of dtype, in host memory and unseen by any layer.
void copy_converted(TensorRef dst, TensorRef src);

extern PyMethodDef kConstructFunctions[];

}  // namespace tw::python
