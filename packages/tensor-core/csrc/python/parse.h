// From the arguments of a Python call to the values of an op's call, driven by the op's ArgSpecs.
#pragma once

#include "python/bind.h"
#include "python/convert.h"
#include "python/op_traits.h"

namespace tw::python {

// The arguments of a vectorcall; for a method `self` comes first.
struct Arguments {
  PyObject* self;  // or null
  PyObject* const* values;
  Py_ssize_t nvalues;  // positional ones, without self
  PyObject* kwnames;   // or null

  Py_ssize_t positional() const { return nvalues + (self ? 1 : 0); }
  PyObject* at(Py_ssize_t i) const { return self ? (i == 0 ? self : values[i - 1]) : values[i]; }
  Py_ssize_t keywords() const { return kwnames ? PyTuple_GET_SIZE(kwnames) : 0; }
  PyObject* keyword(Py_ssize_t i) const { return PyTuple_GET_ITEM(kwnames, i); }
  PyObject* keyword_value(Py_ssize_t i) const { return values[nvalues + i]; }
};

// How a Python name reaches an op.
struct Signature {
  const char* name;  // what messages call it
  const OpTraits* traits;
  int varargs;  // index of the int[] argument that may come as separate positionals, or -1
  bool out;     // takes out=
};

struct ParsedCall {
  tw_value args[kMaxArguments];
  Scratch scratch;
  PyObject* out = nullptr;  // borrowed
  bool requires_grad = false;
};

// False with an exception that names the op, the argument, what was expected and what came.
bool parse(const Signature& signature, const Arguments& given, ParsedCall* call);
// Whether the number, names and types of the arguments fit. Raises nothing.
bool accepts(const Signature& signature, const Arguments& given);
// TypeError that lists the signatures, none of which fits.
void raise_no_overload(const BoundOp& op, const Arguments& given);

}  // namespace tw::python
