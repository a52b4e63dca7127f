"""Helpers of the distributions: broadcasting of parameters, probabilities and logits, values computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, Generic, TypeVar, overload

import tensorwright as tw
from tensorwright import Tensor

T = TypeVar("T")
euler_constant: float = 0.5772156649015329


class lazy_property(Generic[T]):  # noqa: N801
    """A property that is computed on first use and then is an attribute."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: Any) -> lazy_property[T]: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> T: ...
    def __get__(self, instance: object | None, owner: Any) -> T | lazy_property[T]:
        if instance is None:
            return self
        value = self.compute(instance)
        vars(instance)[self.name] = value
        return value


def broadcast_shapes(*shapes: Sequence[int]) -> tw.Size:
    """The shape that all broadcast to. ValueError if there is none."""
    result: list[int] = []
    for place in range(1, max((len(s) for s in shapes), default=0) + 1):
        sizes = {s[-place] for s in shapes if len(s) >= place} - {1}
        if len(sizes) > 1:
            raise ValueError(f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast")
        result.append(sizes.pop() if sizes else 1)
    return tw.Size(result[::-1])


def broadcast_all(*values: Tensor | float) -> tuple[Tensor, ...]:
    """Numbers as tensors, of the dtype and device of the tensors among them, and all in one shape."""
    for value in values:
        if not isinstance(value, Tensor | Number):
            raise ValueError(f"parameters must be tensors or numbers, got {type(value).__name__}")
    tensors = [value for value in values if isinstance(value, Tensor)]
    dtype = tensors[0].dtype if tensors else tw.get_default_dtype()
    if not dtype.is_floating_point:
        dtype = next((t.dtype for t in tensors if t.dtype.is_floating_point), tw.get_default_dtype())
    device = tensors[0].device if tensors else "cpu"
    made = [v if isinstance(v, Tensor) else tw.full((), v, dtype=dtype, device=device) for v in values]
    shape = broadcast_shapes(*(t.shape for t in made))
    return tuple(t.expand(shape) for t in made)


def all_numbers(*values: object) -> bool:
    """Whether every parameter was given as a number."""
    return all(isinstance(value, Number) for value in values)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept off 0 and 1 by the dtype's resolution."""
    eps = tw.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log odds (``is_binary``) or of unnormalised log probabilities along the last dimension."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log odds (``is_binary``) or log probabilities, those of 0 and 1 kept finite."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last ``dim`` dimensions."""
    return value if dim == 0 else value.sum(tuple(range(-dim, 0)))


def matrix_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    """Products of batches of matrices and vectors."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def squared_mahalanobis(factor: Tensor, difference: Tensor) -> Tensor:
    """difference^T (factor factor^T)^-1 difference for a batch of lower triangular factors."""
    shape = broadcast_shapes(factor.shape[:-2], difference.shape[:-1])
    size = factor.shape[-1]
    solved = tw.linalg.solve_triangular(
        factor.expand((*shape, size, size)), difference.expand((*shape, size)).unsqueeze(-1), upper=False
    )
    return (solved * solved).sum((-2, -1))


def log_diagonal(factor: Tensor) -> Tensor:
    """Half the logarithm of the determinant of factor factor^T."""
    return factor.diagonal(0, -2, -1).log().sum(-1)


def eye_like(matrix: Tensor) -> Tensor:
    """The identity in the size, dtype and device of a batch of square matrices."""
    return tw.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def tril_matrix_to_vec(matrix: Tensor, diag: int = 0) -> Tensor:
    """The entries on and below a diagonal, row by row."""
    n = matrix.shape[-1]
    if not -n < diag <= n:
        raise ValueError(f"diag must lie in [{-n + 1}, {n}], got {diag}")
    return matrix[..., tw.ones(n, n, dtype=tw.bool).tril(diag)]


def vec_to_tril_matrix(vector: Tensor, diag: int = 0) -> Tensor:
    """The square matrix whose entries on and below a diagonal are those of ``vector``, row by row."""
    entries = vector.shape[-1]
    # n (n + 1) / 2 + diag n entries, less where the diagonal leaves the matrix
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * entries + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    mask = tw.ones(n, n, dtype=tw.bool).tril(diag)
    if int(mask.sum()) != entries:
        raise ValueError(f"{entries} entries do not fill a triangle with diag={diag}")
    places = mask.flatten().nonzero().squeeze(-1)
    flat = vector.new_zeros((*vector.shape[:-1], n * n))
    flat = flat.index_copy(-1, places, vector)
    return flat.reshape((*vector.shape[:-1], n, n))
