"""Formulas to C++: Python expression syntax over `grad`, arguments, results, ops and the helpers of csrc/formulas.h.

`grad * other` becomes `ops::mul(b.grad(), b.operand(0))`; an argument of which only `.shape` or `.dtype` is read is not
kept alive, its shape is.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..emit.cpp_types import default_expression
from ..facets import Arg, FacetError, Kind, Op, OpSet, Type
from ..rules.cpp import cpp_dtype, cpp_string
from .helpers import HELPERS
from .model import AUTO, Formula
from .symbolic import NotDifferentiableError, gradient_formula
from .values import (
    BOOL,
    DTYPE,
    FLOAT,
    GEOMETRY,
    INT,
    INT_VECTOR,
    INTS,
    NONE,
    NUMBERS,
    OPERAND,
    REF,
    REFS,
    SCALAR,
    SHAPES,
    STR,
    TENSOR,
    TENSOR_VECTOR,
    TENSORS,
    TUPLE,
    Names,
    Save,
    Saves,
    plain_type,
)  # fmt: skip

_OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "add"), ast.Sub: ("-", "sub"), ast.Mult: ("*", "mul"), ast.Div: ("/", "div"),
    ast.MatMult: ("@", "matmul"),
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "eq"), ast.NotEq: ("!=", "ne"), ast.Lt: ("<", "lt"), ast.LtE: ("<=", "le"), ast.Gt: (">", "gt"),
    ast.GtE: (">=", "ge"),
}  # fmt: skip
_DTYPES = frozenset({"bool", "int64", "int32", "float32", "float64"})
_GEOMETRY = frozenset({"shape", "dtype", "ndim", "numel", "device"})
_NOT_THE_VALUE = _GEOMETRY | {"shapes", "geometry"}


@dataclass(frozen=True)
class Term:
    text: str
    type: str

    @property
    def is_tensor(self) -> bool:
        return self.type in TENSORS


class Compiler:
    """Compiles one formula; what it reads is added to `saves`."""

    def __init__(self, op: Op, formula: Formula, inputs: dict[str, int], saves: Saves, ops: OpSet) -> None:
        self.op = op
        self.ops = ops
        self.formula = formula
        self.names = Names(op)
        self.inputs = inputs
        self.saves = saves
        self.reader = sum(1 << inputs[name] for name in formula.inputs)

    def compile(self) -> Term:
        try:
            tree = ast.parse(self._text(), mode="eval").body
        except SyntaxError as error:
            raise self.error(f"not an expression: {error.msg}") from None
        self.whole = _read_whole(tree)
        for name in sorted(self.whole & self.unread):
            if self.names.gradient(name) is None:
                raise self.error(f"the derivative of what is linear is the same everywhere, this reads {name!r}")
        return self.term(tree)

    def _text(self) -> str:
        """The formula, or what `auto` stands for."""
        if self.formula.text != AUTO:
            return self.formula.text
        expression = self.op.expression
        if self.op.kind is not Kind.POINTWISE or expression is None or len(expression.results) != 1:
            raise self.error("only a pointwise op with one result has an expression to differentiate")
        gradient = "grad" if self.names.argument("grad") is None else "grad_result"
        try:
            return gradient_formula(expression.results[0].text, self.formula.inputs[0], gradient)
        except NotDifferentiableError as error:
            raise self.error(str(error)) from None

    def error(self, message: str) -> FacetError:
        return FacetError(self.formula.location, f"derivative of {self.op.name}: {message} in `{self.formula.text}`")

    def term(self, node: ast.expr) -> Term:
        method = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is None:
            raise self.error(f"`{ast.unparse(node)}` is not understood")
        result: Term = method(node)
        return result

    # ---- names ------------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> Term:
        name = node.id
        if name == "grads":
            return Term("b.grads()", REFS)
        gradient = self.names.gradient(name)
        if gradient is not None:
            return self._gradient(gradient)
        argument = self.names.argument(name)
        if argument is not None:
            return self._argument(self.op.schema.args[argument], argument)
        result = self.names.result(name)
        if result is not None:
            return Term(f"b.tensor({self._slot('kResult', result, name)})", REF)
        if name in _DTYPES:
            return Term(cpp_dtype(name), DTYPE)
        raise self.error(f"unknown name {name!r}")

    def _gradient(self, index: int) -> Term:
        if self.several_results:
            name = self.op.schema.rets[index].name or "result"
            return Term(f"b.grad_or_zeros({index}, {self._slot('kResultShape', index, name)})", REF)
        method = "conj_grad" if self.holomorphic else "grad"
        return Term(f"b.{method}({index or ''})", REF)

    several_results = False  # whether more than one result has a gradient: then one of them may be absent
    holomorphic = False  # the gradient comes in conjugated
    unchecked: tuple[str, ...] = ()  # saved arguments whose version is not checked
    unread: frozenset[str] = frozenset()  # arguments and results whose values the formula must not read

    def _argument(self, arg: Arg, index: int) -> Term:
        slot = self._slot("kUnchecked" if arg.name in self.unchecked else "kArgument", index, arg.name)
        if arg.type is Type.TENSOR:
            return Term(f"b.tensor({slot})", REF)
        if arg.type is Type.OPERAND:
            return Term(f"b.operand({slot})", OPERAND)
        if arg.type is Type.TENSORS:
            return Term(f"b.tensors({slot})", REFS)
        kind = plain_type(arg)
        return Term(f"b.plain<{kind}>({slot})", kind)

    def _slot(self, kind: str, index: int, name: str) -> int:
        return self.saves.slot(Save(kind, index, name), self.reader)

    def _constant(self, node: ast.Constant) -> Term:
        value = node.value
        if value is None:
            return Term("std::nullopt", NONE)
        if isinstance(value, bool):
            return Term("true" if value else "false", BOOL)
        if isinstance(value, int):
            return Term(f"int64_t{{{value}}}", INT)
        if isinstance(value, float):
            return Term(repr(value), FLOAT)
        if isinstance(value, str):
            return Term(cpp_string(value), STR)
        raise self.error(f"unknown constant {value!r}")

    def _attribute(self, node: ast.Attribute) -> Term:
        if isinstance(node.value, ast.Name):
            special = self._saved_attribute(node.value.id, node.attr)
            if special is not None:
                return special
        base = self.term(node.value)
        if base.type in (TENSOR, REF) and node.attr in _GEOMETRY:
            return _tensor_attribute(base.text, node.attr)
        if base.type == OPERAND and node.attr in _GEOMETRY:
            return _tensor_attribute(f"{base.text}.tensor()", node.attr)
        raise self.error(f"`{ast.unparse(node)}`: {base.type} has no attribute {node.attr!r}")

    def _saved_attribute(self, name: str, attribute: str) -> Term | None:
        argument, result = self.names.argument(name), self.names.result(name)
        if argument is None and (result is None or self.names.gradient(name) is not None):
            return None
        index = argument if argument is not None else result
        assert index is not None
        prefix = "kArgument" if argument is not None else "kResult"
        if attribute == "geometry":
            return Term(f"b.geometry({self._slot(prefix + 'Geometry', index, name)})", GEOMETRY)
        if argument is not None and self.op.schema.args[argument].type is Type.TENSORS and attribute == "shapes":
            return Term(f"b.shapes({self._slot('kArgumentShapes', index, name)})", SHAPES)
        if name in self.whole or attribute not in ("shape", "dtype", "ndim", "numel"):
            return None
        slot = self._slot(prefix + "Shape", index, name)
        return {
            "shape": Term(f"b.shape({slot})", INTS),
            "dtype": Term(f"b.dtype({slot})", DTYPE),
            "ndim": Term(f"static_cast<int64_t>(b.shape({slot}).size())", INT),
            "numel": Term(f"product(b.shape({slot}))", INT),
        }[attribute]

    # ---- operators ----------------------------------------------------------------------------------------------

    def _binop(self, node: ast.BinOp) -> Term:
        left, right = self.term(node.left), self.term(node.right)
        found = _OPERATORS.get(type(node.op))
        if found is None:
            raise self.error(f"operator of `{ast.unparse(node)}` is not understood")
        symbol, function = found
        if left.is_tensor or right.is_tensor:
            return Term(f"ops::{function}({left.text}, {right.text})", TENSOR)
        if left.type in NUMBERS and right.type in NUMBERS and symbol != "@":
            whole = INT if left.type == right.type == INT and symbol != "/" else FLOAT
            return Term(f"({_number(left, whole)} {symbol} {_number(right, whole)})", whole)
        raise self.error(f"`{ast.unparse(node)}` joins {left.type} and {right.type}")

    def _unaryop(self, node: ast.UnaryOp) -> Term:
        value = self.term(node.operand)
        if isinstance(node.op, ast.USub):
            if value.type in (TENSOR, REF):
                return Term(f"ops::neg({value.text})", TENSOR)
            if value.type == OPERAND:
                return Term(f"ops::mul({value.text}, int64_t{{-1}})", TENSOR)
            kind = value.type if value.type != SCALAR else FLOAT
            return Term(f"(-{_number(value, kind)})", kind)
        if isinstance(node.op, ast.Not):
            return Term(f"!{value.text}", BOOL)
        if isinstance(node.op, ast.Invert) and value.is_tensor:
            return Term(f"ops::logical_not({value.text})", TENSOR)
        raise self.error(f"`{ast.unparse(node)}` is not understood")

    def _compare(self, node: ast.Compare) -> Term:
        if len(node.ops) != 1:
            raise self.error("comparisons are not chained")
        operator, right_node = node.ops[0], node.comparators[0]
        if isinstance(operator, ast.Is | ast.IsNot):
            return self._is_none(node.left, isinstance(operator, ast.IsNot))
        left, right = self.term(node.left), self.term(right_node)
        symbol, function = _COMPARISONS[type(operator)]
        if left.is_tensor or right.is_tensor:
            return Term(f"ops::{function}({left.text}, {right.text})", TENSOR)
        if left.type == STR or right.type == STR:
            return Term(f"({left.text} {symbol} {right.text})", BOOL)
        return Term(f"({_number(left)} {symbol} {_number(right)})", BOOL)

    def _is_none(self, node: ast.expr, negated: bool) -> Term:
        value = self.term(node)
        if value.type == REF:
            text = f"static_cast<bool>({value.text})"
        elif value.type == OPERAND:
            text = f"({value.text}.value().tag != TW_NONE)"
        else:
            text = f"{value.text}.has_value()"
        return Term(text if negated else f"!{text}", BOOL)

    def _boolop(self, node: ast.BoolOp) -> Term:
        symbol = " && " if isinstance(node.op, ast.And) else " || "
        return Term(f"({symbol.join(self.term(value).text for value in node.values)})", BOOL)

    def _ifexp(self, node: ast.IfExp) -> Term:
        condition, yes, no = self.term(node.test), self.term(node.body), self.term(node.orelse)
        if yes.is_tensor or no.is_tensor:
            return Term(f"({condition.text} ? {_owned(yes)} : {_owned(no)})", TENSOR)
        if yes.type != no.type:
            raise self.error(f"`{ast.unparse(node)}` gives {yes.type} or {no.type}")
        return Term(f"({condition.text} ? {yes.text} : {no.text})", yes.type)

    def _list(self, node: ast.List) -> Term:
        return Term(f"{INT_VECTOR}{{{', '.join(_number(self.term(item)) for item in node.elts)}}}", INT_VECTOR)

    def _tuple(self, node: ast.Tuple) -> Term:
        items = [self.term(item) for item in node.elts]
        return Term(f"std::make_tuple({', '.join(_owned(item) for item in items)})", TUPLE)

    def _subscript(self, node: ast.Subscript) -> Term:
        base, index = self.term(node.value), self.term(node.slice)
        if base.type in (INTS, INT_VECTOR):
            return Term(f"item({base.text}, {index.text})", INT)
        if base.type == TUPLE and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            return Term(f"std::get<{node.slice.value}>({base.text})", TENSOR)
        raise self.error(f"`{ast.unparse(node)}`: {base.type} has no items")

    # ---- calls ----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Term:
        if isinstance(node.func, ast.Attribute):  # x.f(y) is f(x, y)
            return self._apply(node.func.attr, [node.func.value, *node.args], node)
        if not isinstance(node.func, ast.Name):
            raise self.error(f"`{ast.unparse(node.func)}` cannot be called")
        if node.func.id == "needs":
            return self._needs(node)
        return self._apply(node.func.id, node.args, node)

    def _needs(self, node: ast.Call) -> Term:
        names = [arg.id for arg in node.args if isinstance(arg, ast.Name)]
        for name in names:
            if name not in self.inputs:
                raise self.error(f"needs({name}): {name!r} has no gradient")
        return Term(f"b.needs({self.inputs[names[0]]})", BOOL)

    def _apply(self, name: str, positional: list[ast.expr], node: ast.Call) -> Term:
        if name in HELPERS:
            if node.keywords:
                raise self.error(f"{name}() takes no keyword arguments")
            return Term(f"{name}({', '.join(self.term(arg).text for arg in positional)})", HELPERS[name])
        op = next((op for op in self.ops if op.symbol == name), None)
        if op is None:
            raise self.error(f"there is no op or helper {name!r}")
        return self._call_op(op, positional, node)

    def _call_op(self, op: Op, positional: list[ast.expr], node: ast.Call) -> Term:
        args = op.schema.args
        if len(positional) > len(args):
            raise self.error(f"{op.name}() takes {len(args)} arguments, got {len(positional)}")
        given = dict(zip((arg.name for arg in args), positional, strict=False))
        for keyword in node.keywords:
            if keyword.arg is None or op.schema.arg(keyword.arg) is None:
                raise self.error(f"{op.name}() has no argument {keyword.arg!r}")
            given[keyword.arg] = keyword.value
        texts = [self._passed(op, arg, given.get(arg.name)) for arg in args]
        rets = op.schema.rets
        kind = TUPLE if len(rets) != 1 else TENSOR_VECTOR if rets[0].type is Type.TENSORS else TENSOR
        return Term(f"ops::{op.symbol}({', '.join(texts)})", kind)

    def _passed(self, op: Op, arg: Arg, node: ast.expr | None) -> str:
        if node is None:
            if arg.default is None:
                raise self.error(f"{op.name}() needs {arg.name!r}")
            return default_expression(arg)
        value = self.term(node)
        if value.type == NONE and arg.type is Type.TENSOR:
            return "TensorRef()"
        if arg.type is Type.TENSOR and value.type == OPERAND:
            return f"{value.text}.tensor()"
        if arg.type is Type.FLOAT and value.type == SCALAR:
            return f"{value.text}.real()"
        return value.text


def _read_whole(tree: ast.expr) -> set[str]:
    """Names whose value is read, not only an attribute of it."""
    attributes = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in _NOT_THE_VALUE
    }
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in attributes}


def _tensor_attribute(text: str, attribute: str) -> Term:
    kinds = {"shape": INTS, "dtype": DTYPE, "ndim": INT, "numel": INT, "device": "tw_device"}
    call = f"{text}.{attribute}()"
    return Term(f"int64_t{{{call}}}" if attribute == "ndim" else call, kinds[attribute])


def _number(term: Term, kind: str | None = None) -> str:
    if term.type == SCALAR:
        return f"{term.text}.real()"
    return f"static_cast<double>({term.text})" if term.type == INT and kind == FLOAT else term.text


def _owned(term: Term) -> str:
    """A term as an owned tensor, so that both branches of a conditional have one type."""
    if term.type == NONE:
        return "Tensor()"
    return f"Tensor::retain({term.text})" if term.type == REF else term.text
