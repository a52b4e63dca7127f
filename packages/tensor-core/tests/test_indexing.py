"""x[...] and x[...] = value, against NumPy.

Where integers stand beside index arrays PyTorch's rule holds, not NumPy's: integers select first. The reference
below does the same, so the rest can be compared.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st

Item = Any


def numbered(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


def as_ours(item: Item) -> Item:
    return tw.from_numpy(item) if isinstance(item, np.ndarray) else item


def integers_first(array: np.ndarray[Any, Any], key: tuple[Item, ...]) -> tuple[np.ndarray[Any, Any], tuple[Item, ...]]:
    """The array with the integers of the key applied, and the rest of the key."""
    used = sum(0 if item is None or item is Ellipsis else item.ndim if is_mask(item) else 1 for item in key)
    selection: list[Item] = []
    rest: list[Item] = []
    for item in key:
        if item is None:
            rest.append(None)
        elif item is Ellipsis:
            selection += [slice(None)] * (array.ndim - used)
            rest += [slice(None)] * (array.ndim - used)  # NumPy would take ... for a dimension even where it is none
        elif isinstance(item, int):
            selection.append(item)
        else:
            selection += [slice(None)] * (item.ndim if is_mask(item) else 1)
            rest.append(item)
    return array[tuple(selection)], tuple(rest)


def is_mask(item: Item) -> bool:
    return isinstance(item, np.ndarray) and item.dtype == bool


@st.composite
def items(draw: st.DrawFn, size: int, picked: tuple[int, ...] | None) -> Item:
    """One item for a dimension; index arrays all have the shape `picked`, so that they broadcast."""
    kinds = ["slice"] + (["int"] if size else []) + (["ints", "mask"] if picked is not None and size else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "int":
        return draw(st.integers(-size, size - 1))
    if kind == "ints" and picked is not None:
        count = int(np.prod(picked))
        values = draw(st.lists(st.integers(-size, size - 1), min_size=count, max_size=count))
        return np.array(values, dtype=np.int64).reshape(picked)
    if kind == "mask" and picked is not None and size >= picked[-1]:
        mask = np.zeros(size, dtype=bool)
        mask[list(draw(st.permutations(range(size)))[: picked[-1]])] = True
        return mask
    bound = st.none() | st.integers(-size - 2, size + 2)
    return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...], picking: bool) -> tuple[Item, ...]:
    """Items for leading and, after `...`, for trailing dimensions, with None strewn in."""
    picked = draw(st.sampled_from([(2,), (3,), (2, 2), (1, 3), (0,)])) if picking else None
    leading = draw(st.integers(0, len(shape)))
    trailing = draw(st.integers(0, len(shape) - leading))
    key = [draw(items(size, picked)) for size in shape[:leading]]
    if trailing or draw(st.booleans()):
        key.append(Ellipsis)
    key += [draw(items(size, picked)) for size in shape[len(shape) - trailing :]]
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
cases = shapes.flatmap(lambda shape: st.tuples(st.just(shape), keys(shape, picking=False)))
picking_cases = shapes.flatmap(lambda shape: st.tuples(st.just(shape), keys(shape, picking=True)))


@settings(max_examples=300, deadline=None)
@given(cases)
def test_views_agree_with_numpy(case: tuple[tuple[int, ...], tuple[Item, ...]]) -> None:
    shape, key = case
    array = numbered(shape)
    ours = tw.from_numpy(array)[key]
    np.testing.assert_array_equal(ours.numpy(), array[key])
    assert ours.numel() == 0 or ours.shares_storage(tw.from_numpy(array)) or ours.data_ptr() >= array.ctypes.data


@settings(max_examples=300, deadline=None)
@given(picking_cases)
def test_picking_agrees_with_numpy(case: tuple[tuple[int, ...], tuple[Item, ...]]) -> None:
    shape, key = case
    array = numbered(shape)
    selected, rest = integers_first(array, key)
    ours = tw.from_numpy(array)[tuple(as_ours(item) for item in key)]
    np.testing.assert_array_equal(ours.numpy(), selected[rest])


@settings(max_examples=300, deadline=None)
@given(picking_cases)
def test_assigning_agrees_with_numpy(case: tuple[tuple[int, ...], tuple[Item, ...]]) -> None:
    shape, key = case
    array = numbered(shape)
    theirs = array.copy()
    selected, rest = integers_first(theirs, key)
    if selected.ndim == 0 and not any(isinstance(item, np.ndarray) for item in rest):
        theirs[tuple(item for item in key)] = -1
    else:
        selected[rest] = -1
    ours = tw.from_numpy(array.copy())
    ours[tuple(as_ours(item) for item in key)] = -1
    if selected.ndim:
        np.testing.assert_array_equal(ours.numpy(), theirs)


@settings(max_examples=200, deadline=None)
@given(cases, st.integers(0, 2))
def test_assigned_values_broadcast(case: tuple[tuple[int, ...], tuple[Item, ...]], leading: int) -> None:
    shape, key = case
    array = numbered(shape)
    theirs = array.copy()
    place = theirs[key]
    values = np.full((1,) * leading + place.shape[-1:], 7, dtype=np.float64) if place.ndim else np.float64(7)
    theirs[key] = values
    ours = tw.from_numpy(array.copy())
    ours[key] = tw.tensor(values)
    np.testing.assert_array_equal(ours.numpy(), theirs)


@settings(max_examples=200, deadline=None)
@given(picking_cases, st.integers(0, 2))
def test_values_assigned_to_what_is_picked_may_have_leading_ones(
    case: tuple[tuple[int, ...], tuple[Item, ...]], leading: int
) -> None:
    shape, key = case
    array = numbered(shape)
    theirs = array.copy()
    selected, rest = integers_first(theirs, key)
    if selected.ndim == 0:
        return
    picked = selected[rest].shape
    values = np.arange(math.prod(picked), dtype=np.float64).reshape(picked)
    selected[rest] = values
    ours = tw.from_numpy(array.copy())
    ours[tuple(as_ours(item) for item in key)] = tw.from_numpy(values.reshape((1,) * leading + picked))
    np.testing.assert_array_equal(ours.numpy(), theirs)
    with pytest.raises(tw.ShapeError, match="broadcast"):
        tw.zeros(3, 3)[tw.tensor([0, 1])] = tw.ones(2, 2, 3)


def test_lists_arrays_and_numpy_integers_are_indices() -> None:
    x = tw.arange(10)
    assert x[[1, -1]].tolist() == [1, 9]
    assert x[np.array([2, 3])].tolist() == [2, 3]
    assert x[np.int64(4)].item() == 4
    assert x[tw.tensor(5)].item() == 5
    assert x[[]].tolist() == []
    assert x[[i % 2 == 0 for i in range(10)]].tolist() == [0, 2, 4, 6, 8]
    assert x.reshape(2, 5)[[[0, 1], [1, 0]], 2].tolist() == [[2, 7], [7, 2]]


def test_masks_may_cover_several_dimensions() -> None:
    x = tw.arange(6).reshape(2, 3)
    mask = x > 2
    assert x[mask].tolist() == [3, 4, 5]
    x[mask] = 0
    assert x.tolist() == [[0, 1, 2], [0, 0, 0]]
    x[mask] = tw.tensor([7, 8, 9])
    assert x[1].tolist() == [7, 8, 9]


def test_bools_add_a_dimension() -> None:
    x = tw.arange(3)
    assert x[True].tolist() == [[0, 1, 2]]
    assert x[False].shape == (0, 3)
    assert tw.tensor(4)[tw.tensor(True)].tolist() == [4]


def test_integers_select_before_index_tensors() -> None:
    assert tw.zeros(2, 3, 4)[0, :, [1, 2]].shape == (3, 2)  # PyTorch's rule; NumPy gives (2, 3)


def test_views_share_memory_and_picked_elements_do_not() -> None:
    x = tw.zeros(4)
    x[1:3].fill_(1)
    x[[0, 3]].fill_(5)
    assert x.tolist() == [0, 1, 1, 0]
    assert x[...].shares_storage(x)
    assert x[...] is not x
    assert x[()].shares_storage(x)


def test_assignment_converts_the_dtype() -> None:
    x = tw.zeros(3, dtype=tw.int64)
    x[0] = 2.7
    x[1:] = tw.tensor([3.9, -1.5])
    assert x.tolist() == [2, 3, -1]
    x[[0]] = tw.tensor([8.5])
    assert x[0].item() == 8


def test_the_last_of_repeated_indices_stays() -> None:
    x = tw.zeros(2)
    x[[0, 0]] = tw.tensor([1.0, 2.0])
    assert x.tolist() == [2.0, 0.0]


def test_augmented_assignment_writes_in_place() -> None:
    x = tw.ones(3)
    x[1:] += 1
    x[0] *= 5
    assert x.tolist() == [5, 2, 2]


def test_iteration_and_membership() -> None:
    x = tw.arange(6).reshape(3, 2)
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    assert len(x) == 3
    assert 4 in x
    assert 9 not in x
    _, middle, _ = x
    assert middle.tolist() == [2, 3]
    with pytest.raises(TypeError, match="0 dimensions cannot be iterated"):
        iter(tw.tensor(1))


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (3, IndexError, "index 3 is out of range for dimension 0 of size 2"),
        ((0, -4), IndexError, "index -4 is out of range for dimension 0 of size 3"),
        ((0, 0, 0), IndexError, "too many indices: 3 for a tensor of 2 dimensions"),
        ((..., ...), IndexError, "only one ellipsis"),
        ("a", TypeError, "indices, got str"),
        (1.5, TypeError, "indices, got float"),
        ([1.5], IndexError, "integer type or bool, got float32"),
        (tw.zeros(2), IndexError, "integer type or bool, got float32"),
        (tw.tensor([True, False, True]), IndexError, r"mask has shape \[3\]"),
        ([5], IndexError, "5"),
        (2**80, OverflowError, "does not fit into 64 bits"),
    ],
)
def test_bad_indices(key: Item, error: type[Exception], text: str) -> None:
    x = tw.zeros(2, 3)
    with pytest.raises(error, match=text):
        x[key]
    with pytest.raises(error, match=text):
        x[key] = 0


def test_bad_assignments() -> None:
    x = tw.zeros(2, 3)
    with pytest.raises(ValueError, match="broadcast"):
        x[0] = tw.zeros(2)
    with pytest.raises(TypeError, match="cannot be deleted"):
        del x[0]
    with pytest.raises(OverflowError, match="300 does not fit into uint8"):
        tw.zeros(1, dtype=tw.uint8)[0] = 300
    with pytest.raises(TypeError, match="complex"):
        x[0] = 1j
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_masks_of_several_dimensions_that_hold_nowhere() -> None:
    x, nowhere = tw.ones(2, 3), tw.zeros(2, 3, dtype=tw.bool)
    assert x[nowhere].tolist() == []
    x[nowhere] = 5.0
    assert x.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_slices_with_negative_steps() -> None:
    random = np.random.default_rng(1)
    array = np.arange(60.0).reshape(3, 4, 5)
    bounds = [None, *range(-7, 8)]
    for round in range(300):
        key: list[Any] = [slice(*random.choice(bounds, 2), random.choice([1, -1, -2, -3, -9])) for _ in range(3)]
        if round % 3:
            key[int(random.integers(3))] = [0, Ellipsis, [0, 2, 1], None][round % 4]
        x, expected = tw.tensor(array), array.copy()
        np.testing.assert_array_equal(x[tuple(key)].numpy(), expected[tuple(key)])
        values = random.standard_normal(expected[tuple(key)].shape)
        x[tuple(key)] = tw.tensor(values, dtype=tw.float64)
        expected[tuple(key)] = values
        np.testing.assert_array_equal(x.numpy(), expected)
    x = tw.zeros(4)
    x[::-2] = 1
    assert x.tolist() == [0, 1, 0, 1]
    assert x[::-1].data_ptr() != x.data_ptr()


def test_masks_without_elements_pick_nothing() -> None:
    assert tw.ones(2, 3)[tw.zeros(0, dtype=tw.bool)].shape == (0, 3)
    assert tw.ones(2, 3)[tw.zeros(2, 0, dtype=tw.bool)].shape == (0,)
    with pytest.raises(IndexError, match="mask has shape"):
        tw.ones(2, 3)[tw.zeros(3, 0, dtype=tw.bool)]


def test_ranges_are_indices() -> None:
    a = numbered((4, 3))
    x = tw.from_numpy(a.copy())
    assert x[range(0, 4, 2)].tolist() == a[range(0, 4, 2)].tolist()
    assert x[:, range(2)].tolist() == a[:, :2].tolist()
    x[range(2), 0] = 7
    assert x[:, 0].tolist() == [7.0, 7.0, 6.0, 9.0]


def test_bytes_are_masks() -> None:
    x = tw.tensor([1, 2, 3])
    mask = tw.tensor([1, 0, 2], dtype=tw.uint8)
    with pytest.warns(DeprecationWarning, match="is a mask"):
        assert x[mask].tolist() == [1, 3]
    with pytest.warns(DeprecationWarning, match="is a mask"):
        assert x[tw.tensor(1, dtype=tw.uint8)].tolist() == [[1, 2, 3]]
    with pytest.warns(DeprecationWarning, match="is a mask"):
        x[mask] = 0
    assert x.tolist() == [0, 2, 0]
    assert x.index_put([mask], tw.tensor(5)).tolist() == [5, 2, 5]
    assert x.index([tw.tensor([1, 1])]).tolist() == [2, 2]
