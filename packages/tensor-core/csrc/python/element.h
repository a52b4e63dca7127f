// One element of a tensor as a Python number, and back.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

// The element at `data`, which is host memory.
PyObject* element_to_python(const void* data, tw_dtype dtype);
// Writes a bool, int, float or complex as `dtype`. False with an exception: OverflowError for an integer out of
// range, TypeError for a complex number in a real dtype.
bool element_from_python(PyObject* number, tw_dtype dtype, void* data);

// A copy of a tensor of any device in host memory.
Tensor host_copy(TensorRef t);

// The only element of a tensor, whatever device it is on. Null with an exception; `who` names the caller.
PyObject* tensor_item(tw_tensor* t, const char* who);
// The tensor to read elements from: another one for a tensor of a transform. Throws where there is none.
Tensor readable(TensorRef t);

}  // namespace tw::python
