// Calls that belong to a type of Python which stands for tensors: symbolic values, lazy arrays. Looked for only when
// the arguments do not fit, so that calls of tensors cost nothing more.
#pragma once

#include "python/parse.h"

namespace tw::python {

// After parsing has failed: what `__tensor_function__(function, types, args, kwargs)` of the first argument whose type
// has one returns. Null with the pending exception where none has. `function` is null for an op by its name, and
// looked up: a function of tensorwright.ops, or of Tensor where `given` has a self.
PyObject* overridden(PyObject* function, const char* name, const Arguments& given);

}  // namespace tw::python
