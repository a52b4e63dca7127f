// One Python object as one argument of an op, by the argument's declared type.
#pragma once

#include "dispatch/op.h"
#include "python/python.h"
#include "python/scratch.h"
#include "python/tensor_object.h"

namespace tw::python {

// What messages call the place that a value was meant for.
struct Where {
  const char* op;        // "add"
  const char* argument;  // "other"
};

// kWrongType leaves the sentence to the caller; kRaised has raised it (an integer too large, ...).
// `lone`: a single item is a list of one (arguments that may also come as separate positionals).
Conversion convert(const ArgSpec& spec, PyObject* o, bool lone, Where where, Scratch& scratch, tw_value* out);
// Whether convert() would find the type right. Cheap, and raises nothing; for choosing among overloads.
bool fits(const ArgSpec& spec, PyObject* o, bool lone);
// Packs several positional arguments into the list that the argument is declared to be.
Conversion convert_items(const ArgSpec& spec, PyObject* const* items, Py_ssize_t count, Where where, Scratch& scratch,
                         tw_value* out);
// Whether one object may be an item of such a list.
bool item_fits(const ArgSpec& spec, PyObject* item);

// A number of Python or NumPy, or an untracked tensor of no dimensions.
Conversion number_from_python(PyObject* o, Where where, Scratch& scratch, tw_value* out);
// An int, or anything with __index__ except bool.
Conversion index_from_python(PyObject* o, Where where, int64_t* out);

// "Tensor or number", "int or list of 2 ints", "str or None"
std::string expected_type(const ArgSpec& spec, bool lone);
// "str", "list with str at index 1", with a hint where there is an obvious remedy
std::string described(PyObject* o, const ArgSpec& spec);

// The common case, inlined: a Tensor where a tensor may stand.
inline Conversion convert_argument(const ArgSpec& spec, PyObject* o, bool lone, Where where, Scratch& scratch,
                                   tw_value* out) {
  if (spec.type <= ArgType::kOperand && is_tensor(o)) {
    *out = {TW_TENSOR, 0, {0}};
    out->u.t = tensor_of(o);
    return Conversion::kDone;
  }
  return convert(spec, o, lone, where, scratch, out);
}

}  // namespace tw::python
