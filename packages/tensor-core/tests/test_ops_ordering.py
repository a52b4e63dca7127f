"""Extremes with their places, and sorting, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree
from layouts import REAL, Samples

NAN = float("nan")


def values_of(shape: tuple[int, ...], dtype: str, seed: int) -> tuple[Array, tw.Tensor]:
    samples = Samples(seed + 1)
    x = samples.array(shape, dtype)  # small integers: many ties
    return x, samples.tensor(x)


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize(("shape"), [(4, 5, 6), (2, 3, 100), (3, 70, 1), (1, 1, 1)])
def test_extremes_along_a_dimension(shape: tuple[int, ...], dim: int, dtype: str) -> None:
    a, x = values_of(shape, dtype, dim)
    for arg, extreme, numpys in ((tw.argmax, tw.max, np.argmax), (tw.argmin, tw.min, np.argmin)):
        places = numpys(a, dim)
        agree(arg(x, dim), places)
        agree(arg(x, dim, keepdim=True), np.expand_dims(places, dim))
        values, indices = extreme(x, dim)
        agree(indices, places)
        assert values.tolist() == np.take_along_axis(a, np.expand_dims(places, dim), dim).squeeze(dim).tolist()
    agree(tw.argmax(x), np.asarray(a.argmax()))
    assert tw.argmin(x, keepdim=True).shape == (1,) * len(shape)


def test_extremes_at_the_edges() -> None:
    x = tw.tensor([[1.0, NAN, 3.0], [NAN, NAN, 1.0], [2.0, 2.0, 1.0]])
    assert tw.argmax(x, 1).tolist() == [1, 0, 0]
    assert tw.argmin(x, 1).tolist() == [1, 0, 2]
    assert tw.argmax(tw.tensor(5.0)).item() == 0
    assert tw.max(tw.tensor(5.0), 0)[0].item() == 5.0
    assert tw.argmax(tw.ones(0, 3), 1).shape == (0,)
    for call in (lambda: tw.argmax(tw.ones(0)), lambda: tw.argmax(tw.ones(2, 0), 1), lambda: tw.max(tw.ones(2, 0), 1)):
        with pytest.raises(ValueError, match="no element to choose from"):
            call()
    with pytest.raises(IndexError):
        tw.argmax(tw.ones(2), 1)


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sort_is_stable(dim: int, descending: bool, dtype: str) -> None:
    a, x = values_of((5, 40, 3), dtype, dim)
    order = np.argsort(a.astype(np.float64) * (-1 if descending else 1), dim, kind="stable")
    values, indices = tw.sort(x, dim, descending)
    agree(indices, order)
    assert values.tolist() == np.take_along_axis(a, order, dim).tolist()
    agree(tw.argsort(x, dim, descending), order)


def test_sort_puts_nan_last() -> None:
    values, indices = tw.sort(tw.tensor([2.0, NAN, -1.0, NAN, float("inf")]))
    assert indices.tolist() == [2, 0, 4, 1, 3]
    assert tw.argsort(tw.tensor([2.0, NAN, -1.0]), descending=True).tolist() == [1, 0, 2]
    assert values[:3].tolist() == [-1.0, 2.0, float("inf")]
    assert tw.sort(tw.tensor(3.0))[1].item() == 0
    assert tw.sort(tw.ones(0, 2), 0)[0].shape == (0, 2)


@pytest.mark.parametrize("dtype", [tw.uint8, tw.int16, tw.int64, tw.float32, tw.float64])
@pytest.mark.parametrize("k", [0, 1])
def test_topk_of_one_element_without_dimensions(dtype: tw.dtype, k: int) -> None:
    values, places = tw.topk(tw.tensor(3, dtype=dtype), k)
    assert (values.item(), places.item()) == (3, 0)
    assert values.shape == places.shape == ()


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("k", [0, 1, 3, 4])
def test_topk(k: int, dim: int, largest: bool) -> None:
    a, x = values_of((4, 5, 6), "float64", k)
    order = np.argsort(-a if largest else a, dim, kind="stable").take(range(k), dim)
    values, indices = tw.topk(x, k, dim, largest)
    agree(indices, order)
    agree(values, np.take_along_axis(a, order, dim))
    with pytest.raises(ValueError, match="k must be between 0 and the size of the dimension"):
        tw.topk(x, 7, dim)


MEDIANS: list[tuple[Callable[[tw.Tensor], Any], Callable[[Array], Any]]] = [
    (lambda x: tw.median(x), lambda a: np.sort(a.ravel())[(a.size - 1) // 2]),
    (lambda x: tw.median(x, 1)[0], lambda a: np.sort(a, 1)[:, (a.shape[1] - 1) // 2]),
    (lambda x: tw.median(x, 1, keepdim=True)[0], lambda a: np.sort(a, 1)[:, [(a.shape[1] - 1) // 2]]),
    (lambda x: tw.kthvalue(x, 2, 0)[0], lambda a: np.sort(a, 0)[1]),
    (lambda x: tw.kthvalue(x, 2, 0)[1], lambda a: np.argsort(a, 0, kind="stable")[1]),
]


@pytest.mark.parametrize("case", range(len(MEDIANS)))
def test_medians(case: int) -> None:
    a, x = values_of((4, 6), "float64", case)
    ours, expected = MEDIANS[case]
    agree(ours(x), expected(a))


def test_median_of_nan_and_of_nothing() -> None:
    assert np.isnan(tw.median(tw.tensor([1.0, NAN, 2.0])).item())
    assert tw.median(tw.tensor([3, 1, 2, 4])).item() == 2
    with pytest.raises(ValueError, match="an empty tensor has no median"):
        tw.median(tw.ones(0))
    with pytest.raises(ValueError, match="kthvalue: k counts from 1 to the size of the dimension"):
        tw.kthvalue(tw.ones(2), 3, 0)


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("size", [255, 257, 5000, 70000])
@pytest.mark.parametrize("descending", [False, True])
def test_long_lines(size: int, dtype: str, descending: bool) -> None:
    """Sorted by digits, in chunks, and partly."""
    values = np.random.default_rng(size).integers(-(2**62), 2**62, size)
    a = (values / 2.0**55 if np.dtype(dtype).kind == "f" else values).astype(dtype)
    if np.dtype(dtype).kind == "f":
        a[::97], a[1::101], a[2::103], a[3::107] = np.nan, -0.0, 0.0, -np.inf
    x = tw.from_numpy(a)
    key = np.where(np.isnan(a), np.inf, a) if np.dtype(dtype).kind == "f" else a
    ranks = np.unique(key, return_inverse=True)[1]
    ranks[np.isnan(a.astype(np.float64))] = size  # behind infinity
    order = np.argsort(-ranks if descending else ranks, kind="stable")
    agree(tw.argsort(x, descending=descending), order)
    for k in (1, 7, size // 2):
        agree(tw.topk(x, k, largest=descending)[1], order[:k])
    if not descending:
        agree(tw.kthvalue(x, size // 3)[1], np.asarray(order[size // 3 - 1]))


def test_orders_do_not_depend_on_the_number_of_threads() -> None:
    x = tw.from_numpy(np.random.default_rng(3).integers(0, 1000, 200_000))
    threads = tw.get_num_threads()
    results = []
    for n in (1, 3):
        tw.set_num_threads(n)
        results.append((tw.sort(x)[1].tolist(), tw.unique(x, return_counts=True)[1].tolist()))
    tw.set_num_threads(threads)
    assert results[0] == results[1]
