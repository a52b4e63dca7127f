"""Types that stand for tensors: calls of ops with one of them are theirs."""

from __future__ import annotations

from typing import Any

import pytest
import tensorwright as tw


class Symbol:
    """Notes what it is called with."""

    @classmethod
    def __tensor_function__(cls, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function, types, args, kwargs


class Refusing:
    @classmethod
    def __tensor_function__(cls, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise KeyError("not now")


S: Any = Symbol()


def test_functions_get_what_they_were_called_with() -> None:
    assert tw.relu(S) == (tw.relu, (Symbol,), (S,), {})
    assert tw.add(tw.ones, S, alpha=2)[2:] == ((tw.ones, S), {"alpha": 2})  # type: ignore[index]
    assert tw.sum(S, dim=0)[3] == {"dim": 0}
    assert tw.zeros(S, 2)[2] == (S, 2)  # type: ignore[index]
    assert tw.linalg.norm(S)[0] is tw.linalg.norm  # type: ignore[comparison-overlap]


def test_overloads_and_lists() -> None:
    assert tw.max(S, 0)[0] is tw.max
    x = tw.ones(2)
    assert tw.cat([x, S])[2] == ([x, S],)  # type: ignore[comparison-overlap]
    assert tw.relu(input=S)[3] == {"input": S}  # type: ignore[call-overload]


def test_methods_and_ops() -> None:
    x = tw.ones(2)
    assert x.add(S) == (tw.Tensor.add, (Symbol,), (x, S), {})
    op = tw.ops.get("tw::relu")
    assert op(S)[0] is op


def test_indices() -> None:
    x = tw.ones(2, 2)
    assert x[S] == (tw.Tensor.__getitem__, (Symbol,), (x, S), {})  # type: ignore[comparison-overlap]
    assert x[0, S:, None][0] is tw.Tensor.__getitem__
    with pytest.raises(TypeError, match="valid indices, got object"):
        x[object()]  # type: ignore[index]


def test_their_exceptions_pass() -> None:
    with pytest.raises(KeyError, match="not now"):
        tw.relu(Refusing())  # type: ignore[arg-type]


def test_errors_of_others_are_as_ever() -> None:
    with pytest.raises(TypeError, match=r"relu\(\): argument 'self' must be Tensor, got object"):
        tw.relu(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no signature takes"):
        tw.max(object())  # type: ignore[call-overload]
    with pytest.raises(tw.ShapeError):
        tw.add(tw.ones(2), tw.ones(3))
