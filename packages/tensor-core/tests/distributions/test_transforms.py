"""Transforms: images, inverses, shapes, constraints; their Jacobians are tested where autograd is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorwright as tw

D = tw.distributions
C = D.constraints
RNG = np.random.default_rng(6)


def tensor(values: Any) -> tw.Tensor:
    return tw.tensor(np.asarray(values, np.float64))


def positive(*shape: int) -> tw.Tensor:
    return tensor(RNG.uniform(0.2, 3, shape))


def real(*shape: int) -> tw.Tensor:
    return tensor(RNG.standard_normal(shape))


CASES: list[tuple[Any, tw.Tensor]] = [
    (D.ExpTransform(), real(4)),
    (D.PowerTransform(tensor(2.5)), positive(4)),
    (D.PowerTransform(tensor(-1.0)), positive(4)),
    (D.SigmoidTransform(), real(4)),
    (D.SoftplusTransform(), real(4)),
    (D.TanhTransform(), real(4)),
    (D.AffineTransform(0.5, -2.0), real(4)),
    (D.AffineTransform(tensor([0.5, 1.0]), tensor([2.0, -0.5]), event_dim=1), real(3, 2)),
    (D.AbsTransform(), positive(4)),
    (D.StickBreakingTransform(), real(2, 3)),
    (D.CorrCholeskyTransform(), real(2, 6)),
    (D.LowerCholeskyTransform(), real(2, 3, 3).tril()),
    (D.PositiveDefiniteTransform(), real(2, 3, 3).tril()),
    (D.ReshapeTransform((2, 3), (6,)), real(4, 2, 3)),
    (D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.ExpTransform()]), real(4)),
    (D.IndependentTransform(D.ExpTransform(), 1), real(2, 3)),
    (D.CatTransform([D.ExpTransform(), D.AffineTransform(0.0, 3.0)], 0, [1, 3]), real(4)),
    (D.StackTransform([D.ExpTransform(), D.identity_transform], 1), real(3, 2)),
    (D.CumulativeDistributionTransform(D.Normal(tensor(0.0), tensor(1.0))), real(4)),
]
BY_NAME = pytest.mark.parametrize(("transform", "x"), CASES, ids=lambda v: type(v).__name__)


@BY_NAME
def test_inverse(transform: Any, x: tw.Tensor) -> None:
    y = transform(x)
    np.testing.assert_allclose(transform.inv(y).numpy(), x.numpy(), rtol=1e-8, atol=1e-10)
    assert transform.inv.inv == transform
    assert tuple(transform.forward_shape(x.shape)) == tuple(y.shape)
    assert tuple(transform.inverse_shape(y.shape)) == tuple(x.shape)


@BY_NAME
def test_images_lie_in_the_codomain(transform: Any, x: tw.Tensor) -> None:
    assert bool(transform.codomain.check(transform(x)).all())


def test_the_softmax_is_inverted_up_to_a_constant() -> None:
    x = real(2, 3)
    back = D.SoftmaxTransform().inv(D.SoftmaxTransform()(x))
    np.testing.assert_allclose((x - back).std(-1).numpy(), 0, atol=1e-9)


def test_caches_return_the_very_tensor() -> None:
    transform, x = D.ExpTransform(cache_size=1), real(3)
    y = transform(x)
    assert transform.inv(y) is x
    assert transform(x) is y
    plain = D.ExpTransform()
    assert plain.inv(plain(x)) is not x
    assert plain.with_cache().inv(plain.with_cache()(x)) is not x  # two transforms


def test_signs_and_equality() -> None:
    assert D.ExpTransform().sign == 1
    assert D.AffineTransform(0, -3).sign == -1
    assert D.ComposeTransform([D.AffineTransform(0, -3), D.ExpTransform()]).sign == -1
    assert D.AffineTransform(0.0, 2.0) == D.AffineTransform(0.0, 2.0)
    assert D.AffineTransform(0.0, 2.0) != D.AffineTransform(0.0, 1.0)
    assert D.ExpTransform() != D.SigmoidTransform()
    with pytest.raises(NotImplementedError):
        _ = D.AbsTransform().sign


def test_parts_of_different_event_dimensions_compose() -> None:
    chain = D.ComposeTransform([D.ExpTransform(), D.SoftmaxTransform()])
    assert (chain.domain.event_dim, chain.codomain.event_dim) == (1, 1)
    reshape = D.ComposeTransform([D.ReshapeTransform((6,), (2, 3)), D.ExpTransform()])
    assert (reshape.domain.event_dim, reshape.codomain.event_dim) == (1, 2)
    x = real(4, 6)
    assert reshape.log_abs_det_jacobian(x, reshape(x)).shape == (4,)


CONSTRAINTS: list[tuple[Any, tuple[int, ...], bool, bool]] = [
    (C.real, (4,), True, True),
    (C.positive, (4,), True, True),
    (C.nonnegative, (4,), True, True),
    (C.greater_than(2.5), (4,), True, True),
    (C.greater_than_eq(-1.5), (4,), True, True),
    (C.less_than(1.5), (4,), True, True),
    (C.unit_interval, (4,), True, True),
    (C.interval(-1.5, 2.0), (4,), True, True),
    (C.half_open_interval(-1.5, 2.0), (4,), True, True),
    (C.simplex, (2, 3), True, True),
    (C.corr_cholesky, (2, 6), True, True),
    (C.lower_cholesky, (2, 3, 3), False, True),
    (C.positive_definite, (2, 3, 3), False, True),
    (C.independent(C.positive, 1), (2, 3), True, True),
    (C.cat([C.positive, C.real], 0, [1, 3]), (4,), True, True),
    (C.stack([C.positive, C.unit_interval], 0), (2, 3), True, True),
]


@pytest.mark.parametrize(("constraint", "shape", "bijects", "transforms"), CONSTRAINTS, ids=lambda v: repr(v)[:30])
def test_registered_transforms_lead_to_the_constraint(
    constraint: Any, shape: tuple[int, ...], bijects: bool, transforms: bool
) -> None:
    x = real(*shape)
    for registry, expected in ((D.biject_to, bijects), (D.transform_to, transforms)):
        if not expected:
            with pytest.raises(NotImplementedError, match="registered"):
                registry(constraint)
            continue
        transform = registry(constraint)
        y = transform(x)
        assert bool(constraint.check(y).all())
        assert transform.bijective or registry is D.transform_to


def test_own_constraints_can_be_registered() -> None:
    class Even(C.Constraint):
        pass

    @D.biject_to.register(Even)
    def _even(constraint: Any) -> Any:
        return D.AffineTransform(0, 2)

    assert D.biject_to(Even()) == D.AffineTransform(0, 2)
    with pytest.raises(TypeError, match="constraint"):
        D.biject_to.register(int, _even)


CHECKED: list[tuple[Any, Any, list[bool]]] = [
    (C.boolean, [0.0, 1.0, 0.5], [True, True, False]),
    (C.nonnegative_integer, [0.0, 2.0, -1.0, 0.5], [True, True, False, False]),
    (C.positive_integer, [0.0, 1.0], [False, True]),
    (C.integer_interval(1, 3), [0.0, 1.0, 3.0, 2.5], [False, True, True, False]),
    (C.real, [0.0, np.inf, np.nan], [True, True, False]),
    (C.positive, [0.0, 1.0], [False, True]),
    (C.nonnegative, [0.0, -1.0], [True, False]),
    (C.half_open_interval(0, 1), [0.0, 1.0], [True, False]),
    (C.less_than(1), [0.0, 1.0], [True, False]),
    (C.one_hot, [[0.0, 1.0], [1.0, 1.0]], [True, False]),
    (C.simplex, [[0.5, 0.5], [0.5, 0.6], [1.5, -0.5]], [True, False, False]),
    (C.multinomial(3), [[1.0, 2.0], [2.0, 2.0]], [True, False]),
    (C.lower_triangular, [[[1.0, 0.0], [2.0, 3.0]], [[1.0, 1.0], [0.0, 1.0]]], [True, False]),
    (C.lower_cholesky, [[[1.0, 0.0], [2.0, 3.0]], [[1.0, 0.0], [0.0, -1.0]]], [True, False]),
    (C.corr_cholesky, [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.7]]], [True, False]),
    (C.symmetric, [[[1.0, 0.3], [0.3, 3.0]], [[1.0, 1.0], [0.0, 1.0]]], [True, False]),
    (C.positive_definite, [[[1.0, 0.3], [0.3, 3.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
    (C.positive_semidefinite, [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
]


@pytest.mark.parametrize(("constraint", "values", "expected"), CHECKED, ids=lambda v: repr(v)[:30])
def test_checks(constraint: Any, values: Any, expected: list[bool]) -> None:
    assert constraint.check(tensor(values)).tolist() == expected


def test_vectors_and_triangles() -> None:
    from tensorwright.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix

    for diag, count in ((0, 6), (-1, 3), (1, 8)):
        vector = real(2, count)
        matrix = vec_to_tril_matrix(vector, diag)
        assert matrix.shape == (2, 3, 3)
        np.testing.assert_array_equal(tril_matrix_to_vec(matrix, diag).numpy(), vector.numpy())
