"""Elements chosen by index or by mask, and elements in another order, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree
from layouts import Samples

DTYPES = ("bool", "int8", "int16", "float32", "float64", "complex128")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_index_select(dim: int, dtype: str) -> None:
    samples = Samples(dim)
    x, index = samples.array((4, 5, 6), dtype), samples.random.integers(-4, 4, 7)
    for width in ("int32", "int64"):
        result = tw.index_select(samples.tensor(x), dim, tw.tensor(index.astype(width)))
        np.testing.assert_array_equal(result.numpy(), x.take(index, dim))
    assert tw.index_select(tw.ones(2, 3), 1, tw.tensor([], dtype=tw.int64)).shape == (2, 0)


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["int32", "float16", "float32", "float64"])
def test_adding_and_writing_slices(dim: int, dtype: str) -> None:
    samples = Samples(dim)
    x, index = samples.array((4, 5, 6), dtype), np.array([3, 0, 3, 1])
    shape = tuple(4 if d == dim else n for d, n in enumerate(x.shape))
    source = samples.array(shape, dtype)
    added = np.moveaxis(x.astype(np.float64), dim, 0).copy()
    np.add.at(added, index, 2 * np.moveaxis(source.astype(np.float64), dim, 0))
    expected = np.moveaxis(added, 0, dim).astype(dtype)
    agree(tw.index_add(samples.tensor(x), dim, tw.tensor(index), samples.tensor(source), alpha=2), expected)
    in_place = samples.tensor(x)
    assert in_place.index_add_(dim, tw.tensor(index), tw.tensor(source), alpha=2) is in_place
    agree(in_place, expected)
    written = np.moveaxis(x.copy(), dim, 0)
    written[[3, 0, 1]] = np.moveaxis(source, dim, 0)[[2, 1, 3]]
    picked = tw.index_select(tw.tensor(source), dim, tw.tensor([2, 1, 3]))
    agree(tw.index_copy(samples.tensor(x), dim, tw.tensor([3, 0, 1]), picked), np.moveaxis(written, 0, dim))
    filled = np.moveaxis(x.copy(), dim, 0)
    filled[index] = 3
    agree(tw.index_fill(samples.tensor(x), dim, tw.tensor(index), 3), np.moveaxis(filled, 0, dim))


def coordinates(index: Array, dim: int) -> tuple[Array, ...]:
    return tuple(index if d == dim else grid for d, grid in enumerate(np.indices(index.shape)))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gather_and_scatter(dim: int, dtype: str) -> None:
    samples = Samples(31)
    narrow = dtype == "bfloat16"
    x = samples.array((4, 5, 6), "int64" if narrow else dtype)
    index = samples.random.integers(0, 4, (3, 2, 4))
    src = samples.array((4, 3, 4), "int64" if narrow else dtype)
    at = coordinates(index, dim % 3)
    part = src[tuple(slice(n) for n in index.shape)]

    def ours(a: Array) -> tw.Tensor:
        return samples.tensor(a).to(tw.bfloat16) if narrow else samples.tensor(a)

    def same(result: tw.Tensor, expected: Array) -> None:
        np.testing.assert_array_equal((result.to(tw.int64) if narrow else result).numpy(), expected)

    same(tw.gather(ours(x), dim, samples.tensor(index)), x[at])
    last = x.copy()
    for place in np.ndindex(index.shape):
        last[tuple(a[place] for a in at)] = part[place]
    same(tw.scatter(ours(x), dim, samples.tensor(index), ours(src)), last)
    constant = x.copy()
    constant[at] = 2
    same(tw.scatter(ours(x), dim, tw.tensor(index), 2), constant)
    added = x.copy()
    np.add.at(added, at, part)
    result = tw.scatter_add(ours(x), dim, tw.tensor(index), ours(src))
    if dtype in ("float32", "complex64"):
        np.testing.assert_allclose(result.numpy(), added, rtol=1e-5, atol=1e-5)
    else:
        same(result, added)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("negative", [0.0, 0.01, 1.0])
def test_gather_and_scatter_of_many_elements(dim: int, dtype: str, negative: float) -> None:
    """Whole groups of indices, some with negative ones, and rows that are gathered from a copy."""
    samples = Samples(9)
    x, src = samples.array((300, 523), dtype), samples.array((300, 523), dtype)
    index = samples.random.integers(0, x.shape[dim], x.shape)
    at = coordinates(index, dim)
    index = np.where(samples.random.random(x.shape) < negative, index - x.shape[dim], index)
    np.testing.assert_array_equal(tw.gather(tw.tensor(x), dim, tw.tensor(index)).numpy(), x[at])
    few = (slice(0, 77), slice(0, 41))
    part = tuple(a[few] for a in at)
    np.testing.assert_array_equal(tw.gather(tw.tensor(x), dim, tw.tensor(index[few])).numpy(), x[part])
    added = x.astype("complex128" if dtype == "complex128" else "float64")
    np.add.at(added, at, src)
    result = tw.scatter_add(tw.tensor(x), dim, tw.tensor(index), tw.tensor(src))
    np.testing.assert_allclose(result.numpy(), added, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("place", [(0, 0), (299, 522), (150, 260)])
@pytest.mark.parametrize("wrong", [1000, -1000, 1 << 62, -(1 << 63)])
def test_one_index_among_many_out_of_range(dim: int, place: tuple[int, int], wrong: int) -> None:
    x = tw.ones(300, 523)
    index = np.zeros((300, 523), np.int64)
    index[place] = wrong
    for call in (
        tw.gather,
        lambda *given: tw.scatter_add(*given, x),
        lambda *given: x.clone().scatter_add_(*given[1:], x),
    ):
        with pytest.raises(IndexError, match=f"index {wrong} is out of range for dimension {dim}"):
            call(x, dim, tw.tensor(index))


def test_gather_at_the_edges() -> None:
    assert tw.gather(tw.tensor(5.0), 0, tw.tensor(0)).item() == 5.0
    assert tw.gather(tw.ones(3, 4), 1, tw.zeros(3, 0).to(tw.int64)).shape == (3, 0)
    assert tw.gather(tw.tensor([1.0, 2.0]), 0, tw.tensor([-1])).tolist() == [2.0]
    with pytest.raises(IndexError, match="gather: index 4 is out of range for dimension 1 of size 4"):
        tw.gather(tw.ones(3, 4), 1, tw.tensor([[4]]))
    with pytest.raises(ValueError, match="index is larger than self in another dimension"):
        tw.gather(tw.ones(3, 4), 1, tw.zeros(4, 1).to(tw.int64))
    with pytest.raises(IndexError, match="index_select: index 3 is out of range for dimension 0 of size 3"):
        tw.index_select(tw.ones(3), 0, tw.tensor([3]))


@pytest.mark.parametrize("accumulate", [False, True])
def test_index_put(accumulate: bool) -> None:
    samples = Samples(2)
    x, values = samples.array((4, 5, 6), "float64"), samples.array((7, 6), "float64")
    rows, cols = samples.random.integers(0, 4, 7), samples.random.integers(0, 5, 7)
    expected = x.copy()
    for r, c, v in zip(rows, cols, values, strict=True):
        expected[r, c] = expected[r, c] + v if accumulate else v
    result = tw.index_put(samples.tensor(x), [tw.tensor(rows), tw.tensor(cols)], samples.tensor(values), accumulate)
    agree(result, expected)
    view = tw.zeros(4, 10).to(tw.float64)[:, ::2]
    view.index_put_([tw.tensor([0, 0])], tw.tensor(1.0, dtype=tw.float64), accumulate=True)
    assert view[0].tolist() == [2.0] * 5
    with pytest.raises(
        ValueError, match=r"index_put: values of shape \[4\] do not broadcast to the indexed part, which is \[2, 6\]"
    ):
        tw.index_put(tw.ones(3, 6), [tw.tensor([0, 1])], tw.ones(4))
    with pytest.raises(IndexError, match="index: the mask of shape"):
        tw.ops.index(tw.ones(3, 4), [tw.ones(4).to(tw.bool)])


def test_masks_and_counts() -> None:
    samples = Samples(5)
    x = samples.array((70, 501), "float64")
    mask = x > 1
    np.testing.assert_array_equal(tw.nonzero(samples.tensor(mask)).numpy(), np.argwhere(mask))
    np.testing.assert_array_equal(tw.masked_select(samples.tensor(x), tw.tensor(mask)).numpy(), x[mask])
    assert [i.tolist() for i in tw.where(tw.tensor(mask))] == [i.tolist() for i in np.nonzero(mask)]
    agree(tw.count_nonzero(tw.tensor(mask), 1), np.count_nonzero(mask, 1))
    assert tw.nonzero(tw.zeros(2, 3)).shape == (0, 2)
    assert tw.nonzero(tw.tensor(5.0)).shape == (1, 0)
    assert tw.masked_select(tw.tensor([1, 2]), tw.tensor([[True], [False]])).tolist() == [1, 2]
    counts = samples.random.integers(0, 9, 50)
    agree(tw.bincount(tw.tensor(counts), minlength=12), np.bincount(counts, minlength=12))
    weights = samples.array((50,), "float64")
    agree(tw.bincount(tw.tensor(counts), tw.tensor(weights)), np.bincount(counts, weights))
    with pytest.raises(ValueError, match="bincount: values must not be negative, got -1"):
        tw.bincount(tw.tensor([-1]))


X = np.arange(2 * 3 * 4).reshape(2, 3, 4)
PICKS = np.array([[[1], [0], [3]]])
REARRANGEMENTS: list[tuple[Callable[[tw.Tensor], tw.Tensor], Callable[[Array], Any]]] = [
    (lambda x: tw.flip(x, [0]), lambda a: np.flip(a, 0)),
    (lambda x: x.flip(1, -1), lambda a: np.flip(a, (1, 2))),
    (lambda x: tw.flip(x, []), lambda a: a),
    (lambda x: tw.roll(x, 5), lambda a: np.roll(a, 5)),
    (lambda x: tw.roll(x, -2, 1), lambda a: np.roll(a, -2, 1)),
    (lambda x: tw.roll(x, [1, 7], [0, 2]), lambda a: np.roll(a, (1, 7), (0, 2))),
    (lambda x: x.repeat(2, 1, 3, 2), lambda a: np.tile(a, (2, 1, 3, 2))),
    (lambda x: x.repeat(0, 1, 1), lambda a: np.tile(a, (0, 1, 1))),
    (lambda x: tw.tile(x, [2, 2]), lambda a: np.tile(a, (2, 2))),
    (lambda x: tw.repeat_interleave(x, 3), lambda a: np.repeat(a, 3)),
    (lambda x: tw.repeat_interleave(x, 2, 1), lambda a: np.repeat(a, 2, 1)),
    (lambda x: tw.repeat_interleave(x, tw.tensor([0, 2, 1]), 1), lambda a: np.repeat(a, [0, 2, 1], 1)),
    (lambda x: tw.rot90(x), lambda a: np.rot90(a)),
    (lambda x: tw.rot90(x, 2, [1, 2]), lambda a: np.rot90(a, 2, (1, 2))),
    (lambda x: tw.rot90(x, -1, [0, 2]), lambda a: np.rot90(a, -1, (0, 2))),
    (lambda x: tw.diag(x[0, 0]), lambda a: np.diag(a[0, 0])),
    (lambda x: tw.diag(x[0, 0], -2), lambda a: np.diag(a[0, 0], -2)),
    (lambda x: tw.diag(x[0], 1), lambda a: np.diag(a[0], 1)),
    (lambda x: tw.take(x, tw.tensor([[3, -1]])), lambda a: a.take([[3, -1]])),
    (lambda x: tw.take_along_dim(x, tw.tensor(PICKS), 2), lambda a: np.take_along_axis(a, PICKS, 2)),
    (lambda x: tw.take_along_dim(x, tw.tensor([5, 2])), lambda a: a.ravel()[[5, 2]]),
    (lambda x: tw.stack([x, x], 1), lambda a: np.stack([a, a], 1)),
    (lambda x: tw.stack([x, x], -1), lambda a: np.stack([a, a], -1)),
    (lambda x: tw.cat([x, x.flip(0)], 1), lambda a: np.concatenate([a, a[::-1]], 1)),
    (lambda x: tw.cat([x, x[:, :, :0], x], -1), lambda a: np.concatenate([a, a], -1)),
    (lambda x: tw.cat([x, x.to(tw.float64)]), lambda a: np.concatenate([a, a.astype(float)])),
    (lambda x: tw.hstack([x, x]), lambda a: np.hstack([a, a])),
    (lambda x: tw.hstack([x[0, 0], x[0, 1]]), lambda a: np.hstack([a[0, 0], a[0, 1]])),
    (lambda x: tw.vstack([x[0, 0], x[0]]), lambda a: np.vstack([a[0, 0], a[0]])),
    (lambda x: tw.cumsum(x, 1), lambda a: a.cumsum(1)),
    (lambda x: tw.cumsum(x.to(tw.int8), 0), lambda a: a.cumsum(0)),
    (lambda x: tw.cumprod(x.to(tw.float64), -1), lambda a: a.astype(float).cumprod(-1)),
    (lambda x: tw.cumsum(x, 2, dtype=tw.float64), lambda a: a.cumsum(2).astype(float)),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REARRANGEMENTS)))
def test_rearrangements(case: int) -> None:
    ours, expected = REARRANGEMENTS[case]
    for x in (tw.tensor(X), Samples(case).tensor(X)):
        agree(ours(x), expected(X))


@pytest.mark.parametrize("diagonal", [-9, -3, -1, 0, 1, 2, 5, 2**62])
@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (2, 3, 3), (0, 4), (3, 0)])
def test_triangles(shape: tuple[int, ...], diagonal: int) -> None:
    samples = Samples(3)
    x = samples.array(shape, "float32")
    near = min(diagonal, 10)
    agree(tw.tril(samples.tensor(x), diagonal), np.tril(x, near))
    agree(tw.triu(samples.tensor(x), diagonal), np.triu(x, near))


@pytest.mark.parametrize("shape", [(5,), (3, 70), (200, 3), (4, 1), (0, 3), (7, 0)])
@pytest.mark.parametrize("dim", [0, -1])
def test_cumsum_of_every_shape(shape: tuple[int, ...], dim: int) -> None:
    samples = Samples(1)
    x = samples.array(shape, "float64")
    agree(tw.cumsum(samples.tensor(x), dim), x.cumsum(dim))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="there is nothing to join"):
        tw.cat([])
    with pytest.raises(ValueError, match="all tensors must have the same shape except in the joined dimension"):
        tw.cat([tw.ones(2, 3), tw.ones(3, 2)])
    with pytest.raises(ValueError, match="zero-dimensional tensors cannot be joined"):
        tw.cat([tw.tensor(1.0)])
    with pytest.raises(ValueError, match="all tensors must have the same shape"):
        tw.stack([tw.ones(2), tw.ones(3)])
    with pytest.raises(ValueError, match="a dimension is named twice"):
        tw.flip(tw.ones(2, 2), [0, -2])


# ---- tables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_embedding(dtype: str) -> None:
    samples = Samples(1)
    table, indices = samples.array((10, 4), dtype), samples.random.integers(0, 10, (3, 2))
    agree(tw.embedding(samples.tensor(table), samples.tensor(indices)), table[indices])
    assert tw.embedding(tw.ones(3, 2), tw.zeros(0).to(tw.int64)).shape == (0, 2)
    with pytest.raises(IndexError, match="embedding: index 10 is out of range for a table of 10 rows"):
        tw.embedding(tw.tensor(table), tw.tensor([10]))


@pytest.mark.parametrize("padding", [3, -1])
@pytest.mark.parametrize("by_frequency", [False, True])
def test_embedding_backward(padding: int, by_frequency: bool) -> None:
    samples = Samples(9)
    indices, grad = samples.random.integers(0, 5, (6, 2)), samples.array((6, 2, 3), "float64")
    expected = np.zeros((5, 3))
    np.add.at(expected, indices, grad)
    if by_frequency:
        expected /= np.maximum(np.bincount(indices.ravel(), minlength=5), 1)[:, None]
    if padding >= 0:  # -1 stands for none
        expected[padding] = 0
    agree(tw.ops.embedding_backward(samples.tensor(grad), tw.tensor(indices), 5, padding, by_frequency), expected)


def test_one_hot() -> None:
    assert tw.one_hot(tw.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert tw.one_hot(tw.tensor([[1]]), 2).tolist() == [[[0, 1]]]
    with pytest.raises(IndexError, match="one_hot: index 2 is out of range for 2 classes"):
        tw.one_hot(tw.tensor([2]), 2)


@pytest.mark.parametrize("dtype", ["int8", "float32", "int64"])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 20_003])
def test_stacks_of_single_elements(length: int, parts: int, dtype: str) -> None:
    arrays = np.random.default_rng(parts).integers(-128, 128, (parts, length)).astype(dtype)
    np.testing.assert_array_equal(tw.stack([tw.tensor(a) for a in arrays], -1).numpy(), arrays.T)
    columns = [tw.tensor(a).reshape(-1, 1) for a in arrays]
    np.testing.assert_array_equal(tw.cat([*columns, tw.empty(length, 0, dtype=columns[0].dtype)], 1).numpy(), arrays.T)
