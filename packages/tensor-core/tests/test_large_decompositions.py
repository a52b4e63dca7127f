"""Decompositions of matrices so large that they run apart from the thread that asked for them, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw

SIZES = {"float64": 1001, "complex64": 1001}
CLOSE = {"float64": 1e-8, "complex64": 2e-2}


def matrix(dtype: str, n: int, columns: int | None = None) -> np.ndarray:
    rng = np.random.default_rng(n)
    shape = (n, columns or n)
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def agree(result: tw.Tensor, expected: np.ndarray, dtype: str) -> None:
    scale = float(np.abs(expected).max())
    assert float(np.abs(result.numpy() - expected).max()) <= CLOSE[dtype] * scale


@pytest.mark.parametrize("dtype", SIZES)
def test_solvers(dtype: str) -> None:
    n = SIZES[dtype]
    a, b = matrix(dtype, n) + 100 * np.eye(n, dtype=dtype), matrix(dtype, n + 1)[:n, :n]
    left, right = tw.asarray(a), tw.asarray(b)
    agree(tw.linalg.inv(left) @ left, np.eye(n), dtype)
    agree(left @ tw.linalg.solve(left, right), b, dtype)
    agree(left.tril() @ tw.linalg.solve_triangular(left.tril(), right, upper=False), b, dtype)
    factors, pivots, info = tw.linalg.ldl_factor_ex(left + left.mH, hermitian=True)
    assert info.item() == 0
    agree((left + left.mH) @ tw.linalg.ldl_solve(factors, pivots, right, hermitian=True), b, dtype)
    positive = left @ left.mH
    lower = tw.linalg.cholesky(positive)
    agree(lower @ lower.mH, positive.numpy(), dtype)


@pytest.mark.parametrize("dtype", SIZES)
def test_orthogonal_factors(dtype: str) -> None:
    n = SIZES[dtype]
    a = matrix(dtype, n, 800)
    q, r = tw.linalg.qr(tw.asarray(a))
    agree(q @ r, a, dtype)
    agree(q.mH @ q, np.eye(800), dtype)


@pytest.mark.parametrize("dtype", SIZES)
def test_eigenvalues_and_singular_values(dtype: str) -> None:
    a = matrix(dtype, 640)
    hermitian = a + a.conj().T
    values, vectors = tw.linalg.eigh(tw.asarray(hermitian))
    agree(values, np.linalg.eigvalsh(hermitian), dtype)
    agree((vectors * values) @ vectors.mH, hermitian, dtype)
    u, s, vh = tw.linalg.svd(tw.asarray(a[:, :560]), full_matrices=False)
    agree(s, np.linalg.svd(a[:, :560], compute_uv=False), dtype)
    agree((u * s) @ vh, a[:, :560], dtype)
    roots, columns = tw.linalg.eig(tw.asarray(a[:500, :500]))
    agree(tw.asarray(a[:500, :500]).to(columns.dtype) @ columns, (columns * roots).numpy(), dtype)


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares(dtype: str, driver: str) -> None:
    a, b = matrix(dtype, 800, 600), matrix(dtype, 801, 3)[:800]
    expected = np.linalg.lstsq(a, b, rcond=None)[0]
    agree(tw.linalg.lstsq(tw.asarray(a), tw.asarray(b), driver=driver).solution, expected, dtype)
