"""Rows of norms and distances, and of the numbers of a matrix that they give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .matrices import FIELDS, definite, low_rank, regular
from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

ORDERS = (2, 1, 0, 3, 0.5, -1, -2, np.inf, -np.inf)
MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def vector_norm(a: Array, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Array:
    axes = tuple(range(a.ndim)) if dim is None else (dim,) if isinstance(dim, int) else dim
    rest = tuple(d for d in range(a.ndim) if d not in {x % a.ndim for x in axes})
    flat = a.transpose(*rest, *axes).reshape([a.shape[d] for d in rest] + [-1])
    result = np.linalg.norm(flat, ord, -1)
    return np.expand_dims(result, sorted(x % a.ndim for x in axes)) if keepdim else result


@row("linalg.vector_norm", dtypes=FIELDS + LOW, reference=vector_norm)
def linalg_vector_norm(make: Make) -> Iterator[Case]:
    for order in ORDERS:
        yield case(make(5), order)
    yield case(make(2, 3, 4))
    yield case(make(2, 3, 4), 1, 1)
    yield case(make(2, 3, 4), 2, (0, -1), True)
    yield case(make(2, 3, 4), np.inf, -1, True)


@row(
    "linalg.matrix_norm",
    dtypes=FIELDS,
    reference=lambda a, order="fro", dim=(-2, -1), keepdim=False: np.linalg.norm(a, order, dim, keepdim),
)
def linalg_matrix_norm(make: Make) -> Iterator[Case]:
    for order in MATRIX_ORDERS:
        yield case(make(3, 4), order)
        yield case(make(2, 3, 4), order, (2, 0), True)
    yield case(make(2, 3, 4))
    yield refused(make(3, 4), 3, error=ValueError, match="ord")
    yield refused(make(3), error=ValueError, match="matri")
    yield refused(make(3, 4), "fro", (0, 0), error=ValueError, match="twice|different")


@row(
    "linalg.norm",
    dtypes=FIELDS,
    reference=lambda a, order=None, dim=None, keepdim=False: np.linalg.norm(a, order, dim, keepdim),
)
def linalg_norm(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4))
    for order in MATRIX_ORDERS:
        yield case(make(3, 4), order)
    for order in ORDERS:
        yield case(make(5), order)
    yield case(make(2, 3, 4), 2, 1)
    yield case(make(2, 3, 4), "nuc", (0, 2), True)
    yield refused(make(2, 3, 4), 2, error=ValueError, match="vector or a matrix")


@row("norm", dtypes=FIELDS + LOW, reference=lambda a, p=2, dim=None, keepdim=False:
     np.linalg.norm(a, p, (0, 1)) if p == "nuc" else vector_norm(a, 2 if p == "fro" else p, dim, keepdim))  # fmt: skip
def norm(make: Make) -> Iterator[Case]:
    for order in ("fro", 1, 2, 0, np.inf, 3):
        yield case(make(3, 4), order)
    if make.dtype not in LOW:
        yield case(make(3, 4), "nuc")
    yield case(make(3, 4), 2, 1)
    yield case(make(3, 4), "fro", (0, 1), True)


@row(
    "frobenius_norm",
    dtypes=FIELDS + LOW,
    reference=lambda a, dim, keepdim=False: vector_norm(a, 2, tuple(dim), keepdim),
)
def frobenius_norm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), (0, 1))
    yield case(make(2, 3, 4), (1,), keepdim=True)


@row(
    "nuclear_norm", dtypes=FIELDS, reference=lambda a, dim=(0, 1), keepdim=False: np.linalg.norm(a, "nuc", dim, keepdim)
)
def nuclear_norm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), (0, 2), keepdim=True)


@row("linalg.cond", dtypes=FIELDS, reference=np.linalg.cond)
def linalg_cond(make: Make) -> Iterator[Case]:
    for order in (None, *MATRIX_ORDERS):
        yield case(regular(make, 3, 3), order)
    yield case(make(4, 3))
    yield case(regular(make, 2, 3, 3), 1)
    yield refused(make(4, 3), 1, error=ValueError, match="square")


def matrix_rank(a: Array, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Array:
    s = np.linalg.svd(a, compute_uv=False)
    if tol is not None:
        atol, rtol = tol, 0.0
    if rtol is None:
        rtol = 0.0 if atol is not None else max(a.shape[-2:]) * np.finfo(a.dtype).eps
    limit = np.maximum(0 if atol is None else atol, rtol * s.max(-1))
    return np.asarray((s > limit[..., None]).sum(-1))


@row("linalg.matrix_rank", dtypes=FIELDS, reference=matrix_rank, grad=False)
def linalg_matrix_rank(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(low_rank(make, 2, 5, 4))
    yield case(definite(make, 3, 3), hermitian=True)
    yield case(make(3, 4), 1.0)
    yield case(make(3, 4), atol=0.5, rtol=0.1)
    yield case(make(2, 3, 4), atol=make.floats(2, low=0.5, high=1.0))


def renorm_reference(a: Array, p: float, dim: int, maxnorm: float) -> Array:
    axes = tuple(d for d in range(a.ndim) if d != dim % a.ndim)
    size = vector_norm(a, p, axes, True)
    return np.where(size > maxnorm, a * (maxnorm / (size + 1e-7)), a).astype(a.dtype)


@row("renorm", dtypes=FIELDS, reference=renorm_reference, rtol=1e-6)
def renorm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 2, 0, 1.5)
    yield case(make(2, 3, 4), 1, -1, 4.0)
    yield refused(make(3), 2, 0, 1.0, error=ValueError, match="two dimensions")


@row("dist", dtypes=FIELDS + LOW, reference=lambda a, b, p=2: vector_norm(np.asarray(a - b), p))
def dist(make: Make) -> Iterator[Case]:
    for p in (2, 1, 0, 3, np.inf):
        yield case(make(3, 4), make(3, 4), p)
    yield case(make(3, 4), make(4))


def cdist_reference(a: Array, b: Array, p: float = 2.0, compute_mode: str = "") -> Array:
    differences = a[..., :, None, :] - b[..., None, :, :]
    return vector_norm(differences, p, -1) if differences.size else np.zeros(differences.shape[:-1], a.dtype)


@row("cdist", dtypes=FLOAT, reference=cdist_reference, rtol=1e-4)
def cdist(make: Make) -> Iterator[Case]:
    for p in (2.0, 1.0, 0.0, 3.0, np.inf):
        yield case(make(4, 3), make(2, 3), p)
    yield case(make(2, 1, 4, 3), make(3, 2, 3))
    yield case(make(30, 3), make(4, 3))
    yield case(make(4, 3), make(2, 3), compute_mode="use_mm_for_euclid_dist")
    yield case(make(0, 3), make(2, 3))
    yield refused(make(4, 3), make(2, 2), error=ValueError, match="columns")


def pdist_reference(a: Any, p: float = 2.0) -> Any:
    return cdist_reference(a, a, p)[np.triu_indices(len(a), 1)]


@row("nn.functional.pdist", dtypes=FLOAT, reference=pdist_reference)
@row("pdist", dtypes=FLOAT, reference=pdist_reference)
def pdist(make: Make) -> Iterator[Case]:
    for p in (2.0, 1.0, 3.0, np.inf):
        yield case(make(4, 3), p)
    yield case(make(1, 3))
    yield refused(make(3), error=ValueError, match="matrix")
