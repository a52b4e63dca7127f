"""Rows of the functions of complex numbers: parts, conjugates, angles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .matrices import adjoint as adjoint_of
from .table import COMPLEX, FLOAT, INTEGER, Case, Make, case, refused, row

SHAPES = ((), (5,), (2, 3, 4), (0,), (3, 0))


def of_one(make: Make) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(make(*shape))


def unchanged(x: Any) -> Any:
    return x


def never(_: Any) -> bool:
    return False


row("real", dtypes=FLOAT + COMPLEX, reference=np.real)(of_one)
row("conj", dtypes=FLOAT + INTEGER + COMPLEX, reference=np.conj)(of_one)
row("conj_physical", dtypes=FLOAT + INTEGER + COMPLEX, reference=np.conj)(of_one)
row("resolve_conj", dtypes=FLOAT + COMPLEX, reference=unchanged)(of_one)
row("resolve_neg", dtypes=FLOAT + COMPLEX, reference=unchanged)(of_one)
row("is_conj", dtypes=FLOAT + COMPLEX, reference=never)(of_one)
row("is_neg", dtypes=FLOAT + COMPLEX, reference=never)(of_one)
row("isreal", dtypes=FLOAT + INTEGER + COMPLEX, reference=np.isreal)(of_one)


@row("imag", dtypes=COMPLEX, reference=np.imag)
def imag(make: Make) -> Iterator[Case]:
    yield from of_one(make)
    yield refused(make.floats(3), error=TypeError, match="no imaginary part")


@row("angle", dtypes=FLOAT + COMPLEX, reference=np.angle)
def angle(make: Make) -> Iterator[Case]:
    yield from of_one(make)


def direction(z: Any) -> Any:
    length = np.abs(z)
    return np.where(length == 0, 0, z / np.where(length == 0, 1, length)).astype(z.dtype)


@row("sgn", dtypes=FLOAT + INTEGER + COMPLEX, reference=direction)
def sgn(make: Make) -> Iterator[Case]:
    yield from of_one(make)


@row("complex", dtypes=FLOAT, reference=lambda real, imag: np.asarray(real + imag * make_i(real)))
def complex_(make: Make) -> Iterator[Case]:
    for left, right in (((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0, 3), (1, 3))):
        yield case(make(*left), make(*right))
    yield refused(make(3), make(3).astype(np.int64), error=TypeError, match="one dtype")


def make_i(like: Any) -> Any:
    return np.complex64(1j) if like.dtype == np.float32 else 1j


@row("polar", dtypes=FLOAT, reference=lambda length, angle: length * np.exp(angle * make_i(angle)))
def polar(make: Make) -> Iterator[Case]:
    for left, right in (((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0, 3), (1, 3))):
        yield case(make(*left, low=0.1), make(*right))


@row("view_as_real", dtypes=COMPLEX, reference=lambda z: np.stack([z.real, z.imag], -1))
def view_as_real(make: Make) -> Iterator[Case]:
    yield from of_one(make)
    yield refused(make.floats(3), error=TypeError, match="complex")


row("view_as_real_copy", dtypes=COMPLEX, reference=lambda z: np.stack([z.real, z.imag], -1))(of_one)


def check_pairs(result: Any, x: Any) -> None:
    """A check and no reference: other layouts than pairs side by side are refused."""
    np.testing.assert_array_equal(np.asarray(result), np.asarray(x)[..., 0] + np.asarray(x)[..., 1] * 1j)


@row("view_as_complex", dtypes=FLOAT, check=check_pairs)
def view_as_complex(make: Make) -> Iterator[Case]:
    for shape in ((2,), (3, 2), (0, 2)):
        yield case(make(*shape))
    yield refused(make(3), error=ValueError, match="size 2")


@row("view_as_complex_copy", dtypes=FLOAT, check=check_pairs)
def view_as_complex_copy(make: Make) -> Iterator[Case]:
    yield case(make(3, 2))


@row("vdot", dtypes=FLOAT + INTEGER + COMPLEX, reference=np.vdot)
def vdot(make: Make) -> Iterator[Case]:
    for n in (5, 1, 0):
        yield case(make(n), make(n))
    yield refused(make(3), make(4), error=ValueError, match="lengths")


@row("adjoint", dtypes=FLOAT + COMPLEX, reference=adjoint_of)
def adjoint(make: Make) -> Iterator[Case]:
    for shape in ((2, 3), (4, 2, 3), (0, 2)):
        yield case(make(*shape))
    yield refused(make(3), error=ValueError, match="matrix")


@row("Tensor.mH", dtypes=FLOAT + INTEGER + COMPLEX, reference=adjoint_of)
def mH(make: Make) -> Iterator[Case]:  # noqa: N802
    for shape in ((2, 3), (4, 2, 3), (0, 2)):
        yield case(make(*shape))
    yield refused(make(3), error=ValueError, match="mH: .* at least 2 dimensions")


@row("Tensor.H", dtypes=FLOAT + INTEGER + COMPLEX, reference=adjoint_of)
def H(make: Make) -> Iterator[Case]:  # noqa: N802
    yield case(make(2, 3))
    yield case(make(0, 2))
    yield refused(make(3), error=ValueError, match="H: .* at least 2 dimensions")
    yield refused(make(2, 2, 2), error=ValueError, match="H: the tensor must be a matrix")
