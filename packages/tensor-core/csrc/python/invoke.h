// Running a parsed call and handing its results to Python.
#pragma once

#include "python/parse.h"

namespace tw::python {

// Fresh results: a tensor, a number, a (named) tuple of them, or None.
PyObject* invoke(const Signature& signature, ParsedCall* call);
// In place: writes to the first argument's tensor and returns `self`, its wrapper.
PyObject* invoke_inplace(const OpTraits& traits, const tw_value* args, PyObject* self);

// Results of `nrets` values that are taken over.
PyObject* results_to_python(const OpTraits& traits, tw_value* rets);

// Small calls keep the interpreter lock: giving it up and taking it again costs as much as they do.
constexpr int64_t kElementsWorthTheLock = 8192;
bool is_large(const OpTraits& traits, const tw_value* args);

}  // namespace tw::python
