"""The drivers of pointwise and reduction kernels: every layout and dtype gives what NumPy gives; in place and out= give
what the function gives; threads change nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import layouts
import numpy as np
import numpy.typing as npt
import pytest
import tensorwright as tw

Array = npt.NDArray[np.generic]
SIZES = (0, 1, 2, 3, 5, 17, 70)


class Samples(layouts.Samples):
    """Shapes too."""

    def shape(self, most: int = 4) -> tuple[int, ...]:
        ndim = int(self.random.integers(0, most + 1))
        while True:
            shape = tuple(int(n) for n in self.random.choice(SIZES, ndim))
            if np.prod(shape) <= 50000:
                return shape

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`."""
        kept = shape[int(self.random.integers(0, len(shape) + 1)) :]
        return tuple(1 if self.random.random() < 0.25 else n for n in kept)


def agree(result: tw.Tensor, expected: np.ndarray) -> None:
    ours = result.numpy()
    assert ours.shape == expected.shape
    if ours.dtype.kind == "f":
        tolerance = 2e-3 if ours.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(ours.astype(np.float64), expected, rtol=tolerance, atol=tolerance * 10)
    elif ours.dtype.kind == "b":
        np.testing.assert_array_equal(ours, expected != 0)
    else:
        np.testing.assert_array_equal(ours, expected.astype(np.int64).astype(ours.dtype))


@pytest.mark.parametrize("seed", range(300))
def test_pointwise(seed: int) -> None:
    samples = Samples(seed)
    shape = samples.shape()
    first, second = samples.random.choice(layouts.REAL, 2)
    a = samples.array(samples.broadcastable(shape), first)
    b = samples.array(samples.broadcastable(shape), second)
    x, y = samples.tensor(a), samples.tensor(b)
    expected = np.add(a.astype(np.float64), b.astype(np.float64))
    total = tw.add(x, y)
    assert total.dtype == tw.promote_types(x.dtype, y.dtype)
    agree(total, expected)
    out = samples.tensor(np.zeros(expected.shape, total.numpy().dtype))
    tw.add(x, y, out=out)
    assert out.tolist() == total.tolist()
    if total.shape == x.shape and total.dtype == x.dtype:
        assert x.add_(y) is x
        assert x.tolist() == total.tolist()


@pytest.mark.parametrize("seed", range(300))
def test_reductions(seed: int) -> None:
    samples = Samples(1000 + seed)
    a = samples.array(samples.shape(), str(samples.random.choice(layouts.REAL)))
    dims = samples.random.permutation(a.ndim)[: int(samples.random.integers(0, a.ndim + 1))].tolist()
    axes = tuple(dims) if dims else None
    keepdim = bool(samples.random.integers(2))
    x = samples.tensor(a)
    total = tw.sum(x, dims, keepdim)
    agree(total, np.sum(a.astype(np.float64), axis=axes, keepdims=keepdim))
    assert tw.any(x, dims, keepdim).tolist() == np.any(a, axis=axes, keepdims=keepdim).tolist()
    assert tw.all(x, dims, keepdim).tolist() == np.all(a, axis=axes, keepdims=keepdim).tolist()
    if a.size:
        assert tw.amax(x, dims, keepdim).tolist() == np.max(a, axis=axes, keepdims=keepdim).tolist()
    out = samples.tensor(np.zeros(tuple(total.shape), total.numpy().dtype))
    tw.sum(x, dims, keepdim, out=out)
    assert out.tolist() == total.tolist()


def test_partial_overlap_is_computed_apart() -> None:
    x = tw.arange(6, dtype=tw.float32)
    x[1:].add_(x[:-1])
    assert x.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 9.0]
    y = tw.arange(4, dtype=tw.float32).view(2, 2)
    y.add_(y.t())
    assert y.tolist() == [[0.0, 3.0], [3.0, 6.0]]
    z = tw.arange(5, dtype=tw.float32)
    tw.add(z[:-1], 1, out=z[1:])
    assert z.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_results_are_stored_only_where_they_fit() -> None:
    x = tw.tensor([1, 2])
    with pytest.raises(TypeError, match="add: self is int64 and cannot hold the result, which is float32"):
        x.add_(1.5)
    with pytest.raises(ValueError, match=r"add: self has shape \[2\], but the result has shape \[3, 2\]"):
        x.add_(tw.ones(3, 2, dtype=tw.int64))
    with pytest.raises(ValueError, match=r"add: out has shape \[2\], but the result has shape \[1\]"):
        tw.add(tw.ones(1), 1, out=tw.ones(2))
    with pytest.raises(ValueError, match="several elements at one address"):
        tw.ones(1).expand(3).add_(1)
    assert x.tolist() == [1, 2]


def test_promotion_of_python_numbers() -> None:
    assert (tw.ones(1, dtype=tw.int8) + 1).dtype == tw.int8
    assert (tw.ones(1, dtype=tw.int8) + 1.0).dtype == tw.float32
    assert (tw.ones(1, dtype=tw.float16) + 1.0).dtype == tw.float16
    assert (tw.ones(1, dtype=tw.bool) + 1).dtype == tw.int64
    assert (tw.ones(1, dtype=tw.int32) + tw.ones(1, dtype=tw.uint8)).dtype == tw.int32
    assert (tw.ones(1, dtype=tw.int8) + tw.ones(1, dtype=tw.uint8)).dtype == tw.int16
    assert (tw.ones(1, dtype=tw.float16) + tw.ones((), dtype=tw.float64)).dtype == tw.float64
    with pytest.raises(ValueError, match="add: 3000000000 does not fit int32"):
        tw.ones(1, dtype=tw.int32) + 3000000000


def test_reductions_of_nothing() -> None:
    x = tw.zeros(0, 3)
    assert tw.sum(x, 0).tolist() == [0.0, 0.0, 0.0]
    assert tw.prod(x, 0).tolist() == [1.0, 1.0, 1.0]
    assert tw.all(x).item() is True
    assert tw.amax(x, 1).tolist() == []
    with pytest.raises(ValueError, match=r"amax: there is nothing to reduce: self has shape \[0, 3\]"):
        tw.amax(x, 0)
    with pytest.raises(IndexError, match="sum: dimension 2 is out of range: expected -2 to 1"):
        tw.sum(x, 2)
    with pytest.raises(ValueError, match="sum: dimension -2 is named twice"):
        tw.sum(x, [0, -2])


@pytest.fixture
def threads() -> Iterator[None]:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(300000,), (1000, 300), (300, 1000), (40, 50, 200), (3, 70000)])
def test_bits_do_not_depend_on_threads_or_layout(shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = tw.tensor(a)
    moved = tw.tensor(np.ascontiguousarray(a.transpose())).permute(*reversed(range(a.ndim)))
    results = []
    for count in (1, 2, 8):
        tw.set_num_threads(count)
        for layout in (x, moved):
            parts = [tw.sum(layout, dim) for dim in range(a.ndim)]
            results.append([tw.sum(layout).item(), *(p.tolist() for p in parts), tw.exp(layout).numpy().tobytes()])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bool"])
@pytest.mark.parametrize(
    ("first", "second"),
    [((37, 70), (37, 1)), ((1, 100), (33, 1)), ((5, 17, 65), (17, 1)), ((300, 129), (129,)), ((9, 64), (1, 1)),
     ((3, 5, 7, 66), (5, 1, 66)), ((0, 70), (0, 1)), ((8, 4, 80), (8, 1, 1))],
)  # fmt: skip
def test_rows_of_broadcast_operands(first: tuple[int, ...], second: tuple[int, ...], dtype: str) -> None:
    generator = np.random.default_rng(2)
    a, b = (generator.integers(-9, 9, shape).astype(dtype) for shape in (first, second))
    x, y = tw.tensor(a), tw.tensor(b)
    assert np.array_equal((x * y).numpy(), a * b)
    assert np.array_equal((y * x).numpy(), a * b)
    wide = tw.zeros(*np.broadcast_shapes(first, second)[:-1], a.shape[-1] + 3, dtype=x.dtype)
    tw.mul(x, y, out=wide[..., 1:-2])
    assert np.array_equal(wide[..., 1:-2].numpy(), a * b)
    assert not wide[..., 0].any().item()
    assert not wide[..., -2:].any().item()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [1, 2])
def test_results_larger_than_caches(count: int) -> None:
    tw.set_num_threads(count)
    n = 6_000_007
    a, b = (np.random.default_rng(seed).standard_normal(n, dtype=np.float32) for seed in (0, 1))
    x, y, out = tw.tensor(a), tw.tensor(b), tw.zeros(n + 1)
    for place in (out[:-1], out[1:]):  # whole cache lines, and parts of them
        tw.add(x, y, out=place)
        assert np.array_equal(place.numpy(), a + b)
    assert out[0].item() == a[0] + b[0]
    assert np.array_equal((x * 2 + y).numpy(), a * 2 + b)
    assert np.array_equal(x.double().sub(y.double()).numpy(), a.astype(np.float64) - b)
    x.mul_(y)
    assert np.array_equal(x.numpy(), a * b)


def added(values: list[Array]) -> Array:
    """Neighbours added pairwise until one is left; an odd one out goes on as it is."""
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[2 * len(pairs) :]
    return values[0]


def sum_of_block(block: Array) -> Array:
    lanes = [block[lane::16] for lane in range(min(16, len(block)))]
    sums = [functools.reduce(np.add, lane) for lane in lanes]
    for half in (8, 4, 2, 1):
        upper = sums[half:]
        sums = [a + b for a, b in zip(sums, upper, strict=False)] + sums[len(upper) : half]
    return sums[0]


def tree_sum(a: Array, dim: int) -> Array:
    """The sum that docs/expression-language.md says, block by block."""
    rows = np.moveaxis(a, dim, 0)
    return added([sum_of_block(rows[start : start + 1024]) for start in range(0, len(rows), 1024)])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bfloat16"])
@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((1,), 0), ((5000,), 0), ((33 * 1024 + 5,), 0), ((70000,), 0), ((70, 1100), 1), ((3, 33000), 1),
        ((500, 8), 1), ((1000, 3), 1), ((600, 17), 1), ((5, 40), 0), ((1025, 37), 0), ((2100, 530), 0), ((33, 259), 0),
        ((4, 256, 64), 1), ((3, 40, 7), 1), ((2, 17, 300), 1), ((2, 3000, 9), 1),
    ],
)  # fmt: skip
def test_sums_are_those_of_the_tree(shape: tuple[int, ...], dim: int, dtype: str) -> None:
    generator = np.random.default_rng(1)
    a = generator.standard_normal(shape) + (1j * generator.standard_normal(shape) if dtype == "complex64" else 0)
    x = tw.tensor(a).to(getattr(tw, dtype))
    computed = x.float() if dtype == "bfloat16" else x
    expected = tw.tensor(tree_sum(computed.numpy(), dim)).to(x.dtype)
    strided = tw.stack([x, x], -1)[..., 1]
    flipped = tw.tensor(np.flip(computed.numpy(), dim).copy()).to(x.dtype).flip(dim)
    for count in (1, 2):
        tw.set_num_threads(count)
        for layout in (x, strided, flipped):
            assert tw.sum(layout, dim).tolist() == expected.tolist()


def test_operands_that_repeat_do_not_decide_how_results_lie() -> None:
    x, column = tw.ones(3, 5), tw.ones(3, 1)
    for first, second in ((x, column), (column, x), (x.sum(-1, keepdim=True), x)):
        assert (first * second).stride() == (5, 1)
    assert (column * tw.ones(5, 3).t()).stride() == (1, 3)
