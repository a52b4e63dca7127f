"""`auto`: the gradient of a pointwise op by differentiating its expression.

>>> print(gradient_formula("self * sigmoid(self)", "self"))
grad * (sigmoid(self) + self * (sigmoid(self) * (1 - sigmoid(self))))
>>> print(gradient_formula("exp(self)", "self"))
grad * result
>>> print(gradient_formula("select(self > 0, self, 0.1 * self)", "self"))
where(self > 0, grad, grad * 0.1)
"""

from __future__ import annotations

import ast
from typing import Any

# The derivative of f by its only argument x; f stands for the call itself.
_UNARY = {
    "exp": "f",
    "exp2": "f * 0.6931471805599453",
    "expm1": "f + 1",
    "log": "1 / x",
    "log2": "1 / (x * 0.6931471805599453)",
    "log10": "1 / (x * 2.302585092994046)",
    "log1p": "1 / (x + 1)",
    "sqrt": "0.5 / f",
    "sin": "cos(x)",
    "cos": "-sin(x)",
    "tan": "1 + f * f",
    "asin": "1 / sqrt(1 - x * x)",
    "acos": "-1 / sqrt(1 - x * x)",
    "atan": "1 / (1 + x * x)",
    "sinh": "cosh(x)",
    "cosh": "sinh(x)",
    "tanh": "1 - f * f",
    "asinh": "1 / sqrt(x * x + 1)",
    "acosh": "1 / sqrt(x * x - 1)",
    "atanh": "1 / (1 - x * x)",
    "sigmoid": "f * (1 - f)",
    "log_sigmoid": "sigmoid(-x)",
    "softplus": "sigmoid(x)",
    "erf": "1.1283791670955126 * exp(-(x * x))",
    "erfc": "-1.1283791670955126 * exp(-(x * x))",
    "abs": "sign(x)",
}
_CONSTANT = frozenset({"floor", "ceil", "trunc", "rint", "sign"})  # steps: zero wherever there is a derivative
_EXTREMES = {"maximum": ast.GtE, "max_": ast.GtE, "minimum": ast.LtE, "min_": ast.LtE}
_OP_NAMES = {"select": "where", "rint": "round", "max_": "maximum", "min_": "minimum"}
_MASKS = {ast.BitAnd: "logical_and", ast.BitOr: "logical_or", ast.BitXor: "logical_xor"}


class NotDifferentiableError(ValueError):
    """A part of an expression that `auto` has no rule for."""


def gradient_formula(expression: str, name: str, gradient: str = "grad") -> str:
    """The gradient of one operand of an op, as a formula of the facet language.

    `gradient` is what the facet calls the gradient of the result. Raises NotDifferentiableError for what has no rule;
    write the formula by hand then.
    """
    derivative = _derivative(_parse(expression), name)
    use_result = _UseResult(ast.dump(_Formula().visit(_parse(expression))))
    formula = use_result.visit(_Formula().visit(_times(ast.Name(gradient), derivative)))
    return f"zeros_like({gradient})" if _is(formula, 0) else ast.unparse(formula)


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        raise NotDifferentiableError("an expression of several lines has no rule") from None


def _times(gradient: ast.expr, node: ast.expr) -> ast.expr:
    """The gradient times a derivative; inside of a choice, so that a choice between numbers keeps its dtype."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where":
        return _where(node.args[0], _times(gradient, node.args[1]), _times(gradient, node.args[2]))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _divide(_times(gradient, node.left), node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _subtract(_number(0), _times(gradient, node.operand))
    return _multiply(gradient, node)


def _number(value: float) -> ast.expr:
    return ast.Constant(value)


def _is(node: ast.expr, value: float) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _add(left: ast.expr, right: ast.expr) -> ast.expr:
    if _is(left, 0) or _is(right, 0):
        return right if _is(left, 0) else left
    return ast.BinOp(left, ast.Add(), right)


def _subtract(left: ast.expr, right: ast.expr) -> ast.expr:
    if _is(right, 0):
        return left
    return ast.UnaryOp(ast.USub(), right) if _is(left, 0) else ast.BinOp(left, ast.Sub(), right)


def _multiply(left: ast.expr, right: ast.expr) -> ast.expr:
    if _is(left, 0) or _is(right, 0):
        return _number(0)
    if _is(left, 1) or _is(right, 1):
        return right if _is(left, 1) else left
    return ast.BinOp(left, ast.Mult(), right)


def _divide(left: ast.expr, right: ast.expr) -> ast.expr:
    return left if _is(left, 0) or _is(right, 1) else ast.BinOp(left, ast.Div(), right)


def _where(condition: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    if ast.dump(yes) == ast.dump(no):
        return yes
    return ast.Call(ast.Name("where"), [condition, yes, no], [])


def _derivative(node: ast.expr, name: str) -> ast.expr:
    if isinstance(node, ast.Constant):
        return _number(0)
    if isinstance(node, ast.Name):
        return _number(1 if node.id == name else 0)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _subtract(_number(0), _derivative(node.operand, name))
    if isinstance(node, ast.BinOp):
        return _of_operator(node, name)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _of_call(node, node.func.id, name)
    raise NotDifferentiableError(f"`{ast.unparse(node)}` has no rule")


def _of_operator(node: ast.BinOp, name: str) -> ast.expr:
    left, right = node.left, node.right
    d_left, d_right = _derivative(left, name), _derivative(right, name)
    if isinstance(node.op, ast.Add):
        return _add(d_left, d_right)
    if isinstance(node.op, ast.Sub):
        return _subtract(d_left, d_right)
    if isinstance(node.op, ast.Mult):
        return _add(_multiply(d_left, right), _multiply(left, d_right))
    if isinstance(node.op, ast.Div):
        return _divide(_subtract(d_left, _multiply(_divide(left, right), d_right)), right)
    raise NotDifferentiableError(f"the operator of `{ast.unparse(node)}` has no rule")


def _of_call(node: ast.Call, function: str, name: str) -> ast.expr:
    args = node.args
    inner = [_derivative(arg, name) for arg in args] if function != "select" else []
    if function == "select":
        return _where(args[0], _derivative(args[1], name), _derivative(args[2], name))
    if all(_is(d, 0) for d in inner) or function in _CONSTANT:
        return _number(0)
    if function == "T":
        return inner[0]
    if function == "fma":
        return _add(_add(_multiply(inner[0], args[1]), _multiply(args[0], inner[1])), inner[2])
    if function in _EXTREMES:
        return _where(ast.Compare(args[0], [_EXTREMES[function]()], [args[1]]), inner[0], inner[1])
    if function in _UNARY:
        rule = ast.parse(_UNARY[function], mode="eval").body
        return _multiply(_Substitute({"x": args[0], "f": node}).visit(rule), inner[0])
    raise NotDifferentiableError(f"the function {function}() has no rule")


class _Substitute(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


class _Formula(ast.NodeTransformer):
    """The words of the expression language as ops: select is where, & of masks is logical_and, T(1) is 1."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            if node.func.id == "T":
                return node.args[0]
            return ast.Call(ast.Name(_OP_NAMES.get(node.func.id, node.func.id)), node.args, [])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        function = _MASKS.get(type(node.op))
        return ast.Call(ast.Name(function), [node.left, node.right], []) if function else node


class _UseResult(ast.NodeTransformer):
    """What the op has computed already is its result."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Name) and ast.dump(node) == self.expression:
            return ast.Name("result")
        return self.generic_visit(node)
