// The sentences of calls that do not fit an op's signature. Each sets a TypeError.
#pragma once

#include "python/parse.h"

namespace tw::python {

void raise_wrong_type(const Signature& s, uint32_t argument, PyObject* value);
// One of the separate positionals that make up a list is no int.
void raise_wrong_item(const Signature& s, uint32_t argument, const Arguments& given, Py_ssize_t first);
void raise_too_many(const Signature& s, const Arguments& given);
void raise_missing(const Signature& s, uint32_t argument, const Arguments& given);
void raise_given_twice(const Signature& s, uint32_t argument);
void raise_unexpected(const Signature& s, PyObject* keyword);

}  // namespace tw::python
