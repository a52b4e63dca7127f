// What the generated bindings (codegen's python/bindings_*.cpp) call, and the tables that they define. Generated
// code is one thin function per Python name; everything it does is in parse.cpp, driven by the op's ArgSpecs.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace tw::python {

// One overload of a Python name. Its arguments are kBuiltinOps[op].args.
struct BoundOverload {
  uint16_t op;     // id: `builtin_op(op)` is the handle to call
  int8_t varargs;  // index of the int[] argument that may come as separate positionals (x.view(2, 3)), or -1
  bool out;        // accepts out=: a tensor, or a tuple of one tensor per result
};

// A Python name: its overloads in declaration order; the first whose argument types fit is called. When none
// fits the error lists them all.
struct BoundOp {
  const char* name;  // "add", "add_", "max"
  const BoundOverload* overloads;
  uint8_t count;
  bool inplace;  // rets[0] is preset to the first argument's tensor, which is returned
};

// As a function (of tensorwright.ops) and as a method. `args` and `kwnames` as in METH_FASTCALL | METH_KEYWORDS.
PyObject* call_function(const BoundOp& op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);
PyObject* call_method(const BoundOp& op, PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);
// As an operator. Py_NotImplemented when an operand is neither a tensor nor a number that the op takes.
PyObject* call_unary(const BoundOp& op, PyObject* operand);
PyObject* call_binary(const BoundOp& op, PyObject* left, PyObject* right);

// ---- generated ----------------------------------------------------------------------------------------

// Every op of every variant, aliases included: the functions of tensorwright.ops. Ends with a null name.
extern PyMethodDef kOpFunctions[];
// Those of them that are offered as tensorwright.<name> as well. Ends with null.
extern const char* const kPublicFunctions[];
// Those that a module of tensorwright offers: {"linalg", "solve", "linalg_solve"}. Ends with a null module.
struct ModuleFunction {
  const char* module;
  const char* name;
  const char* function;
};
extern const ModuleFunction kModuleFunctions[];
// Methods of Tensor that are ops (x.sum, x.add_). Ends with a null name.
extern PyMethodDef kTensorMethods[];
// What is behind the names of both, for those who resolve calls ahead of time. Ends with a null name.
struct BoundName {
  const char* name;
  const BoundOp* op;
  bool method;
};
extern const BoundName kBoundNames[];
// Slots whose operators are ops; the others (nb_bool, nb_int, nb_float, nb_index) are null and filled by tensor.cpp.
extern PyNumberMethods kTensorNumbers;
// <, <=, ==, !=, >, >=: tp_richcompare.
PyObject* tensor_richcompare(PyObject* left, PyObject* right, int comparison);

}  // namespace tw::python
