"""Prints expressions as mathematics, in Unicode or LaTeX, for documentation pages."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .ir import ExpressionError, Location, Program, ScalarType
from .library import TYPE_VARIABLES
from .parser import parse_statements
from .primitives import ATOM, BINARY_OPERATORS, CASES, COMPARE, COMPARISONS, PRIMITIVES, SUM, UNARY_OPERATORS, Formula

Style = Literal["unicode", "latex"]

_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "lambda", "mu", "rho", "sigma", "tau", "theta")
_LETTERS = dict(zip(_GREEK, "αβγδεηλμρστθ", strict=True)) | {"eps": "ε", "lambd": "λ", "pi": "π", "inf": "∞"}
_LATEX_NAMES = {"eps": r"\epsilon", "lambd": r"\lambda", "pi": r"\pi", "inf": r"\infty"}
_LATEX_FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "min", "max")
_TYPES = {*(scalar.value for scalar in ScalarType), *TYPE_VARIABLES, "bool"}


@dataclass(frozen=True)
class _Printed:
    text: str
    binds: int = ATOM


def formula(source: Program | str | Sequence[str], style: Style = "unicode") -> str:
    """The formula of an expression text, of several, or of the texts a program was parsed from.

    Assignments become a trailing "where". Raises ExpressionError for a text that does not parse.

    >>> formula("self + alpha * other")
    'self + α · other'
    >>> print(formula("select(x > 0, x, exp(x) - 1)", style="latex"))
    \\begin{cases} x & x > 0 \\\\ \\exp\\left(x\\right) - 1 & \\text{otherwise} \\end{cases}
    """
    texts = source.texts if isinstance(source, Program) else (source,) if isinstance(source, str) else source
    return "; ".join(_Printer(style).text(text) for text in texts)


class _Printer:
    def __init__(self, style: Style) -> None:
        self.latex = style == "latex"

    def text(self, text: str) -> str:
        statements, _ = parse_statements(text, Location("<formula>"))
        *assignments, last = statements
        value = last.value if isinstance(last, (ast.Expr, ast.Return)) else None
        if value is None:
            raise ExpressionError(Location("<formula>", last.lineno), "expected an expression at the end")
        where = [self._assignment(statement) for statement in assignments]
        separator = r" \quad \text{where } " if self.latex else " where "
        return self.print(value).text + (separator + ", ".join(where) if where else "")

    def print(self, node: ast.expr) -> _Printed:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return _Printed(self._name(node.id))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(node.left, node.right)
        if isinstance(node, ast.BinOp):
            return self._primitive(BINARY_OPERATORS[type(node.op)], [node.left, node.right])
        if isinstance(node, ast.UnaryOp):
            return self._primitive(UNARY_OPERATORS[type(node.op)], [node.operand])
        if isinstance(node, ast.Compare):
            return self._primitive(COMPARISONS[type(node.ops[0])], [node.left, node.comparators[0]])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node.func.id, node.args)
        return _Printed(ast.unparse(node), CASES)

    def _assignment(self, statement: ast.stmt) -> str:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return ast.unparse(statement)
        return f"{self._name(statement.targets[0].id)} = {self.print(statement.value).text}"

    def _constant(self, node: ast.Constant) -> _Printed:
        text = str(node.value)
        if "e" in text and isinstance(node.value, float):
            digits, exponent = text.split("e")
            power = f"10^{{{int(exponent)}}}" if self.latex else f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
            return _Printed(f"{digits} {self._dot()} {power}" if digits != "1" else power)
        return _Printed(text.removesuffix(".0"))

    def _dot(self) -> str:
        return r"\cdot" if self.latex else "·"

    def _name(self, name: str) -> str:
        if not self.latex:
            return _LETTERS.get(name, name)
        if name in _LATEX_NAMES or name in _GREEK:
            return _LATEX_NAMES.get(name, f"\\{name}")
        return name if len(name) == 1 else f"\\mathrm{{{name}}}".replace("_", r"\_")

    def _call(self, name: str, args: Sequence[ast.expr]) -> _Printed:
        if name == "pow" and len(args) == 2:
            return self._power(*args)
        if name in _TYPES and len(args) == 1:
            return self._conversion(args[0])
        if name in ("unlikely", "bitcast", "to_float", "widen", "narrow") and len(args) == 1:
            return self.print(args[0])
        if name in PRIMITIVES and PRIMITIVES[name].formula is not None:
            return self._primitive(name, args)
        if name == "hexf" and isinstance(args[0], ast.Constant):
            return _Printed(str(float.fromhex(str(args[0].value))))
        listed = ", ".join(self.print(arg).text for arg in args)
        if not self.latex:
            return _Printed(f"{name}({listed})")
        head = f"\\{name}" if name in _LATEX_FUNCTIONS else f"\\operatorname{{{name}}}".replace("_", r"\_")
        return _Printed(rf"{head}\left({listed}\right)")

    def _primitive(self, name: str, args: Sequence[ast.expr]) -> _Printed:
        row = PRIMITIVES[name].formula
        assert isinstance(row, Formula), name
        notation = row.latex if self.latex else row.unicode
        needs = notation.needs or (CASES,) * len(args)
        texts = [self._bracketed(self.print(arg), need) for arg, need in zip(args, needs, strict=True)]
        return _Printed(notation.text.format(*texts), notation.binds)

    def _conversion(self, arg: ast.expr) -> _Printed:
        """A condition as a number prints as an Iverson bracket; between numbers there is nothing to see."""
        printed = self.print(arg)
        return _Printed(f"[{printed.text}]") if printed.binds <= COMPARE else printed

    def _power(self, base: ast.expr, exponent: ast.expr) -> _Printed:
        below, above = self._bracketed(self.print(base), ATOM), self.print(exponent)
        if self.latex:
            return _Printed(f"{{{below}}}^{{{above.text}}}")
        if above.text.isdigit():
            return _Printed(below + above.text.translate(_SUPERSCRIPT))
        return _Printed(f"{below}^{self._bracketed(above, ATOM)}")

    def _bracketed(self, printed: _Printed, need: int) -> str:
        if printed.binds >= need:
            # A minus sign never follows another sign directly.
            return f"({printed.text})" if need > SUM and printed.text.startswith("-") else printed.text
        return rf"\left({printed.text}\right)" if self.latex else f"({printed.text})"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
