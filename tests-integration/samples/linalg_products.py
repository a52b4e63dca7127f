"""Rows of powers of matrices, and of products beyond those of two matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .matrices import FIELDS, regular
from .table import INTEGER, LOW, Case, Make, case, refused, row


def matrix_power_cases(make: Make) -> Iterator[Case]:
    for n in (0, 1, 2, 3, 5, -1, -2):
        yield case(regular(make, 3, 3), n)
    yield case(regular(make, 2, 2, 2), 3)
    yield refused(make(2, 3), 2, error=ValueError, match="square")


for name in ("linalg.matrix_power", "matrix_power"):
    row(name, dtypes=FIELDS, reference=np.linalg.matrix_power, rtol=2e-4)(matrix_power_cases)  # inverses and powers


@row("linalg.multi_dot", dtypes=FIELDS, reference=lambda parts: np.linalg.multi_dot(parts))
def linalg_multi_dot(make: Make) -> Iterator[Case]:
    yield case([make(2, 3), make(3, 4)])
    yield case([make(2, 3), make(3, 4), make(4, 2)])
    yield case([make(3), make(3, 4), make(4, 2), make(2)])
    yield refused([make(2, 3)], error=ValueError, match="two")


@row(
    "linalg.vander",
    dtypes=FIELDS + ("int64",),
    reference=lambda x, N=None: x[..., None] ** np.arange(x.shape[-1] if N is None else N),
)
def linalg_vander(make: Make) -> Iterator[Case]:
    yield case(make(4))
    yield case(make(2, 3), N=5)
    yield refused(make(3), N=1, error=ValueError, match="N")


@row("linalg.vecdot", dtypes=FIELDS, reference=lambda x, y, dim=-1: (np.conj(x) * y).sum(dim))
def linalg_vecdot(make: Make) -> Iterator[Case]:
    yield case(make(5), make(5))
    yield case(make(2, 3), make(3))
    yield case(make(2, 3), make(2, 3), dim=0)


@row("linalg.cross", dtypes=FIELDS + INTEGER + LOW, reference=lambda a, b, dim=-1: np.cross(a, b, axis=dim))
def linalg_cross(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(4, 3))
    yield case(make(3, 2), make(3, 2), dim=0)
    yield case(make(2, 1, 3), make(1, 4, 3))
    yield refused(make(2), make(2), error=ValueError, match="3")


@row("cross", dtypes=FIELDS + INTEGER + LOW, reference=lambda a, b, dim=0: np.cross(a, b, axis=dim))
def cross(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(4, 3), make(4, 3), dim=1)
    yield refused(make(2), make(2), error=ValueError, match="size 3")


@row(
    "linalg.diagonal",
    dtypes=FIELDS + INTEGER + LOW,
    reference=lambda a, offset=0, dim1=-2, dim2=-1: np.diagonal(a, offset, dim1, dim2),
)
def linalg_diagonal(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), offset=1)
    yield case(make(2, 3, 4), dim1=0, dim2=1, offset=-1)


@row("linalg.matmul", dtypes=FIELDS + INTEGER + LOW, reference=np.matmul)
def linalg_matmul(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 4))
    yield case(make(3), make(3))
    yield case(make(5, 2, 3), make(3, 4))
    yield refused(make(2, 3), make(2, 3), error=ValueError, match="inner")


@row(
    "trace",
    dtypes=FIELDS + INTEGER + LOW,
    reference=lambda a: np.trace(a, dtype=np.int64 if a.dtype.kind in "iu" else None),
)
def trace(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(0, 0))
    yield refused(make(3), error=ValueError, match="matrix")


@row("kron", dtypes=FIELDS + INTEGER + LOW, reference=np.kron)
def kron(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 2))
    yield case(make(2), make(2, 2))
    yield case(make(2, 1, 2), make(3))


@row("addbmm", dtypes=FIELDS + LOW, reference=lambda c, a, b, beta=1, alpha=1: beta * c + alpha * (a @ b).sum(0))
def addbmm(make: Make) -> Iterator[Case]:
    yield case(make(2, 4), make(3, 2, 3), make(3, 3, 4))
    yield case(make(4), make(3, 2, 3), make(3, 3, 4), beta=0.5, alpha=2.0)
    yield case(make(2, 4), make(0, 2, 3), make(0, 3, 4))
    yield refused(make(2, 4), make(3, 2, 3), make(2, 3, 4), error=ValueError, match="batch")


@row("addmv", dtypes=FIELDS + LOW, reference=lambda y, a, x, beta=1, alpha=1: beta * y + alpha * (a @ x))
def addmv(make: Make) -> Iterator[Case]:
    yield case(make(2), make(2, 3), make(3))
    yield case(make(1), make(2, 3), make(3), beta=0.5, alpha=2.0)
    yield refused(make(2), make(2, 3), make(2), error=ValueError, match="inner")


@row("addr", dtypes=FIELDS + LOW, reference=lambda m, x, y, beta=1, alpha=1: beta * m + alpha * np.outer(x, y))
def addr(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(2), make(3))
    yield case(make(3), make(2), make(3), beta=0.5, alpha=2.0)
    yield case(make(2, 3), make(2), make(3), beta=0)
    yield refused(make(2, 3), make(2, 1), make(3), error=ValueError, match="vectors")


@row("chain_matmul", dtypes=FIELDS, reference=lambda *parts: np.linalg.multi_dot(parts))
def chain_matmul(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 4), make(4, 2))
    yield refused(make(3), make(3, 2), error=ValueError, match="matrix")


@row("addmv_", reference=lambda y, a, x, beta=1, alpha=1: beta * y + alpha * (a @ x), grad=False)
def addmv_in_place(make: Make) -> Iterator[Case]:
    yield case(make(2), make(2, 3), make(3))
    yield case(make(2), make(2, 3), make(3), beta=0.5, alpha=2.0)


for name in ("eig", "lstsq", "matrix_rank", "solve", "symeig"):

    @row(name, grad=False)
    def removed(make: Make) -> Iterator[Case]:
        yield refused(make(2, 2), make(2, 2), error=RuntimeError, match="linalg")
