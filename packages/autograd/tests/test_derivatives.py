"""Every derivative facet against finite differences, first and second order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import tensorwright as tw
from samples import call_with, evaluate, start
from tensorwright_codegen.autograd import DerivativeFacet, load_derivatives
from tensorwright_codegen.facets import Kind, Op, OpSet, Type, load_ops

HERE = Path(__file__).resolve().parents[1]
CORE = HERE.parent / "tensor-core" / "ops"

# No tensor goes in.
WITHOUT_DERIVATIVE = {"rand", "randn", "randint.low", "randperm"}
# Random: the same arguments give other results. Complex results: test_linalg.py.
NOT_CHECKED = {"bernoulli", "standard_gamma", "fft_c2c", "fft_c2r", "linalg_eig", "linalg_eigvals"}
# Have first derivatives only; the second order of the op whose gradient they are checks those.
CHECKED_ELSEWHERE = {"igamma_grad_self", "ctc_loss_backward"}
IN_PLACE_ONLY = {"copy", "fill", "zero", "uniform", "normal", "exponential", "bernoulli.p"}


def _ops_folder() -> Path:
    """The op facets: in the checkout, or as the wheel of tensor-core installs them."""
    if CORE.is_dir():
        return CORE
    return Path(next(iter(tw.__path__))) / "facets"


OPS: OpSet = load_ops([_ops_folder()])
FACETS: dict[str, DerivativeFacet] = load_derivatives([HERE / "derivatives"], OPS)


@dataclass(frozen=True)
class Case:
    op: str
    args: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.op}({', '.join(f'{name}={value}' for name, value in self.args)})"


COMPLEX_TOO = {"sum", "prod", "cumsum", "cumprod", "where", "masked_fill"}
REAL_ONLY = {"view_as_complex", "view_as_real", "imag"}


def _default_cases(facet: DerivativeFacet, op: Op) -> list[Case]:
    """Pointwise ops need no samples: their operands are drawn from the domain, equal in shape and broadcast."""
    tensors = [arg.name for arg in op.schema.args if arg.type in (Type.TENSOR, Type.OPERAND)]
    low, high = evaluate(facet.domain) if facet.domain else (-1.55, 1.45)
    draw = "normal({})" if facet.domain is None else f"uniform({low}, {high}, {{}})"
    shapes = [("3, 4", "3, 4", "3, 4"), ("3, 1", "2, 1, 4", "1")] if len(tensors) > 1 else [("3, 4",)]
    needed = [(arg.name, "0.5") for arg in op.schema.args if arg.name not in tensors and arg.default is None]
    draws = [draw, "complex_normal({})"] if "c64" in op.math.compute else [draw]
    return [
        Case(op.name, (*((name, one.format(shape)) for name, shape in zip(tensors, row, strict=False)), *needed))
        for one in draws
        for row in shapes
    ]


def _complex_samples(facet: DerivativeFacet, op: Op) -> list[Case]:
    """The samples with complex leaves in place of real ones, of ops that take them."""
    takes_complex = op.kind is Kind.VIEW or facet.file in ("copy", "indexing", "linear_algebra")
    if op.name not in COMPLEX_TOO and (not takes_complex or op.name in REAL_ONLY):
        return []
    texts = (tuple((name, _of_complex(text)) for name, text in args) for args in facet.samples)
    return [Case(op.name, args) for args, given in zip(texts, facet.samples, strict=True) if args != given]


def _of_complex(text: str) -> str:
    return re.sub(r"\b(normal|with_zeros)\(", "complex_normal(", text)


def _cases() -> list[Case]:
    cases: list[Case] = []
    for facet in FACETS.values():
        op = OPS[facet.op]
        if facet.not_differentiable or facet.detaches or facet.refused or facet.op in NOT_CHECKED | IN_PLACE_ONLY:
            continue
        if facet.samples:
            cases += [Case(op.name, args) for args in facet.samples]
            cases += _complex_samples(facet, op)
        elif op.kind is Kind.POINTWISE:
            cases += _default_cases(facet, op)
    return cases


CASES = _cases()


def _function(case: Case):
    start(str(case))
    op = tw.ops.get(OPS[case.op].qualified_name)
    return call_with(op, {name: evaluate(text) for name, text in case.args})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case: Case) -> None:
    function, leaves = _function(case)
    assert tw.autograd.gradcheck(function, leaves)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_second_order(case: Case) -> None:
    function, leaves = _function(case)
    outputs = function(*leaves)
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    shapes = [out.shape for out in outputs if out.requires_grad]
    seeds = [evaluate(f"normal{tuple(shape)}" if len(shape) != 1 else f"normal({shape[0]})") for shape in shapes]
    if any(seed.numel() == 0 for seed in seeds):
        seeds = [tw.zeros(*shape, dtype=tw.float64, requires_grad=True) for shape in shapes]
    assert tw.autograd.gradgradcheck(function, leaves, seeds)


def test_every_primitive_has_a_derivative() -> None:
    missing = [op.name for op in OPS if op.kind is not Kind.COMPOSITE and op.name not in FACETS]
    assert set(missing) == WITHOUT_DERIVATIVE


def test_every_derivative_is_checked() -> None:
    checked = {case.op for case in CASES}
    derived = [f for f in FACETS.values() if not all(formula.is_refused for formula in f.formulas)]
    silent = [f.op for f in derived if f.op not in checked | NOT_CHECKED | CHECKED_ELSEWHERE | IN_PLACE_ONLY]
    assert silent == []
