"""How arguments of Python calls reach the ops: conversions, keywords, overloads, results."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import tensorwright as tw


def test_positional_and_keyword_arguments_mean_the_same() -> None:
    x, y = tw.ones(2), tw.full([2], 3.0)
    expected = [7.0, 7.0]
    assert tw.add(x, y, alpha=2).tolist() == expected
    assert tw.add(x, other=y, alpha=2).tolist() == expected
    assert tw.add(self=x, other=y, alpha=2).tolist() == expected
    assert tw.add(input=x, other=y, alpha=2).tolist() == expected
    assert x.add(y, alpha=2).tolist() == expected
    assert x.add(other=y, alpha=2).tolist() == expected


def test_the_fields_spellings_of_keywords() -> None:
    x = tw.arange(6).reshape(2, 3)
    assert x.sum(axis=0).tolist() == x.sum(dim=0).tolist() == [3, 5, 7]
    assert x.sum(axis=1, keepdims=True).shape == x.sum(dim=1, keepdim=True).shape == (2, 1)
    assert tw.sum(input=x).item() == tw.sum(x=x).item() == 15


def test_keywords_made_at_run_time() -> None:
    name = "".join(["al", "pha"])  # not interned
    assert tw.add(tw.ones(1), 1, **{name: 2}).item() == 3


@pytest.mark.parametrize("shape", [(2, 3), [2, 3], tw.zeros(2, 3).shape, (np.int64(2), np.int32(3)), (tw.tensor(2), 3)])
def test_lists_of_ints(shape: Any) -> None:
    assert tw.zeros(shape).shape == (2, 3)
    assert tw.zeros(*shape).shape == (2, 3)
    assert tw.zeros(size=shape).shape == (2, 3)
    assert tw.arange(6).view(*shape).shape == (2, 3)
    assert tw.arange(6).view(shape).shape == (2, 3)


def test_lists_of_ints_at_their_limits() -> None:
    assert tw.zeros(4).shape == (4,)
    assert tw.zeros().shape == ()
    assert tw.zeros([]).shape == ()
    assert tw.zeros(()).shape == ()
    assert tw.zeros(2, dtype=tw.int64).dtype == tw.int64
    assert tw.arange(4).permute(0).shape == (4,)
    assert tw.zeros(*[1] * 64).ndim == 64


@pytest.mark.parametrize(
    ("number", "dtype"),
    [
        (2, tw.int32),
        (True, tw.int32),
        (2.5, tw.float32),
        (np.int64(2), tw.int32),
        (np.float32(2), tw.float32),
        (np.bool_(True), tw.int32),
        (1j, tw.complex64),
        (np.complex128(1j), tw.complex64),
        (np.float16(2), tw.float32),
    ],
)
def test_numbers_beside_a_tensor_count_by_their_kind(number: Any, dtype: tw.dtype) -> None:
    assert tw.result_type(tw.int32, 2.5) == tw.float32
    if dtype != tw.complex64:
        assert (tw.ones(2, dtype=tw.int32) + number).dtype == dtype
        assert (number + tw.ones(2, dtype=tw.int32)).dtype == dtype


@pytest.mark.parametrize("dtype", [tw.float64, np.float64, np.dtype("float64")])
def test_dtype_arguments(dtype: Any) -> None:
    assert tw.zeros(1, dtype=dtype).dtype == tw.float64


def test_builtin_types_are_dtypes() -> None:
    assert tw.zeros(1, dtype=float).dtype == tw.float32
    assert tw.zeros(1, dtype=int).dtype == tw.int64
    assert tw.zeros(1, dtype=bool).dtype == tw.bool
    assert tw.zeros(1, dtype=complex).dtype == tw.complex64


def test_device_arguments() -> None:
    assert tw.zeros(1, device="cpu").device == tw.device("cpu")
    assert tw.zeros(1, device=tw.device("meta")).is_meta
    assert tw.zeros(1, device=None).is_cpu


def test_tensors_of_no_dimension_are_numbers() -> None:
    assert tw.full([2], tw.tensor(3.5)).tolist() == [3.5, 3.5]
    assert tw.arange(tw.tensor(3)).tolist() == [0, 1, 2]
    assert tw.zeros(tw.tensor(2)).shape == (2,)


# ---- out= and in place ---------------------------------------------------------------------------------------


def test_out() -> None:
    out = tw.zeros(2)
    result = tw.add(tw.ones(2), 1, out=out)
    assert result is out
    assert out.tolist() == [2, 2]
    assert tw.add(tw.ones(2), 1, out=None).tolist() == [2, 2]


def test_out_of_several_results() -> None:
    values, indices = tw.zeros(2), tw.zeros(2, dtype=tw.int64)
    x = tw.tensor([[1.0, 5.0], [7.0, 2.0]])
    result = tw.sort(x, dim=1)
    assert result.values.tolist() == [[1, 5], [2, 7]]
    assert result.indices.tolist() == [[0, 1], [1, 0]]
    top = tw.topk(x, 1)
    assert (top.values.shape, top.indices.shape) == ((2, 1), (2, 1))
    del values, indices


def test_in_place_returns_the_same_object() -> None:
    x = tw.ones(2)
    assert x.add_(1) is x
    y = x
    y += 1
    assert y is x
    assert x.tolist() == [3, 3]
    assert x._version > 0


def test_one_tensor_has_one_wrapper() -> None:
    x = tw.ones(2)
    assert x.contiguous() is x
    assert x.to(tw.float32) is x
    assert x.view(2) is not x


# ---- results --------------------------------------------------------------------------------------------------


def test_named_results() -> None:
    result = tw.max(tw.tensor([[1, 5], [7, 2]]), dim=1)
    values, indices = result
    assert result.values is values
    assert result.indices.tolist() == indices.tolist() == [1, 0]
    assert type(result).__name__ == "max"
    assert "return_types.max" in repr(result)


def test_overloads_are_told_apart_by_types() -> None:
    x, y = tw.tensor([1, 5]), tw.tensor([4, 2])
    assert tw.max(x).item() == 5
    assert tw.max(x, y).tolist() == [4, 5]
    assert tw.max(x, 0).values.item() == 5
    assert tw.max(x, dim=0).indices.item() == 1
    assert x.to(tw.float64).dtype == x.to(y.double()).dtype == x.to("cpu", tw.float64).dtype == tw.float64


def test_lists_of_tensors_may_come_as_separate_arguments() -> None:
    a = tw.ones(2, 2)
    assert tw.einsum("ij,jk->ik", a, a).tolist() == tw.einsum("ij,jk->ik", [a, a]).tolist() == [[2, 2], [2, 2]]
    with pytest.raises(TypeError, match=r"'operands' must be Tensors, got int; .* at position 1"):
        tw.einsum("ij,jk->ik", a, 3)


def test_lists_of_tensors() -> None:
    a, b = tw.split(tw.arange(4), 2)
    assert a.tolist() == [0, 1]
    assert tw.cat((a, b)).tolist() == tw.cat([a, b], axis=0).tolist() == [0, 1, 2, 3]


# ---- operators ------------------------------------------------------------------------------------------------


def test_operators_leave_other_types_to_those() -> None:
    class Odd:
        def __radd__(self, other: object) -> str:
            return "radd"

        def __eq__(self, other: object) -> Any:
            return "eq"

    assert tw.ones(1) + Odd() == "radd"  # type: ignore[operator, comparison-overlap]
    assert (tw.ones(1) == Odd()) == "eq"
    assert (tw.ones(1) == "a") is False
    assert (tw.ones(1) != None) is True  # noqa: E711
    for combine in (lambda: tw.ones(1) + "a", lambda: [1] * tw.ones(2), lambda: None - tw.ones(1)):
        with pytest.raises(TypeError, match=r"unsupported operand|can't multiply|only an integer tensor"):
            combine()


def test_reflected_operators() -> None:
    x = tw.tensor([1.0, 2.0])
    assert (3 - x).tolist() == [2, 1]
    assert (2 / x).tolist() == [2, 1]
    assert (2**x).tolist() == [2, 4]
    assert (5 // x).tolist() == [5, 2]
    assert (5 % tw.tensor([3, 4])).tolist() == [2, 1]
    assert (True & tw.tensor([True, False])).tolist() == [True, False]


def test_unary_operators() -> None:
    x = tw.tensor([-1, 2])
    assert (-x).tolist() == [1, -2]
    assert (+x).tolist() == [-1, 2]
    assert abs(x).tolist() == [1, 2]
    assert (~x).tolist() == [0, -3]


def test_comparisons() -> None:
    x = tw.tensor([1, 2, 3])
    assert (x > 2).tolist() == [False, False, True]
    assert (2 > x).tolist() == [True, False, False]  # noqa: SIM300
    assert (x == x).tolist() == [True] * 3
    assert {x: 1}[x] == 1


# ---- threads --------------------------------------------------------------------------------------------------


def test_calls_from_many_threads() -> None:
    x = tw.ones(20_000)  # large enough to run without the interpreter lock
    results: list[float] = []

    def work() -> None:
        results.extend((x + x).sum().item() for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [40_000.0] * 80
