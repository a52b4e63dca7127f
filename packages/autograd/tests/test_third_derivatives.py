"""Third derivatives of composite functions, every mixed one, against sympy's with thirty digits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import sympy
import tensorwright as tw

TOLERANCE = 1e-10

Function = Callable[[Any, Any, Any, Any], Any]  # of the module that has sin, and three variables

OURS = SimpleNamespace(
    **{name: getattr(tw, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    asin=tw.asin, acos=tw.acos, atan=tw.atan, asinh=tw.asinh, acosh=tw.acosh, atanh=tw.atanh, erf=tw.erf, erfc=tw.erfc,
    gamma_log=tw.lgamma, digamma=tw.digamma, sigmoid=tw.sigmoid, softplus=tw.ops.softplus,
    atan2=tw.atan2,
    expm1=tw.expm1, log1p=tw.log1p, hypot=tw.hypot, sinc=tw.sinc, silu=tw.ops.silu, gelu=tw.ops.gelu,
    logaddexp=tw.logaddexp, reciprocal=tw.reciprocal, rsqrt=tw.rsqrt,
    exp2=tw.exp2, log2=tw.log2, xlogy=tw.xlogy, logit=tw.logit,
)  # fmt: skip

THEIRS = SimpleNamespace(
    **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    asin=sympy.asin, acos=sympy.acos, atan=sympy.atan, asinh=sympy.asinh, acosh=sympy.acosh, atanh=sympy.atanh,
    erf=sympy.erf, erfc=sympy.erfc, gamma_log=sympy.loggamma, digamma=sympy.digamma,
    sigmoid=lambda x: 1 / (1 + sympy.exp(-x)), softplus=lambda x: sympy.log(1 + sympy.exp(x)),
    atan2=lambda y, x: sympy.atan(y / x), expm1=lambda x: sympy.exp(x) - 1, log1p=lambda x: sympy.log(1 + x),
    hypot=lambda x, y: sympy.sqrt(x**2 + y**2), sinc=lambda x: sympy.sin(sympy.pi * x) / (sympy.pi * x),
    silu=lambda x: x / (1 + sympy.exp(-x)), gelu=lambda x: x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    logaddexp=lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)), reciprocal=lambda x: 1 / x,
    rsqrt=lambda x: 1 / sympy.sqrt(x), exp2=lambda x: 2**x, log2=lambda x: sympy.log(x) / sympy.log(2),
    xlogy=lambda x, y: x * sympy.log(y), logit=lambda x: sympy.log(x / (1 - x)),
)  # fmt: skip

FUNCTIONS: list[Function] = [
    lambda m, x, y, z: m.sin(x * y) * m.exp(z * x),
    lambda m, x, y, z: m.tanh(x * m.cos(y + z * x)) / (1 + z**2),
    lambda m, x, y, z: m.log(1 + x**2 * y**2 + z**4),
    lambda m, x, y, z: m.sqrt(x**2 + y**2 + z**2 + x * y * z),
    lambda m, x, y, z: m.sigmoid(x * y - z) * m.sigmoid(z * y + x),
    lambda m, x, y, z: m.softplus(m.sin(x) * y + z),
    lambda m, x, y, z: m.gelu(x * y) + m.gelu(y * z) * x,
    lambda m, x, y, z: m.silu(x + y * m.tanh(z)),
    lambda m, x, y, z: m.erf(x * y) * m.erfc(z - x),
    lambda m, x, y, z: m.atan2(x * y, 1 + z * z) ** 2,
    lambda m, x, y, z: x ** (y + 1) * z**x,
    lambda m, x, y, z: m.exp(-(x**2 + y * z)) * m.cos(3 * x + z),
    lambda m, x, y, z: m.asin(x * y / 3) + m.acos(y * z / 4) * x,
    lambda m, x, y, z: m.atan(x + m.sinh(y * z)),
    lambda m, x, y, z: m.asinh(x * z) * m.acosh(2 + y * x),
    lambda m, x, y, z: m.atanh(x * y * z / 5) * m.cosh(x),
    lambda m, x, y, z: m.gamma_log(1 + x * y) + m.gamma_log(2 + z) * x,
    lambda m, x, y, z: m.digamma(1 + x + y) * z * y,
    lambda m, x, y, z: m.expm1(x * y) * m.log1p(y * z),
    lambda m, x, y, z: m.hypot(x * y, z + x) * y,
    lambda m, x, y, z: m.logaddexp(x * y, m.sin(z)) + m.logaddexp(x, z * x),
    lambda m, x, y, z: m.tan(x * y / 2) * m.reciprocal(1 + z),
    lambda m, x, y, z: m.rsqrt(1 + x * y) * m.exp2(z * x),
    lambda m, x, y, z: m.log2(2 + x * z) * m.xlogy(y, x + z),
    lambda m, x, y, z: m.logit(x / 3 + y * z / 9),
    lambda m, x, y, z: m.sinc(x + y) * m.sinc(z / 2),
    lambda m, x, y, z: (x / y - y / z) ** 5 / (x + z),
    lambda m, x, y, z: m.sin(m.exp(m.sin(x * y)) * z),
    lambda m, x, y, z: 1 / (1 + m.exp(-x * m.tanh(y * m.tanh(z)))),
    lambda m, x, y, z: -m.log(m.exp(x * y) / (m.exp(x * y) + m.exp(y * z) + m.exp(z * x))),
    lambda m, x, y, z: m.sqrt(1 + m.erf(x) ** 2) * m.log(1 + m.cosh(y - z)),
    lambda m, x, y, z: (x**3 * y**2 * z - 2 * x * y * z**4) ** 2,
]

POINT = (sympy.Rational(3, 5), sympy.Rational(9, 10), sympy.Rational(13, 10))
ORDERS = list(itertools.combinations_with_replacement(range(3), 3))


def expected(function: Function) -> dict[Sequence[int], float]:
    variables = sympy.symbols("x y z", positive=True)
    formula = function(THEIRS, *variables)
    at = dict(zip(variables, POINT, strict=True))
    return {order: float(sympy.diff(formula, *(variables[i] for i in order)).subs(at).evalf(30)) for order in ORDERS}


def point() -> tw.Tensor:
    return tw.tensor([float(value) for value in POINT], dtype=tw.float64)


def by_tape(function: Function) -> tw.Tensor:
    """Backward passes over the tape of backward passes."""
    x = point().requires_grad_()
    (first,) = tw.autograd.grad(function(OURS, *x.unbind()), x, create_graph=True)
    rows = []
    for i in range(3):
        (second,) = tw.autograd.grad(first[i], x, create_graph=True)
        rows.append(tw.stack([tw.autograd.grad(second[k], x, retain_graph=True)[0] for k in range(3)]))
    return tw.stack(rows)


def by_transforms(function: Function) -> tw.Tensor:
    """Forward over reverse over reverse."""
    gradient = tw.func.grad(lambda x: function(OURS, *x.unbind()))
    result: tw.Tensor = tw.func.jacfwd(tw.func.jacrev(gradient))(point())
    return result


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_all_third_derivatives(number: int) -> None:
    function = FUNCTIONS[number]
    values = expected(function)
    for method in (by_tape, by_transforms):
        found = method(function)
        for order, value in values.items():
            for i, j, k in set(itertools.permutations(order)):
                difference = abs(found[i, j, k].item() - value)
                assert difference <= TOLERANCE * max(1.0, abs(value)), (method.__name__, (i, j, k), value)
