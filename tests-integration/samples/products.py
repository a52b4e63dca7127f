"""Rows of products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import COMPLEX, FLOAT, LOW, Array, Case, Make, case, refused, row

NUMBERS = FLOAT + LOW + COMPLEX + ("int32", "int64")


@row("mm", dtypes=FLOAT + COMPLEX + ("int64",), reference=np.matmul)
def mm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(4, 2))
    yield case(make(3, 0), make(0, 2))
    yield case(make(0, 3), make(3, 2))
    yield refused(make(3, 4), make(3, 4), error=ValueError, match="inner dimensions")
    yield refused(make(3), make(3, 4), error=ValueError, match="matri")


@row("_int_mm", dtypes=("int8", "uint8"), reference=lambda a, b: (a.astype(np.int64) @ b).astype(np.int32), grad=False)
def _int_mm(make: Make) -> Iterator[Case]:
    low = 0 if make.dtype == "uint8" else -128

    def pair(rows: int, depth: int, cols: int) -> Case:
        left = make.integers(rows, depth, low=low, high=low + 256).astype(make.dtype)
        return case(left, make.integers(depth, cols, low=-128, high=128).astype(np.int8))

    yield pair(3, 4, 2)
    yield pair(3, 0, 2)
    yield pair(0, 3, 2)
    yield pair(3, 3, 0)
    yield pair(1, 2050, 33)  # beyond a block of the depth and a panel of columns
    yield pair(31, 67, 64)
    extreme = np.full((2, 1030), low or 255).astype(make.dtype)
    yield case(extreme, np.full((1030, 40), -128, np.int8))
    left, right = make.integers(3, 4).astype(make.dtype), make.integers(4, 2).astype(np.int8)
    yield refused(left, left, error=ValueError, match="inner dimensions")
    yield refused(left[0], right, error=ValueError, match="matri")
    yield refused(left, right.astype(np.uint8), error=TypeError, match="second matrix must be int8")
    yield refused(left.astype(np.int32), right, error=TypeError, match="first matrix must be int8 or uint8")


@row("bmm", dtypes=FLOAT + COMPLEX, reference=np.matmul)
def bmm(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), make(2, 4, 2))
    yield case(make(0, 3, 4), make(0, 4, 2))
    yield refused(make(2, 3, 4), make(3, 4, 2), error=ValueError, match="batch")


@row("mv", dtypes=FLOAT + COMPLEX, reference=np.matmul)
def mv(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(4))
    yield refused(make(3, 4), make(3), error=ValueError, match="mv")


@row("dot", dtypes=FLOAT + COMPLEX + ("int64",), reference=np.dot)
def dot(make: Make) -> Iterator[Case]:
    yield case(make(4), make(4))
    yield case(make(0), make(0))
    yield refused(make(4), make(3), error=ValueError, match="dot")


@row("matmul", dtypes=FLOAT + COMPLEX, reference=np.matmul)
def matmul(make: Make) -> Iterator[Case]:
    for left, right in (((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 3)), ((3, 4), (4, 2)), ((2, 3, 4), (4, 2))):
        yield case(make(*left), make(*right))
    yield case(make(2, 1, 3, 4), make(3, 4, 2))
    yield case(make(2, 0, 4), make(4, 2))
    yield refused(make(2, 3), make(2, 3), error=ValueError, match="inner dimensions")


def sum_of_products(self: Array, a: Array, b: Array, beta: float = 1, alpha: float = 1) -> Any:
    return (beta * self if beta else 0) + alpha * np.matmul(a, b)


@row("addmm", dtypes=FLOAT + COMPLEX, reference=sum_of_products)
def addmm(make: Make) -> Iterator[Case]:
    yield case(make(3, 2), make(3, 4), make(4, 2))
    yield case(make(2), make(3, 4), make(4, 2), beta=2, alpha=3)
    yield case(make(3, 1), make(3, 4), make(4, 2), beta=0)


@row("baddbmm", dtypes=FLOAT + COMPLEX, reference=sum_of_products)
def baddbmm(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 2), make(2, 3, 4), make(2, 4, 2))
    yield case(make(1, 1, 2), make(2, 3, 4), make(2, 4, 2), beta=2, alpha=3)


@row("outer", dtypes=FLOAT + COMPLEX, reference=np.outer)
def outer(make: Make) -> Iterator[Case]:
    yield case(make(3), make(4))
    yield case(make(0), make(4))


@row("inner", dtypes=FLOAT, reference=np.inner)
def inner(make: Make) -> Iterator[Case]:
    yield case(make(4), make(4))
    yield case(make(2, 3, 4), make(5, 4))


@row("tensordot", dtypes=FLOAT, reference=lambda a, b, dims=2: np.tensordot(a, b, dims))
def tensordot(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), make(3, 4, 5))
    yield case(make(2, 3), make(3, 4), dims=1)
    yield case(make(2, 3, 4), make(4, 2, 5), dims=([0, 2], [1, 0]))


@row("einsum", dtypes=FLOAT + COMPLEX, reference=np.einsum)
def einsum(make: Make) -> Iterator[Case]:
    yield case("ij,jk->ik", make(3, 4), make(4, 2))
    yield case("bij,bjk->bik", make(2, 3, 4), make(2, 4, 2))
    yield case("ii->i", make(3, 3))
    yield case("ij->", make(3, 4))
    yield case("...ij->...ji", make(2, 3, 4))
    yield case("i,j,k->kji", make(2), make(3), make(4))
    yield refused("ij,jk->iz", make(3, 4), make(4, 2), error=ValueError, match="z")


@row("nn.functional.linear", dtypes=FLOAT, reference=lambda x, w, b=0: x @ w.T + b)
def linear(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(2, 4), make(2))
    yield case(make(2, 3, 4), make(2, 4))
    yield case(make(4), make(2, 4), make(2))
    yield refused(make(3, 3), make(2, 4), error=ValueError, match="linear")
