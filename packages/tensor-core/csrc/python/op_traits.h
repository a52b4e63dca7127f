// What the bindings keep of an op beside its spec: interned argument names, and how Python calls it.
#pragma once

#include "dispatch/op.h"
#include "python/python.h"

namespace tw::python {

constexpr uint32_t kMaxArguments = 64;

struct OpTraits {
  const tw_op* op;
  const OpSpec* spec;
  PyObject* names[kMaxArguments];  // interned
  PyTypeObject* result_type;       // of several named results, else null
  bool blocking;                   // may run long whatever its arguments are
  bool makes_tensors;              // a factory: takes requires_grad=, layout= and pin_memory= as well
  int dtype_argument;              // of a factory, else -1
  int device_argument;             // of a factory that follows the default device, else -1
};

// Made at the op's first call and kept. Null with an exception.
const OpTraits* make_traits(const tw_op* op);

extern const OpTraits** g_traits;  // by op id
extern uint32_t g_traits_size;
inline const OpTraits* traits_of(const tw_op* op) {
  const uint32_t id = op->id;
  if (__builtin_expect(id < g_traits_size && g_traits[id], 1)) return g_traits[id];
  return make_traits(op);
}

// The index of the argument that a keyword means, its aliases (axis, keepdims, input) included; -1 if none.
int find_argument(const OpTraits& traits, PyObject* keyword);
// Interns the names that every op shares; called once.
bool intern_common_names();
extern PyObject* g_name_out;
extern PyObject* g_name_requires_grad;

}  // namespace tw::python
