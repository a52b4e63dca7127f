"""assert_close and make_tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.testing import assert_close, make_tensor

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("actual", "expected", "options"),
    [
        (tw.tensor([1.0]), tw.tensor([1.0 + 1e-6]), {}),
        (tw.tensor([1.0]), tw.tensor([1.1]), {"rtol": 0.2, "atol": 0.0}),
        (tw.tensor([NAN, INF, -INF]), tw.tensor([NAN, INF, -INF]), {"equal_nan": True}),
        ({"a": [1, (2.0, tw.ones(2))]}, {"a": [1, (2.0, tw.ones(2))]}, {}),
        (tw.ones(2), tw.ones(2).double(), {"check_dtype": False}),
        (tw.ones(2, dtype=tw.float64), np.ones(2), {}),
        (tw.ones(0, 3), tw.ones(0, 3), {}),
        (tw.zeros(2, device="meta"), tw.ones(2, device="meta"), {}),
        (None, None, {}),
    ],
)
def test_close(actual: Any, expected: Any, options: dict[str, Any]) -> None:
    assert_close(actual, expected, **options)


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (tw.ones(2), tw.ones(3), r"shapes differ: \(2,\) and \(3,\)"),
        (tw.ones(2), tw.ones(2).double(), "dtypes differ"),
        (tw.ones(2), tw.ones(2, device="meta"), "devices differ"),
        (tw.tensor([[1.0, 2.0]]), tw.tensor([[1.0, 3.0]]), r"1 of 2 .* index \(0, 1\): 2.0, expected 3.0"),
        (tw.tensor([1, 2]), tw.tensor([1, 3]), "1 of 2 elements"),
        (tw.tensor([NAN]), tw.tensor([NAN]), "nan, expected nan"),
        (tw.tensor([INF]), tw.tensor([1.0]), "inf, expected 1.0"),
        (tw.tensor([1.0]), tw.tensor([INF]), "1.0, expected inf"),
        ([1, {"a": 2}], [1, {"a": 3}], r"\[1\]: \['a'\]: 1 of 1"),
        ({"a": 1}, {"b": 1}, "keys differ"),
        ([1], [1, 2], "lengths differ"),
        (None, 1, "None is compared with int"),
        (tw.tensor(True), tw.tensor(False), "True|1"),
    ],
)
def test_not_close(actual: Any, expected: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_close(actual, expected)


def test_messages_and_wrong_calls() -> None:
    with pytest.raises(AssertionError, match=r"^no$"):
        assert_close(1, 2, msg="no")
    with pytest.raises(AssertionError, match=r"^so: 1 of 1"):
        assert_close(1, 2, msg=lambda text: f"so: {text}")
    with pytest.raises(ValueError, match="given together"):
        assert_close(1, 1, rtol=0.1)
    with pytest.raises(TypeError, match="expected tensors, numbers or containers"):
        assert_close("a", "a")
    with pytest.raises(AssertionError, match="strides differ"):
        assert_close(tw.ones(2, 2), tw.ones(2, 2).t(), check_stride=True)


@pytest.mark.parametrize(
    "dtype", [tw.float32, tw.bfloat16, tw.float64, tw.int8, tw.uint8, tw.int64, tw.bool, tw.complex64]
)
def test_make_tensor(dtype: tw.dtype) -> None:
    x = make_tensor(3, 4, dtype=dtype)
    assert (x.dtype, x.shape) == (dtype, (3, 4))
    assert not make_tensor((3, 4), dtype=dtype, noncontiguous=True).is_contiguous()
    assert make_tensor(0, dtype=dtype).numel() == 0
    if dtype not in (tw.bool, tw.complex64):
        y = make_tensor(100, dtype=dtype, low=0, high=3, exclude_zero=True).double()
        assert float(y.min()) > 0
        assert float(y.max()) <= 3


def test_make_tensor_refuses() -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        make_tensor(1, dtype=tw.float32, low=1, high=1)
    with pytest.raises(ValueError, match="exclude each other"):
        make_tensor(1, dtype=tw.float32, noncontiguous=True, memory_format=tw.channels_last)
    last = make_tensor(2, 3, 4, 5, dtype=tw.float32, memory_format=tw.channels_last)
    assert last.is_contiguous(memory_format=tw.channels_last)
