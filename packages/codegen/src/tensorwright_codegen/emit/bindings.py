"""python/bindings.cpp: the Python functions, methods and operators, as tables over the one parser."""

from __future__ import annotations

from dataclasses import dataclass

from ..facets import Op, OpSet
from ..facets.model import BINARY_OPERATORS, UNARY_OPERATORS
from ..rules.cpp import cpp_string
from .docstrings import docstring, text_signature
from .output import Output

_COMPARISONS = {"<": "Py_LT", "<=": "Py_LE", "==": "Py_EQ", "!=": "Py_NE", ">": "Py_GT", ">=": "Py_GE"}
_INPLACE_SLOTS = frozenset(BINARY_OPERATORS) - {"@"}
_HEAD = """
#include "python/bind.h"

namespace tw::python {
namespace {

template <const BoundOp& op>
PyObject* function(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return call_function(op, args, nargs, kwnames);
}
template <const BoundOp& op>
PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return call_method(op, self, args, nargs, kwnames);
}
template <const BoundOp& op>
PyObject* unary(PyObject* operand) {
  return call_unary(op, operand);
}
template <const BoundOp& op>
PyObject* binary(PyObject* left, PyObject* right) {
  return call_binary(op, left, right);
}
// Three-argument pow() has no meaning for tensors.
template <const BoundOp& op>
PyObject* power(PyObject* left, PyObject* right, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return call_binary(op, left, right);
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
PyMethodDef define(const char* name, FastCall f, const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL | METH_KEYWORDS, doc};
}

"""


@dataclass(frozen=True)
class Binding:
    """A Python name and the overloads behind it."""

    name: str
    ops: tuple[Op, ...]
    inplace: bool

    @property
    def is_public(self) -> bool:
        return any(op.has("function_inplace" if self.inplace else "function") for op in self.ops)

    @property
    def is_method(self) -> bool:
        return bool(self.methods())

    def functions(self) -> tuple[Op, ...]:
        """Overloads of the function; all of them where none is public, because tensorwright.ops has every op."""
        public = tuple(op for op in self.ops if op.has("function"))
        return self.ops if self.inplace or not public else public

    def methods(self) -> tuple[Op, ...]:
        return tuple(op for op in self.ops if self.inplace or op.has("method"))

    def operators(self) -> tuple[Op, ...]:
        return tuple(op for op in self.ops if op.operator)

    def symbol(self, ops: tuple[Op, ...]) -> str:
        """The C++ name of the table of some of the overloads."""
        variants = {self.functions(): "", self.operators(): "_operator", self.methods(): "_method"}
        return f"bound_{self.name}{'' if ops == self.functions() else variants[ops]}"

    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        aliases = dict.fromkeys(alias for op in self.ops for alias in op.aliases if "." not in alias)
        return (self.name, *(f"{alias}_" if self.inplace else alias for alias in aliases))

    def module_names(self) -> tuple[tuple[str, str], ...]:
        """Modules, and the names of the function there: ("linalg", "solve")."""
        dotted = dict.fromkeys(alias for op in self.ops for alias in op.aliases if "." in alias)
        pairs = (alias.split(".") for alias in dotted if not self.inplace)
        return tuple((module, name) for module, name in pairs)


def bindings(ops: OpSet) -> list[Binding]:
    """Every Python name, functional ones first, then those in place."""
    overloads = ops.overloads()
    result = [Binding(name, members, False) for name, members in overloads.items()]
    for name, members in overloads.items():
        inplace = tuple(op for op in members if op.has("inplace"))
        if inplace:
            result.append(Binding(f"{name}_", inplace, True))
    return result


def emit_bindings(ops: OpSet, out: Output) -> None:
    bound = bindings(ops)
    text = _HEAD + "\n".join(_table(ops, item) for item in bound) + "\n\n}  // namespace\n\n"
    functions = [_row(name, "function", item, item.functions()) for item in bound for name in item.names()]
    methods = [_row(name, "method", item, item.methods()) for item in bound if item.is_method for name in item.names()]
    public = [f"    {cpp_string(name)}," for item in bound if item.is_public for name in item.names()]
    text += _rows("PyMethodDef kOpFunctions[]", functions, "{nullptr, nullptr, 0, nullptr}")
    text += _rows("const char* const kPublicFunctions[]", public, "nullptr")
    modules = [
        f"    {{{cpp_string(module)}, {cpp_string(name)}, {cpp_string(item.name)}}},"
        for item in bound
        for module, name in item.module_names()
    ]
    text += _rows("const ModuleFunction kModuleFunctions[]", modules, "{nullptr, nullptr, nullptr}")
    text += _rows("PyMethodDef kTensorMethods[]", methods, "{nullptr, nullptr, 0, nullptr}")
    text += _rows("const BoundName kBoundNames[]", _bound_names(bound), "{nullptr, nullptr, false}")
    text += _numbers(bound) + _comparison(bound) + "\n}  // namespace tw::python\n"
    out.cpp("python/bindings.cpp", text)


def _table(ops: OpSet, item: Binding) -> str:
    """One BoundOp for each different set of overloads: as a function, as a method, as an operator."""
    sets = dict.fromkeys(members for members in (item.functions(), item.methods(), item.operators()) if members)
    return "\n".join(_bound(ops, item, members) for members in sets)


def _bound(ops: OpSet, item: Binding, members: tuple[Op, ...]) -> str:
    rows = [
        f"{{{ops.id(op)}, {op.schema.index(op.varargs) if op.varargs else -1}, "
        f"{str(op.has('out') and not item.inplace).lower()}}}"
        for op in members
    ]
    symbol, flag = item.symbol(members), str(item.inplace).lower()
    overloads = f"const BoundOverload {symbol}_overloads[] = {{{', '.join(rows)}}};"
    shown = f"{members[0].display_name}{'_' if item.inplace else ''}"
    return f"{overloads}\nconst BoundOp {symbol} = {{{cpp_string(shown)}, {symbol}_overloads, {len(rows)}, {flag}}};"


def _row(name: str, kind: str, item: Binding, ops: tuple[Op, ...]) -> str:
    doc = f"{text_signature(name, ops, kind, item.inplace)}{docstring(ops, item.inplace)}"
    return f"    define({cpp_string(name)}, {kind}<{item.symbol(ops)}>, {cpp_string(doc)}),"


def _bound_names(bound: list[Binding]) -> list[str]:
    """What is behind each function and each method, aliases included."""
    kinds = [(item, item.functions(), "false") for item in bound]
    kinds += [(item, item.methods(), "true") for item in bound if item.is_method]
    return [
        f"    {{{cpp_string(name)}, &{item.symbol(ops)}, {is_method}}},"
        for item, ops, is_method in kinds
        for name in item.names()
    ]


def _rows(declaration: str, rows: list[str], end: str) -> str:
    return f"{declaration} = {{\n" + "\n".join([*rows, f"    {end},"]) + "\n};\n\n"


def _operators(bound: list[Binding], *, inplace: bool) -> dict[str, str]:
    """The BoundOp of each operator."""
    return {
        op.operator: item.symbol(item.operators())
        for item in bound
        if item.inplace is inplace
        for op in item.operators()
        if op.operator
    }


def _numbers(bound: list[Binding]) -> str:
    slots: dict[str, str] = {}
    for symbol, name in _operators(bound, inplace=False).items():
        if symbol in UNARY_OPERATORS:
            slots[UNARY_OPERATORS[symbol]] = f"unary<{name}>"
        elif symbol in BINARY_OPERATORS:
            slots[f"nb_{BINARY_OPERATORS[symbol]}"] = f"{_shape(symbol)}<{name}>"
    for symbol, name in _operators(bound, inplace=True).items():
        if symbol in _INPLACE_SLOTS:
            slots[f"nb_inplace_{BINARY_OPERATORS[symbol]}"] = f"{_shape(symbol)}<{name}>"
    lines = "\n".join(f"  slots.{slot} = {value};" for slot, value in slots.items())
    return (
        "static PyNumberMethods make_numbers() {\n  PyNumberMethods slots = {};\n"
        f"{lines}\n  return slots;\n}}\nPyNumberMethods kTensorNumbers = make_numbers();\n\n"
    )


def _shape(symbol: str) -> str:
    return "power" if symbol == "**" else "binary"


def _comparison(bound: list[Binding]) -> str:
    operators = _operators(bound, inplace=False)
    cases = "\n".join(
        f"    case {constant}: return call_binary({operators[symbol]}, left, right);"
        for symbol, constant in _COMPARISONS.items()
        if symbol in operators
    )
    return (
        "PyObject* tensor_richcompare(PyObject* left, PyObject* right, int comparison) {\n  switch (comparison) {\n"
        f"{cases}\n    default: Py_RETURN_NOTIMPLEMENTED;\n  }}\n}}\n"
    )
