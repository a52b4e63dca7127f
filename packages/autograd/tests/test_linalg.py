"""Gradients of decompositions whose factors are determined only up to signs, phases or order: of what does not depend
on these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw

Function = Callable[[tw.Tensor], tw.Tensor]
rng = np.random.default_rng(5)


def matrix(*shape: int, dtype: str = "float64") -> tw.Tensor:
    values = rng.normal(size=shape)
    if dtype == "complex128":
        values = values + 1j * rng.normal(size=shape)
    return tw.from_numpy(values).requires_grad_()


def hermitian(x: tw.Tensor) -> tw.Tensor:
    return (x + x.transpose(-2, -1).conj()) / 2


def of_eig(x: tw.Tensor) -> tw.Tensor:
    values, vectors = tw.linalg.eig(x)
    weights = tw.arange(1.0, x.shape[-1] + 1, dtype=tw.float64)
    return (vectors.abs() ** 2 @ (values.abs() * weights[: x.shape[-1]].mean())).sum() + (values * values).real.sum()


def of_eigvals(x: tw.Tensor) -> tw.Tensor:
    values = tw.linalg.eigvals(x)
    return (values * values * values).real.sum() + (values.abs() ** 3).sum()


def of_eigh(x: tw.Tensor) -> tw.Tensor:
    values, vectors = tw.linalg.eigh(hermitian(x))
    return (vectors * values.exp().unsqueeze(-2)) @ vectors.transpose(-2, -1).conj()


def of_svd(x: tw.Tensor) -> tw.Tensor:
    u, s, vh = tw.linalg.svd(x, full_matrices=False)
    return (u * (s * s).unsqueeze(-2)) @ vh


def of_qr(x: tw.Tensor) -> tw.Tensor:
    q, r = tw.linalg.qr(x)
    return q @ q.transpose(-2, -1).conj() + (r.abs() ** 2).sum()


FUNCTIONS: list[tuple[Function, tuple[int, ...]]] = [
    (of_eig, (3, 3)),
    (of_eigvals, (3, 3)),
    (of_eigh, (3, 3)),
    (of_svd, (4, 2)),
    (of_svd, (2, 3)),
    (of_qr, (4, 2)),
    (of_qr, (2, 3)),
]


@pytest.mark.parametrize(("function", "shape"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradient(function: Function, shape: tuple[int, ...], dtype: str) -> None:
    x = matrix(*shape, dtype=dtype)
    assert tw.autograd.gradcheck(function, [x])
    assert tw.autograd.gradgradcheck(function, [x])


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("norm", ["forward", "backward", "ortho"])
def test_fourier_transforms(n: int, norm: str) -> None:
    x, z = matrix(2, n), matrix(2, n, dtype="complex128")
    assert tw.autograd.gradcheck(lambda t: tw.fft.rfft(t, norm=norm), [x])
    assert tw.autograd.gradcheck(lambda t: tw.fft.fftn(t, norm=norm), [z])
    assert tw.autograd.gradcheck(lambda t: tw.fft.irfft(t, n=2 * n - 2, norm=norm), [z])
    assert tw.autograd.gradcheck(lambda t: tw.fft.hfft(t, n=2 * n - 1, norm=norm), [z])


def test_equal_eigenvalues_do_not_spoil_gradients_of_values() -> None:
    x = tw.eye(3, dtype=tw.float64, requires_grad=True)
    tw.linalg.eigh(x).eigenvalues.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == np.eye(3).tolist()


def test_determinant_of_a_singular_matrix() -> None:
    x = tw.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=tw.float64, requires_grad=True)
    tw.linalg.det(x).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


def test_lobpcg() -> None:
    a = matrix(9, 9)

    def squares(x: tw.Tensor) -> tw.Tensor:
        values, vectors = tw.lobpcg(hermitian(x), k=2, X=tw.eye(9, 2, dtype=tw.float64), tol=1e-12)
        return (vectors * vectors * values).sum(-1)

    assert tw.autograd.gradcheck(squares, [a])


def test_what_has_no_gradient_says_so() -> None:
    x = matrix(4, 2)
    with pytest.raises(NotImplementedError, match="complete"):
        tw.linalg.qr(x, mode="complete").Q.sum().backward()
    with pytest.raises(NotImplementedError, match="mode='r'"):
        tw.linalg.qr(x, mode="r").R.sum().backward()


@pytest.mark.parametrize("factor", [tw.geqrf, tw.linalg.ldl_factor, tw.linalg.ldl_factor_ex])
def test_factors_without_derivative_say_so_when_it_is_needed(factor) -> None:
    A = tw.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    result = factor(A)[0]
    assert result.requires_grad
    with pytest.raises(NotImplementedError, match="derivative by self is not implemented"):
        result.sum().backward()


def test_the_order_of_an_incomplete_gamma_function_has_a_first_derivative_only() -> None:
    a = tw.tensor([1.5, 2.5], dtype=tw.float64, requires_grad=True)
    x = tw.tensor([0.5, 2.0], dtype=tw.float64, requires_grad=True)
    (by_a,) = tw.autograd.grad(tw.special.gammainc(a, x).sum(), a, create_graph=True)
    (by_a_x,) = tw.autograd.grad(by_a.sum(), x, retain_graph=True)
    (by_x,) = tw.autograd.grad(tw.special.gammainc(a, x).sum(), x, create_graph=True)
    (by_x_a,) = tw.autograd.grad(by_x.sum(), a)
    tw.testing.assert_close(by_a_x, by_x_a, rtol=1e-9, atol=1e-12)
    with pytest.raises(NotImplementedError, match="igamma_grad_self"):
        tw.autograd.grad(by_a.sum(), a)
