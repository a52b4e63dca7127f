"""Operators: of tensors as ops, of Python's values as builtins, folded where both sides are constants."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._ops import call_overloads
from ._schema import overloads
from ._values import MARK_NODE, ModuleThing, Static, Thing, TupleValue, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler


class _Operator:
    """How one operator is written, folded, and named among the ops, the builtins and the methods of classes."""

    def __init__(self, symbol: str, fold: Callable[..., Any], op: str, builtin: str, method: str) -> None:
        self.symbol, self.fold, self.op, self.builtin, self.method = symbol, fold, op, builtin, method


_BINARY: dict[type[ast.AST], _Operator] = {
    ast.Add: _Operator("+", operator.add, "add", "add", "__add__"),
    ast.Sub: _Operator("-", operator.sub, "sub", "sub", "__sub__"),
    ast.Mult: _Operator("*", operator.mul, "mul", "mul", "__mul__"),
    ast.Div: _Operator("/", operator.truediv, "div", "div", "__truediv__"),
    ast.FloorDiv: _Operator("//", operator.floordiv, "floor_divide", "floordiv", "__floordiv__"),
    ast.Mod: _Operator("%", operator.mod, "remainder", "mod", "__mod__"),
    ast.Pow: _Operator("**", operator.pow, "pow", "pow", "__pow__"),
    ast.MatMult: _Operator("@", operator.matmul, "matmul", "", "__matmul__"),
    ast.LShift: _Operator("<<", operator.lshift, "bitwise_left_shift", "lshift", "__lshift__"),
    ast.RShift: _Operator(">>", operator.rshift, "bitwise_right_shift", "rshift", "__rshift__"),
    ast.BitAnd: _Operator("&", operator.and_, "bitwise_and", "and", "__and__"),
    ast.BitOr: _Operator("|", operator.or_, "bitwise_or", "or", "__or__"),
    ast.BitXor: _Operator("^", operator.xor, "bitwise_xor", "xor", "__xor__"),
}
_COMPARE: dict[type[ast.AST], _Operator] = {
    ast.Eq: _Operator("==", operator.eq, "eq", "eq", "__eq__"),
    ast.NotEq: _Operator("!=", operator.ne, "ne", "ne", "__ne__"),
    ast.Lt: _Operator("<", operator.lt, "lt", "lt", "__lt__"),
    ast.LtE: _Operator("<=", operator.le, "le", "le", "__le__"),
    ast.Gt: _Operator(">", operator.gt, "gt", "gt", "__gt__"),
    ast.GtE: _Operator(">=", operator.ge, "ge", "ge", "__ge__"),
}
_UNARY: dict[type[ast.AST], _Operator] = {
    ast.USub: _Operator("-", operator.neg, "neg", "neg", "__neg__"),
    ast.UAdd: _Operator("+", operator.pos, "positive", "pos", "__pos__"),
    ast.Invert: _Operator("~", operator.invert, "bitwise_not", "invert", "__invert__"),
}
_LADDER = (t.INT, t.FLOAT, t.COMPLEX)


def _folded(fold: Callable[..., Any], *values: Thing) -> Value | None:
    """The result for constants; what would raise is left to the run."""
    args = [v.arg for v in values if isinstance(v, Value) and v.is_constant]
    if len(args) != len(values) or any(not isinstance(a, (bool, int, float, complex, str)) for a in args):
        return None
    try:
        result = fold(*args)
    except Exception:  # what it raises, the run raises
        return None
    if t.of_constant(result) is None or (isinstance(result, int) and not -(2**63) <= result < 2**63):
        return None
    return constant(result) if not isinstance(result, str) or len(result) < 10_000 else None


def binary(c: Compiler, kind: type[ast.operator], left: Thing, right: Thing, node: ast.AST) -> Thing:
    """``left op right``."""
    row = _BINARY[kind]
    folded = _folded(row.fold, left, right)
    if folded is not None:
        return folded
    if isinstance(left, Static) and isinstance(right, Static) and row.symbol == "|":
        return Static(left.value | right.value)  # of classes
    if isinstance(left, TupleValue) and isinstance(right, TupleValue) and row.symbol == "+":
        return TupleValue([*left.items, *right.items])
    if isinstance(left, TupleValue) and isinstance(right, Value) and right.is_constant and row.symbol == "*":
        return TupleValue(left.items * int(right.arg))
    a, b = _operand(c, left, row, node), _operand(c, right, row, node)
    own = _own_operator(c, a, row.method, [b], node)
    if own is not None:
        return own
    if t.is_tensor(a.type) or t.is_tensor(b.type):
        return call_overloads(c, row.op, overloads(row.op, False), [a, b], {}, node)
    result = _result(row, t.resolved(a.type), t.resolved(b.type), b)
    if result is None:
        raise c.error(f"{a.type} {row.symbol} {b.type} has no meaning", node, _advice(row, a))
    if row.symbol == "**" and result == t.FLOAT and t.resolved(a.type) == t.INT and t.resolved(b.type) == t.INT:
        a = c.b.builtin("float", t.FLOAT, a)
    return c.b.builtin(row.builtin, result, a, b)


def _operand(c: Compiler, thing: Thing, row: _Operator, node: ast.AST) -> Value:
    value = c.as_value(thing, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.OptionalType) and row.symbol not in ("==", "!="):
        raise c.error(
            f"an operand of {row.symbol} may be None: it is {kind}", node, "test `is not None` before, in an if"
        )
    return value


def _advice(row: _Operator, left: Value) -> str:
    return "use an f-string" if row.symbol == "%" and t.resolved(left.type) == t.STR else ""


def _own_operator(c: Compiler, left: Value, method: str, args: list[Thing], node: ast.AST) -> Thing | None:
    kind = t.resolved(left.type)
    if not isinstance(kind, t.ClassType):
        return None
    defined = getattr(kind.cls, method, None)
    if defined is None or defined is getattr(object, method, None):
        return None
    from ._calls import call_thing
    from ._values import BoundFunction

    return call_thing(c, BoundFunction(defined, left), args, {}, node)


def _result(row: _Operator, a: t.Type, b: t.Type, right: Value) -> t.Type | None:
    if a in t.SCALARS and b in t.SCALARS:
        return _number_result(row, a, b, right)
    if row.symbol == "+":
        if a == t.STR and b == t.STR:
            return t.STR
        return _joined_sequence(a, b)
    if row.symbol == "*":
        sequence, times = (b, a) if a in (t.INT, t.BOOL) else (a, b)
        if times in (t.INT, t.BOOL) and (sequence == t.STR or isinstance(sequence, t.ListType)):
            return sequence
    if row.symbol == "|" and isinstance(a, t.DictType) and isinstance(b, t.DictType):
        return None
    return None


def _joined_sequence(a: t.Type, b: t.Type) -> t.Type | None:
    if isinstance(a, t.TupleType) and isinstance(b, t.TupleType):
        return t.TupleType(a.items + b.items)
    if isinstance(a, t.TupleType) and isinstance(b, t.ListType) and b.frozen:
        return t.join(b, t.ListType(_joined_items(a), frozen=True))
    if isinstance(b, t.TupleType) and isinstance(a, t.ListType) and a.frozen:
        return t.join(a, t.ListType(_joined_items(b), frozen=True))
    if isinstance(a, t.ListType) and isinstance(b, t.ListType) and a.frozen == b.frozen:
        return t.join(a, b)
    return None


def _joined_items(kind: t.TupleType) -> t.Type:
    item: t.Type = t.NEVER
    for part in kind.items:
        item = t.join(item, part) or t.NUMBER
    return item


def _number_result(row: _Operator, a: t.Type, b: t.Type, right: Value) -> t.Type | None:
    if row.symbol in "&|^":
        if a == b == t.BOOL:
            return t.BOOL
        return t.INT if {a, b} <= {t.INT, t.BOOL} else None
    if row.symbol in ("<<", ">>"):
        return t.INT if {a, b} <= {t.INT, t.BOOL} else None
    if t.NUMBER in (a, b):
        return t.NUMBER
    x, y = (t.INT if kind == t.BOOL else kind for kind in (a, b))
    if row.symbol in ("//", "%") and t.COMPLEX in (x, y):
        return None
    wider = _LADDER[max(_LADDER.index(x), _LADDER.index(y))]
    if row.symbol == "/" and wider == t.INT:
        return t.FLOAT
    if row.symbol == "**" and wider == t.INT and right.is_constant and right.arg < 0:
        return t.FLOAT
    return wider


def unary(c: Compiler, kind: type[ast.unaryop], operand: Thing, node: ast.AST) -> Thing:
    """``op operand``."""
    row = _UNARY[kind]
    folded = _folded(row.fold, operand)
    if folded is not None and isinstance(folded.arg, (int, float, complex)):
        return folded
    value = _operand(c, operand, row, node)
    own = _own_operator(c, value, row.method, [], node)
    if own is not None:
        return own
    if t.is_tensor(value.type):
        return call_overloads(c, row.op, overloads(row.op, False), [value], {}, node)
    result = t.resolved(value.type)
    if result not in t.SCALARS or (row.symbol == "~" and result not in (t.INT, t.BOOL)):
        raise c.error(f"{row.symbol}{value.type} has no meaning", node)
    return c.b.builtin(row.builtin, t.INT if result == t.BOOL else result, value)


def augmented(c: Compiler, kind: type[ast.operator], before: Thing, operand: Thing, node: ast.AST) -> Thing:
    """``before op= operand``: tensors and lists are changed in place, as Python does."""
    row = _BINARY[kind]
    takes = isinstance(operand, Value) and (t.is_tensor(operand.type) or t.is_scalar(operand.type))
    if isinstance(before, Value) and t.is_tensor(before.type) and takes and row.symbol != "@":
        found = overloads(f"{row.op}_", True)
        return call_overloads(c, f"{row.op}_", found, [before, operand], {}, node)
    if isinstance(before, Value) and not isinstance(before, TupleValue) and row.symbol == "+":
        kind_before = t.resolved(before.type)
        if isinstance(kind_before, t.ListType) and not kind_before.frozen:
            from ._methods import extend_list

            extend_list(c, before, operand, node)
            return before
    return binary(c, kind, before, operand, node)


# ---- comparisons ------------------------------------------------------------------------------------------------


def compare(c: Compiler, kind: type[ast.cmpop], left: Thing, right: Thing, node: ast.AST) -> Thing:
    """``left op right``."""
    if kind in (ast.Is, ast.IsNot):
        return _identity(c, kind is ast.Is, left, right, node)
    if kind in (ast.In, ast.NotIn):
        found = contains(c, left, right, node)
        return found if kind is ast.In else negated(c, found)
    row = _COMPARE[kind]
    folded = _folded(row.fold, left, right)
    if folded is not None:
        return folded
    if not isinstance(left, Value) or not isinstance(right, Value):
        if isinstance(left, Static) and isinstance(right, Static) and row.symbol in ("==", "!="):
            return constant(bool(row.fold(left.value, right.value)))
        return _static_comparison(c, row, left, right, node)
    return _compare_values(c, row, left, right, node)


def _static_comparison(c: Compiler, row: _Operator, left: Thing, right: Thing, node: ast.AST) -> Thing:
    if row.symbol in ("==", "!=") and not isinstance(left, ModuleThing):
        return constant(row.symbol == "!=")
    raise c.error(f"{left.described()} and {right.described()} cannot be compared", node)


def _compare_values(c: Compiler, row: _Operator, left: Value, right: Value, node: ast.AST) -> Thing:
    own = _own_operator(c, left, row.method, [right], node)
    if own is not None:
        return own
    a, b = t.resolved(left.type), t.resolved(right.type)
    if t.is_tensor(a) or t.is_tensor(b):
        if row.symbol in ("==", "!=") and t.NONE in (a, b):
            return constant(row.symbol == "!=")
        return call_overloads(c, row.op, overloads(row.op, False), [left, right], {}, node)
    if _holds_tensors(a) or _holds_tensors(b):
        raise c.error(
            f"{left.type} {row.symbol} {right.type} compares tensors inside", node, "compare the tensors themselves"
        )
    if row.symbol not in ("==", "!="):
        both_numbers = a in t.SCALARS and b in t.SCALARS and t.COMPLEX not in (a, b)
        sequences = isinstance(a, (t.ListType, t.TupleType)) and isinstance(b, (t.ListType, t.TupleType))
        if not both_numbers and not (a == t.STR and b == t.STR) and not sequences:
            raise c.error(f"{left.type} {row.symbol} {right.type} has no meaning", node, _operand_advice(a, b))
    if row.symbol in ("==", "!=") and _never_equal(a, b):
        return constant(row.symbol == "!=")
    return c.b.builtin(row.builtin, t.BOOL, left, right)


def _operand_advice(a: t.Type, b: t.Type) -> str:
    optional = any(isinstance(kind, t.OptionalType) for kind in (a, b))
    return "test `is not None` before, in an if" if optional else ""


def _never_equal(a: t.Type, b: t.Type) -> bool:
    """A list and a tuple are never equal, whatever they hold."""
    lists = [isinstance(kind, t.ListType) and not kind.frozen for kind in (a, b)]
    tuples = [isinstance(kind, t.TupleType) or (isinstance(kind, t.ListType) and kind.frozen) for kind in (a, b)]
    return (lists[0] and tuples[1]) or (tuples[0] and lists[1])


def _holds_tensors(kind: t.Type) -> bool:
    kind = t.resolved(kind)
    match kind:
        case t.ListType(item=item) | t.OptionalType(item=item):
            return t.is_tensor(item) or _holds_tensors(item)
        case t.TupleType(items=items):
            return any(t.is_tensor(item) or _holds_tensors(item) for item in items)
        case t.DictType(value=value):
            return t.is_tensor(value) or _holds_tensors(value)
    return False


def negated(c: Compiler, thing: Value) -> Value:
    return constant(not thing.arg) if thing.is_constant else c.b.builtin("not", t.BOOL, thing)


def _identity(c: Compiler, same: bool, left: Thing, right: Thing, node: ast.AST) -> Thing:
    values = [v for v in (left, right) if isinstance(v, Value)]
    if len(values) < 2:
        both = isinstance(left, Static) and isinstance(right, Static)
        identical = both and left.value is right.value  # type: ignore[attr-defined]
        return constant(identical == same)
    a, b = (t.resolved(v.type) for v in values)
    if t.NONE in (a, b):
        other = values[1] if a == t.NONE else values[0]
        if isinstance(t.resolved(other.type), t.OptionalType):
            found = c.b.builtin("is_none", t.BOOL, other)
            return found if same else negated(c, found)
        return constant((a == b) == same)
    if a == b and a in (t.BOOL, t.DTYPE):
        return c.b.builtin("eq" if same else "ne", t.BOOL, *values)
    if values[0].arg == values[1].arg and values[0].arg is not None and values[0].arg[0] == MARK_NODE:
        return constant(same)
    if t.is_tensor(a) and t.is_tensor(b):
        found = c.b.builtin("is", t.BOOL, *values)
        return found if same else negated(c, found)
    raise c.error("`is` compares with None, and tensors, dtypes and bools only", node, "use ==")


def contains(c: Compiler, item: Thing, container: Thing, node: ast.AST) -> Value:
    """``item in container``."""
    if isinstance(container, Static) and isinstance(container.value, (dict, set, frozenset)):
        container = TupleValue([c.lift(key) for key in container.value])
    if isinstance(container, ModuleThing) and isinstance(item, Value) and item.is_constant:
        return constant(item.arg in container.value)
    if isinstance(container, TupleValue):
        known = [_folded(operator.eq, item, part) for part in container.items]
        if any(value is not None and value.arg for value in known):
            return constant(True)
        if all(value is not None for value in known):
            return constant(False)
    given, holder = c.as_value(item, node), c.as_value(container, node)
    kind = t.resolved(holder.type)
    if not isinstance(kind, (t.ListType, t.TupleType, t.DictType)) and kind != t.STR:
        raise c.error(f"`in` looks into lists, tuples, dicts and strings, not into {holder.type}", node)
    if _holds_tensors(kind) and not isinstance(kind, t.DictType):
        raise c.error("`in` compares tensors inside", node, "compare the tensors themselves")
    return c.b.builtin("contains", t.BOOL, holder, given)
