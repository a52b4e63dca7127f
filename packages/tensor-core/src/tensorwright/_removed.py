"""Old names of linear algebra that only say what took their place."""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(name: str, instead: str) -> NoReturn:
    raise RuntimeError(f"{name}() is no longer there; use {instead}")


def eig(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: `linalg.eig` took its place; its results are complex."""
    _refuse("eig", "linalg.eig, whose results are complex, or linalg.eigvals")


def lstsq(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: `linalg.lstsq` took its place; it has the matrix first."""
    _refuse("lstsq", "linalg.lstsq(A, B), which has the matrix first and gives residuals by themselves")


def matrix_rank(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: `linalg.matrix_rank` took its place."""
    _refuse("matrix_rank", "linalg.matrix_rank, where `symmetric` is called `hermitian`")


def solve(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: `linalg.solve` took its place; it has the matrix first."""
    _refuse("solve", "linalg.solve(A, B), which has the matrix first; linalg.lu_factor gives the factors")


def symeig(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: `linalg.eigh` took its place; it reads the lower triangle unless UPLO="U"."""
    _refuse("symeig", 'linalg.eigh or linalg.eigvalsh, with UPLO="U" for the upper triangle')
