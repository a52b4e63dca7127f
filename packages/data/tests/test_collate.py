"""How samples become a batch, and what is said when they cannot."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given
from hypothesis import strategies as st
from tensorwright.data import DataLoader, default_collate, default_convert

Pair = namedtuple("Pair", "a b")


def same(left: Any, right: Any) -> bool:
    if isinstance(left, tw.Tensor):
        return isinstance(right, tw.Tensor) and left.dtype == right.dtype and left.tolist() == right.tolist()
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


i64, f64 = tw.int64, tw.float64


@pytest.mark.parametrize(
    ("batch", "result"),
    [
        ([1.0, 2.0], tw.tensor([1, 2], dtype=f64)),
        ([1.5, 2], tw.tensor([1.5, 2], dtype=f64)),
        ([1, 2], tw.tensor([1, 2])),
        ((1, 2), tw.tensor([1, 2])),
        ([True, False], tw.tensor([True, False])),
        ([np.float32(1), np.float32(2)], tw.tensor([1.0, 2.0])),
        ([np.int16(1)], tw.tensor([1], dtype=tw.int16)),
        ([np.array(1.5)] * 2, tw.tensor([1.5, 1.5], dtype=f64)),
        ([np.ones(2, np.float32)] * 2, tw.ones(2, 2)),
        ([tw.tensor(1), tw.tensor(2)], tw.tensor([1, 2])),
        ([tw.ones(2), tw.ones(2, dtype=f64)], tw.ones(2, 2, dtype=f64)),
        ([np.ones(2), tw.ones(2)], tw.ones(2, 2, dtype=f64)),
        (["a", "b"], ["a", "b"]),
        ([b"a", b"b"], [b"a", b"b"]),
        ([(1, "a"), (2, "b")], [tw.tensor([1, 2]), ("a", "b")]),
        ([[1, 2.0], [3, 4.0]], [tw.tensor([1, 3]), tw.tensor([2, 4], dtype=f64)]),
        ([range(2), range(2)], [tw.tensor([0, 0]), tw.tensor([1, 1])]),
        ([Pair(1, 2), Pair(3, 4)], Pair(tw.tensor([1, 3]), tw.tensor([2, 4]))),
        ([{"a": 1}, {"a": 2, "b": 3}], {"a": tw.tensor([1, 2])}),
        ([{"x": [tw.ones(2), {"y": 1}]}] * 2, {"x": [tw.ones(2, 2), {"y": tw.tensor([1, 1])}]}),
    ],
)
def test_collate(batch: list[Any], result: Any) -> None:
    assert same(default_collate(batch), result)


def test_kinds_of_containers_stay() -> None:
    made = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert type(made) is OrderedDict
    made = default_collate([defaultdict(list, a=1), defaultdict(list, a=2)])
    assert type(made) is defaultdict
    assert made.default_factory is list
    assert type(default_collate([MappingProxyType({"a": 1})])) is MappingProxyType
    assert type(default_collate([deque([1, 2])])) is deque


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ([tw.ones(2), tw.ones(3)], RuntimeError, r"sample 0 has shape \[2\], sample 1 has shape \[3\]"),
        ([np.ones(2), np.ones((2, 1))], RuntimeError, r"sample 0 has shape \[2\], sample 1 has shape \[2, 1\]"),
        ([{"x": (0, tw.ones(2))}, {"x": (0, tw.ones(3))}], RuntimeError, r"field \['x'\]\[1\]: sample 0 has shape"),
        ([Pair(1, tw.ones(1)), Pair(1, tw.ones(2))], RuntimeError, r"field \.b: sample 0 has shape"),
        ([[1], [1, 2]], RuntimeError, "sample 0 has length 1, sample 1 has length 2"),
        ([{"a": 1}, {"b": 1}], KeyError, r"sample 0 has key 'a', sample 1 has keys \['b'\]"),
        ([tw.ones(1), 1], TypeError, "sample 0 is Tensor, sample 1 is int"),
        ([1, None], TypeError, "sample 0 is int, sample 1 is NoneType"),
        ([{"a": 1}, 1], TypeError, "sample 0 is dict, sample 1 is int"),
        ([(1,), 1], TypeError, "sample 0 is tuple, sample 1 is int"),
        ([None], TypeError, "sample 0 is NoneType; expected tensors"),
        ([{"a": object()}], TypeError, r"field \['a'\]: sample 0 is object; expected"),
        ([1j], TypeError, "sample 0 is complex"),
        ([np.array(["a"])], TypeError, "sample 0 is an array of dtype <U1, which no tensor has"),
        ([np.array([None])], TypeError, "dtype object"),
        ([2**70], (OverflowError, ValueError), "default_collate"),
        ([], IndexError, "empty batch"),
    ],
)
def test_what_cannot_be_collated(batch: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        default_collate(batch)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_names_the_index(workers: int) -> None:
    samples = [{"x": tw.ones(2 + (index == 17))} for index in range(20)]
    loader = DataLoader(samples, batch_sampler=[[1, 2], [3, 17]], num_workers=workers)
    words = r"field \['x'\]: sample 0 \(index 3\) has shape \[2\], sample 1 \(index 17\) has shape \[3\]"
    with pytest.raises(RuntimeError, match=words):
        list(loader)


leaves = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans(), st.text(max_size=3))
structures = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=2), inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def pieces(batch: Any, count: int) -> list[Any]:
    """The samples that a batch was made of."""
    if isinstance(batch, tw.Tensor):
        return batch.tolist()
    if isinstance(batch, dict):
        columns = {key: pieces(value, count) for key, value in batch.items()}
        return [{key: columns[key][i] for key in batch} for i in range(count)]
    if all(isinstance(part, str) for part in batch) and len(batch) == count:
        return list(batch)
    columns = [pieces(part, count) for part in batch]
    return [[column[i] for column in columns] for i in range(count)]


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


@given(structures, st.integers(4, 5))
def test_every_sample_is_in_the_batch(sample: Any, count: int) -> None:
    # more samples than any container has parts, so that a column of strings is told from a list of columns
    assert pieces(default_collate([sample] * count), count) == [plain(sample)] * count


def test_convert() -> None:
    assert same(default_convert(np.ones(2)), tw.ones(2, dtype=f64))
    assert same(default_convert({"a": np.ones(1), "b": "x"}), {"a": tw.ones(1, dtype=f64), "b": "x"})
    assert same(default_convert((np.ones(1), 2)), [tw.ones(1, dtype=f64), 2])
    assert same(default_convert(Pair(np.ones(1), 2)), Pair(tw.ones(1, dtype=f64), 2))
    text = np.array(["a"])
    assert default_convert(text) is text
    for value in ("a", 1.0, None, ["a"]):
        assert default_convert(value) == value
