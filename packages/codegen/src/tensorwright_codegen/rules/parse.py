"""Rule texts to typed trees. Parsed with `ast`, never executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..facets import DTYPES, FacetError, Rule, Schema, Type
from .functions import ATTRIBUTES, EXTREMA, FOLDS, FUNCTIONS, Function
from .tree import (
    LIST_OF,
    Attribute,
    Binary,
    Call,
    Compare,
    Comprehension,
    Conditional,
    Constant,
    Index,
    IsNone,
    ListTerm,
    Logical,
    Name,
    Negate,
    Not,
    RuleType,
    Slice,
    Term,
)

ARG_TYPES: dict[Type, RuleType] = {
    Type.TENSOR: RuleType.TENSOR,
    Type.OPERAND: RuleType.OPERAND,
    Type.SCALAR: RuleType.SCALAR,
    Type.INT: RuleType.INT,
    Type.FLOAT: RuleType.FLOAT,
    Type.BOOL: RuleType.BOOL,
    Type.STR: RuleType.STR,
    Type.DTYPE: RuleType.DTYPE,
    Type.DEVICE: RuleType.DEVICE,
    Type.INTS: RuleType.INTS,
    Type.FLOATS: RuleType.FLOATS,
    Type.TENSORS: RuleType.TENSORS,
    Type.OBJECT: RuleType.OBJECT,
}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.Div: "/"}
_COMPARE = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in",
}  # fmt: skip


def parse_rule(rule: Rule, schema: Schema) -> Term:
    """The typed tree of a rule over the arguments of a schema; FacetError with the place of the rule."""
    try:
        tree = ast.parse(rule.text, mode="eval")
    except SyntaxError as error:
        raise FacetError(rule.location, f"rule {rule.text!r} is not an expression: {error.msg}") from None
    names = {arg.name: Name(ARG_TYPES[arg.type], arg.name, arg.name, arg.optional, False) for arg in schema.args}
    return _Parser(rule, names).term(tree.body)


class _Parser:
    def __init__(self, rule: Rule, names: Mapping[str, Name]) -> None:
        self.rule = rule
        self.names = dict(names)

    def error(self, node: ast.AST, message: str) -> FacetError:
        return FacetError(self.rule.location, f"rule `{self.rule.text}`: at `{ast.unparse(node)}`: {message}")

    def term(self, node: ast.expr) -> Term:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(node, f"{type(node).__name__} is not part of the rule language")
        result: Term = method(node)
        return result

    def expect(self, node: ast.expr, *types: RuleType) -> Term:
        term = self.term(node)
        if term.type not in types:
            raise self.error(node, f"expected {' or '.join(t.value for t in types)}, got {term.type.value}")
        return term

    def condition(self, node: ast.expr) -> Term:
        return self.expect(node, RuleType.BOOL)

    def integer(self, node: ast.expr) -> Term:
        return self.expect(node, RuleType.INT, RuleType.BOOL)

    # ---- leaves

    def _constant(self, node: ast.Constant) -> Term:
        kinds = {bool: RuleType.BOOL, int: RuleType.INT, float: RuleType.FLOAT, str: RuleType.STR}
        value = node.value
        if value is None:
            return Constant(RuleType.NONE, "None", None)
        if type(value) not in kinds:
            raise self.error(node, "expected a number, a string or None")
        return Constant(kinds[type(value)], ast.unparse(node), value)  # type: ignore[arg-type]

    def _name(self, node: ast.Name) -> Term:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in DTYPES:
            return Constant(RuleType.DTYPE, node.id, node.id)
        raise self.error(node, f"no argument {node.id!r}; there is {', '.join(self.names) or 'none'}")

    def _attribute(self, node: ast.Attribute) -> Term:
        value = self.expect(node.value, RuleType.TENSOR, RuleType.OPERAND)
        if node.attr not in ATTRIBUTES:
            raise self.error(node, f"tensors have {', '.join(ATTRIBUTES)} here, not {node.attr!r}")
        return Attribute(ATTRIBUTES[node.attr], ast.unparse(node), value, node.attr)

    # ---- lists

    def _subscript(self, node: ast.Subscript) -> Term:
        value = self.expect(node.value, RuleType.INTS, RuleType.FLOATS, RuleType.TENSORS)
        if not isinstance(node.slice, ast.Slice):
            return Index(value.type.element, ast.unparse(node), value, self.integer(node.slice))
        if node.slice.step is not None or value.type is not RuleType.INTS:
            raise self.error(node, "expected a slice of a list of int without a step")
        lower, upper = node.slice.lower, node.slice.upper
        start = None if lower is None else self.integer(lower)
        stop = None if upper is None else self.integer(upper)
        return Slice(RuleType.INTS, ast.unparse(node), value, start, stop)

    def _list(self, node: ast.List) -> Term:
        items = tuple(self.term(item) for item in node.elts)
        element = {RuleType.BOOL: RuleType.INT}.get(items[0].type, items[0].type) if items else RuleType.INT
        if element not in LIST_OF or element is RuleType.TENSOR or not all(_is_a(i.type, element) for i in items):
            raise self.error(node, "expected a list of ints, of floats, of strings or of dtypes")
        return ListTerm(LIST_OF[element], ast.unparse(node), items)

    _tuple = _list

    def _listcomp(self, node: ast.ListComp) -> Term:
        return self._comprehension(node, "list", node.elt, node.generators)

    def _comprehension(
        self, node: ast.expr, function: str, element_node: ast.expr, generators: list[ast.comprehension]
    ) -> Term:
        if len(generators) != 1 or len(generators[0].ifs) > 1 or not isinstance(generators[0].target, ast.Name):
            raise self.error(node, "expected one `for name in list`, with at most one `if`")
        variable = generators[0].target.id
        source = self.expect(generators[0].iter, RuleType.INTS, RuleType.TENSORS)
        outer = self.names.get(variable)
        self.names[variable] = Name(source.type.element, variable, variable, False, True)
        wanted = RuleType.BOOL if function in ("all", "any") else RuleType.INT
        element = self.expect(element_node, wanted)
        condition = self.condition(generators[0].ifs[0]) if generators[0].ifs else None
        if outer is None:
            del self.names[variable]
        else:
            self.names[variable] = outer
        result = {"list": RuleType.INTS, "all": RuleType.BOOL, "any": RuleType.BOOL}.get(function, RuleType.INT)
        return Comprehension(result, ast.unparse(node), function, variable, source, element, condition)

    # ---- calls

    def _call(self, node: ast.Call) -> Term:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.error(node, "expected a function of the rule language with positional arguments")
        name = node.func.id
        first = node.args[0] if node.args else None
        if name in FOLDS and len(node.args) == 1 and isinstance(first, ast.GeneratorExp):
            return self._comprehension(node, name, first.elt, first.generators)
        if name in EXTREMA:
            return self._extremum(node, name)
        if name not in FUNCTIONS:
            raise self.error(node, f"no function {name!r}; there is {', '.join(sorted({*FUNCTIONS, *FOLDS}))}")
        starred = any(isinstance(arg, ast.Starred) for arg in node.args)
        args = tuple(self.term(arg.value if isinstance(arg, ast.Starred) else arg) for arg in node.args)
        self.check_arguments(node, name, FUNCTIONS[name], args)
        return Call(FUNCTIONS[name].result, ast.unparse(node), name, args, starred)

    def check_arguments(self, node: ast.Call, name: str, function: Function, args: tuple[Term, ...]) -> None:
        declared = function.parameters
        fits = len(args) >= 1 if function.variadic else len(args) == len(declared)
        if not fits:
            raise self.error(node, f"{name} takes {len(declared)} arguments, got {len(args)}")
        for i, arg in enumerate(args):
            allowed = declared[min(i, len(declared) - 1)]
            if arg.type not in allowed:
                words = " or ".join(sorted(t.value for t in allowed))
                raise self.error(node, f"argument {i + 1} of {name}: expected {words}, got {arg.type.value}")

    def _extremum(self, node: ast.Call, name: str) -> Term:
        args = tuple(self.term(arg) for arg in node.args)
        if len(args) == 1 and args[0].type in (RuleType.INTS, RuleType.FLOATS):
            return Call(args[0].type.element, ast.unparse(node), name, args)
        if len(args) < 2 or not all(arg.type.is_number for arg in args):
            raise self.error(node, f"{name} takes one list, or two or more numbers")
        floats = any(arg.type in (RuleType.FLOAT, RuleType.SCALAR) for arg in args)
        return Call(RuleType.FLOAT if floats else RuleType.INT, ast.unparse(node), name, args)

    # ---- operators

    def _binop(self, node: ast.BinOp) -> Term:
        left, right = self.term(node.left), self.term(node.right)
        operator = _BINARY.get(type(node.op))
        if operator is None:
            raise self.error(node, f"expected one of {' '.join(_BINARY.values())}")
        text = ast.unparse(node)
        if left.type is RuleType.INTS and right.type is RuleType.INTS and operator == "+":
            return Binary(RuleType.INTS, text, operator, left, right)
        if left.type is RuleType.INTS and right.type is RuleType.INT and operator == "*":
            return Binary(RuleType.INTS, text, operator, left, right)
        if not (left.type.is_number and right.type.is_number):
            raise self.error(node, f"no {operator} of {left.type.value} and {right.type.value}")
        integral = all(t in (RuleType.INT, RuleType.BOOL) for t in (left.type, right.type)) and operator != "/"
        return Binary(RuleType.INT if integral else RuleType.FLOAT, text, operator, left, right)

    def _unaryop(self, node: ast.UnaryOp) -> Term:
        text = ast.unparse(node)
        if isinstance(node.op, ast.Not):
            return Not(RuleType.BOOL, text, self.condition(node.operand))
        if not isinstance(node.op, ast.USub):
            raise self.error(node, "expected `-` or `not`")
        value = self.expect(node.operand, RuleType.INT, RuleType.FLOAT)
        if isinstance(value, Constant) and isinstance(value.value, (int, float)):
            return Constant(value.type, text, -value.value)
        return Negate(value.type, text, value)

    def _boolop(self, node: ast.BoolOp) -> Term:
        items = tuple(self.condition(value) for value in node.values)
        return Logical(RuleType.BOOL, ast.unparse(node), "and" if isinstance(node.op, ast.And) else "or", items)

    def _ifexp(self, node: ast.IfExp) -> Term:
        condition, then, otherwise = self.condition(node.test), self.term(node.body), self.term(node.orelse)
        kind = then.type
        if kind is not otherwise.type:
            if not (then.type.is_number and otherwise.type.is_number):
                raise self.error(node, f"{then.type.value} or {otherwise.type.value}: expected one type")
            kind = RuleType.INT if RuleType.FLOAT not in (then.type, otherwise.type) else RuleType.FLOAT
        return Conditional(kind, ast.unparse(node), condition, then, otherwise)

    def _compare(self, node: ast.Compare) -> Term:
        text = ast.unparse(node)
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            name = self.term(node.left)
            is_none = isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value is None
            if len(node.ops) != 1 or not is_none or not isinstance(name, Name) or not name.optional:
                raise self.error(node, "expected `argument is None` of an optional argument")
            return IsNone(RuleType.BOOL, text, name, isinstance(node.ops[0], ast.IsNot))
        terms = [self.term(node.left), *(self.term(right) for right in node.comparators)]
        operators = tuple(_COMPARE[type(op)] for op in node.ops)
        for left, operator, right in zip(terms, operators, terms[1:], strict=False):
            if not _comparable(left.type, operator, right.type):
                raise self.error(node, f"no {operator!r} of {left.type.value} and {right.type.value}")
        return Compare(RuleType.BOOL, text, terms[0], operators, tuple(terms[1:]))


def _is_a(found: RuleType, wanted: RuleType) -> bool:
    if wanted is RuleType.FLOAT:
        return found in (RuleType.INT, RuleType.FLOAT)
    return found is wanted or (wanted is RuleType.INT and found is RuleType.BOOL)


def _comparable(left: RuleType, operator: str, right: RuleType) -> bool:
    if operator in ("in", "not in"):
        return right.is_list and right is not RuleType.TENSORS and _is_a(left, right.element)
    if left.is_number and right.is_number:
        return True
    equality = operator in ("==", "!=")
    kinds = (RuleType.DTYPE, RuleType.DEVICE, RuleType.STR, RuleType.INTS)
    return equality and left is right and left in kinds
