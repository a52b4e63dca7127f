"""Kernels that update their first argument where it lies give what the same call on a copy gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

INDEX = tw.tensor([2, 0, 2])
MASK = tw.tensor([[True, False, True, True], [False, True, True, False], [True, True, False, False]])

# name, and its arguments behind self [3, 4] given another tensor [3, 4]
CALLS: dict[str, tuple[str, Callable[[tw.Tensor], tuple[Any, ...]]]] = {
    "index_put": ("index_put", lambda t: ([INDEX], t)),
    "index_put, added": ("index_put", lambda t: ([INDEX], t, True)),
    "index_put, mask": ("index_put", lambda t: ([MASK], t[0, 0])),
    "index_add": ("index_add", lambda t: (0, INDEX, t)),
    "scatter": ("scatter", lambda t: (0, tw.tensor([[2, 0, 1, 1]]), t)),
    "scatter, number": ("scatter", lambda t: (1, tw.tensor([[3], [0], [1]]), 5.0)),
    "scatter_add": ("scatter_add", lambda t: (0, tw.tensor([[2, 0, 1, 1], [2, 1, 1, 0]]), t)),
    "scatter_reduce": ("scatter_reduce", lambda t: (0, tw.tensor([[2, 0, 1, 1], [2, 1, 1, 0]]), t, "mean")),
    "masked_scatter": ("masked_scatter", lambda t: (MASK, t)),
    "cumsum": ("cumsum", lambda t: (1,)),
    "cumprod": ("cumprod", lambda t: (0,)),
    "index_fill": ("index_fill", lambda t: (1, INDEX, 2.0)),
    "index_copy": ("index_copy", lambda t: (0, tw.tensor([2, 0, 1]), t)),
    "put": ("put", lambda t: (tw.tensor([11, 0, 3]), t[0, :3])),
}  # fmt: skip


def numbers(seed: int, dtype: Any = tw.float32) -> tw.Tensor:
    return tw.from_numpy(np.random.default_rng(seed).integers(1, 4, (3, 4)).astype(np.float32)).to(dtype)


def layouts(dtype: Any) -> list[tw.Tensor]:
    """The same numbers contiguous, transposed, and as a part of a larger tensor."""
    x = numbers(0, dtype)
    wide = tw.zeros(6, 9, dtype=dtype)
    wide[1::2, 1::2] = x
    return [x.clone(), x.t().contiguous().t(), wide[1::2, 1::2]]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", [tw.float32, tw.float16, tw.int32])
def test_in_place_gives_what_a_copy_gives(call: str, dtype: Any) -> None:
    name, arguments = CALLS[call]
    other = numbers(1, dtype)
    expected = getattr(numbers(0, dtype), name)(*arguments(other))
    for x in layouts(dtype):
        around = x.clone()
        assert getattr(x, f"{name}_")(*arguments(other)) is x
        assert x.tolist() == expected.to(dtype).tolist()
        assert around.tolist() == numbers(0, dtype).tolist()


@pytest.mark.parametrize("call", CALLS)
def test_arguments_may_share_memory_with_self(call: str) -> None:
    name, arguments = CALLS[call]
    for share in (lambda t: t, lambda t: t.flip(0).flip(0), lambda t: t.reshape(-1)[:12].view(3, 4)):
        x = numbers(0)
        expected = getattr(x, name)(*arguments(share(x).clone()))
        assert getattr(x, f"{name}_")(*arguments(share(x))).tolist() == expected.tolist()


def test_indices_may_be_self() -> None:
    x = tw.tensor([2, 0, 1])
    expected = x.scatter(0, x.clone(), tw.tensor([7, 8, 9]))
    assert x.scatter_(0, x, tw.tensor([7, 8, 9])).tolist() == expected.tolist()


def test_a_refused_call_changes_nothing() -> None:
    x = tw.zeros(3)
    for call in (
        lambda: x.index_put_([tw.tensor([0, 5])], tw.tensor(1.0)),
        lambda: x.scatter_(0, tw.tensor([0, 5]), tw.ones(2)),
        lambda: x.index_add_(0, tw.tensor([0, 5]), tw.ones(2)),
        lambda: x.scatter_reduce_(0, tw.tensor([0, 5]), tw.ones(2), "sum"),
    ):
        with pytest.raises(IndexError, match="index 5 is out of range for dimension 0 of size 3"):
            call()
    with pytest.raises(ValueError, match="the mask has 3 places"):
        x.masked_scatter_(tw.ones(3, dtype=tw.bool), tw.ones(2))
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_versions_and_values_of_random_fills() -> None:
    x = tw.empty(1000)
    version = x._version
    address = x.data_ptr()
    x.uniform_(2.0, 3.0)
    assert x.data_ptr() == address
    assert x._version == version + 1
    assert 2.0 <= x.amin().item() <= x.amax().item() < 3.0
