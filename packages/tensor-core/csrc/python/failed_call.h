// Exceptions that know the call of the op which raised them.
#pragma once

#include "python/op_traits.h"

namespace tw::python {

// Raises what the error slot holds, with the op and the tensors it was given as the exception's `failed_call`. Always
// null.
PyObject* raise_call(const OpTraits& traits, const tw_value* args, tw_status status);

}  // namespace tw::python
