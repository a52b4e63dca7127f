"""The sentences users read when something is wrong: op, argument, what was expected, what came."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

x23 = tw.zeros(2, 3)
x4 = tw.zeros(4)

# (what is done, exception, text that the message must contain)
CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # arguments of the wrong type
    "other is str": (lambda: tw.add(x4, "a"), TypeError, "add(): argument 'other' must be Tensor or number, got str 'a'"),
    "other is None": (lambda: tw.add(x4, None), TypeError, "add(): argument 'other' must be Tensor or number, got None"),
    "other is a list": (lambda: tw.mul(x4, [1]), TypeError, "mul(): argument 'other' must be Tensor or number, got list"),
    "self is a number": (lambda: tw.mm(3, x23), TypeError, "mm(): argument 'self' must be Tensor, got int; convert it with tensorwright.tensor()"),
    "self is a list": (lambda: tw.mm([1], x23), TypeError, "must be Tensor, got list; convert it with tensorwright.tensor()"),
    "an array": (lambda: tw.add(x4, np.ones(4)), TypeError, "got numpy.ndarray; convert it with tensorwright.from_numpy()"),
    "array on the left": (lambda: np.ones(4) + x4, TypeError, "argument 'self' must be Tensor or number, got numpy.ndarray"),
    "alpha is str": (lambda: tw.add(x4, 1, alpha="2"), TypeError, "add(): argument 'alpha' must be number, got str '2'"),
    "dim is float": (lambda: tw.unsqueeze(x4, 1.0), TypeError, "unsqueeze(): argument 'dim' must be int, got float"),
    "dim is bool": (lambda: tw.unsqueeze(x4, True), TypeError, "unsqueeze(): argument 'dim' must be int, got bool"),
    "keepdim is int": (lambda: x23.sum(0, keepdim=1), TypeError, "argument 'keepdim' must be bool, got int"),
    "dtype is str": (lambda: tw.zeros(1, dtype="f"), TypeError, "zeros(): argument 'dtype' must be dtype or None, got str 'f'; write tensorwright.float32"),
    "device is int": (lambda: tw.zeros(1, device=0), TypeError, "zeros(): argument 'device' must be device or str or None, got int"),
    "size has float": (lambda: tw.zeros([2, 1.5]), TypeError, "zeros(): argument 'size' must be int or list of ints, got list with float at index 1"),
    "separate size has float": (lambda: tw.zeros(2, 1.5), TypeError, "zeros(): argument 'size' must be ints, got float at position 1"),
    "tensors has int": (lambda: tw.cat([x4, 3]), TypeError, "cat(): argument 'tensors' must be list of Tensors, got list with int at index 1"),
    "tensors has None": (lambda: tw.cat([x4, None]), TypeError, "got list with None at index 1"),
    "tensors is a tensor": (lambda: tw.cat(x4), TypeError, "cat(): argument 'tensors' must be list of Tensors, got Tensor"),
    "requires_grad is int": (lambda: tw.zeros(1, requires_grad=1), TypeError, "zeros(): argument 'requires_grad' must be bool, got int"),
    "out is a list": (lambda: tw.add(x4, 1, out=[x4]), TypeError, "add(): argument 'out' must be Tensor, got list"),
    # numbers of arguments, names
    "too many": (lambda: tw.mm(x23, x23, x23), TypeError, "mm(): takes 2 positional arguments, got 3; its signature is mm(Tensor self, Tensor mat2)"),
    "too many for a method": (lambda: x23.mm(x23, x23), TypeError, "mm(): takes 1 positional argument, got 2"),
    "missing": (lambda: tw.mm(x23), TypeError, "mm(): missing argument 'mat2'; its signature is mm(Tensor self, Tensor mat2)"),
    "all missing": (lambda: tw.cat(), TypeError, "cat(): missing argument 'tensors'"),
    "misspelt": (lambda: tw.add(x4, 1, alhpa=2), TypeError, "add(): unexpected keyword argument 'alhpa'; did you mean 'alpha'?"),
    "unknown keyword": (lambda: tw.add(x4, 1, colour=2), TypeError, "unexpected keyword argument 'colour'; it takes self, other, alpha, out"),
    "given twice": (lambda: tw.add(x4, 1, other=2), TypeError, "add(): argument 'other' is given twice"),
    "alias given twice": (lambda: x23.sum(0, axis=1), TypeError, "argument 'dim' is given twice"),
    "no overload": (lambda: tw.max(x4, "a"), TypeError, "max(): no signature takes (Tensor, str); the signatures are\n  max(Tensor self"),
    "keyword only": (lambda: tw.add(x4, 1, 2), TypeError, "add(): takes 2 positional arguments, got 3"),
    # numbers too large
    "scalar beyond 64 bits": (lambda: tw.add(x4, 2**70), OverflowError, "add(): argument 'other' is 1180591620717411303424, which does not fit into 64 bits"),
    "operator beyond 64 bits": (lambda: x4 + 2**70, OverflowError, "add(): argument 'other' is 1180591620717411303424"),
    "dim beyond 64 bits": (lambda: tw.unsqueeze(x4, -(2**63) - 1), OverflowError, "unsqueeze(): argument 'dim' is -9223372036854775809"),
    "size beyond 64 bits": (lambda: tw.zeros(2**64), OverflowError, "zeros(): argument 'size' is 18446744073709551616"),
    "negative size": (lambda: tw.zeros(2, -1), ValueError, "[2, -1]"),
    "bytes overflow": (lambda: tw.zeros(2**40, 2**40), ValueError, "too large"),
    "no memory": (lambda: tw.empty(2**50), MemoryError, "[1125899906842624]"),
    # shapes
    "mm": (lambda: tw.mm(x23, tw.zeros(2, 5)), tw.ShapeError, "mm: inner dimensions differ: self is [2, 3], mat2 is [2, 5] (self.shape[1]=3, mat2.shape[0]=2)"),
    "mm of a vector": (lambda: tw.mm(x4, x23), tw.ShapeError, "mm: both arguments must be matrices"),
    "matmul operator": (lambda: x23 @ x23, ValueError, "[2, 3]"),
    "broadcast": (lambda: x23 + tw.zeros(2), tw.ShapeError, "[2, 3]"),
    "broadcast in place": (lambda: tw.zeros(3).add_(x23), ValueError, "[2, 3]"),
    "view": (lambda: x23.view(4), ValueError, "[2, 3]"),
    "view of a transposed tensor": (lambda: x23.T.view(6), ValueError, "reshape"),
    "view with two unknowns": (lambda: x23.view(-1, -1), ValueError, "-1"),
    "cat of unlike shapes": (lambda: tw.cat([x23, tw.zeros(3, 2)]), ValueError, "cat"),
    "permute": (lambda: x23.permute(0, 0), ValueError, "permute"),
    "expand": (lambda: x23.expand(2, 4), ValueError, "[2, 4]"),
    "conv2d ranks": (lambda: tw.conv2d(x23, x23), ValueError, "conv2d"),
    # dimensions and indices
    "dim out of range": (lambda: x23.sum(2), IndexError, "2"),
    "index out of range": (lambda: x23[5], IndexError, "index 5 is out of range for dimension 0 of size 2"),
    "picked out of range": (lambda: x23[[0, 7]], IndexError, "7"),
    "embedding out of range": (lambda: tw.embedding(x23, tw.tensor([9])), IndexError, "9"),
    "too many indices": (lambda: x23[0, 0, 0], IndexError, "too many indices: 3 for a tensor of 2 dimensions"),
    "size of a dimension": (lambda: x23.size(2), IndexError, "size(): dim 2 is out of range for a tensor of 2 dimensions"),
    "stride of a dimension": (lambda: x4.stride(-2), IndexError, "stride(): dim -2 is out of range for a tensor of 1 dimension"),
    # dtypes and devices
    "result does not fit": (lambda: tw.ones(2, dtype=tw.int64).add_(1.5), TypeError, "int64"),
    "out of another kind": (lambda: tw.add(x4, 1.5, out=tw.zeros(4, dtype=tw.int32)), TypeError, "int32"),
    "mean of integers": (lambda: tw.arange(3).mean(), TypeError, "mean"),
    "unknown device": (lambda: tw.device("npu"), ValueError, "npu"),
    "device index": (lambda: tw.device("cpu:7"), ValueError, "cpu"),
    "index given twice": (lambda: tw.device("cpu:0", 0), ValueError, "device(): the index is given twice"),
    "device of a number": (lambda: tw.device(3), TypeError, "device(): argument 'type' must be str or device, got int"),
    "two devices": (lambda: x4 + tw.zeros(4, device="meta"), RuntimeError, "meta"),
    "imag of real": (lambda: x4.imag, TypeError, "imag: a real tensor has no imaginary part"),
    "item of meta": (lambda: tw.zeros(1, device="meta").item(), NotImplementedError, "item(): a tensor on device 'meta' has no data"),
    "tolist of meta": (lambda: tw.zeros(1, device="meta").tolist(), NotImplementedError, "has no data"),
    # tensors as Python values
    "truth": (lambda: bool(x4), ValueError, "the truth of a tensor of shape [4] is ambiguous; use any() or all()"),
    "item": (lambda: x23.item(), ValueError, "item(): the tensor must have exactly one element, it has shape [2, 3]"),
    "float": (lambda: float(x4), ValueError, "float(): the tensor must have exactly one element, it has shape [4]"),
    "len": (lambda: len(tw.tensor(1)), TypeError, "len(): a tensor of 0 dimensions has no length"),
    "as an index": (lambda: [1, 2][tw.tensor(1.0)], TypeError, "only an integer tensor of one element can be used as an index, got float32"),
    "mT of a vector": (lambda: x4.mT, ValueError, "mT: the tensor must have at least 2 dimensions, it has 1"),
    "as_subclass": (lambda: x4.as_subclass(int), TypeError, "as_subclass(): argument 'cls' must be a subclass of Tensor, got int"),
    "constructor": (lambda: tw.Tensor(2, 3.5), TypeError, "Tensor() takes sizes, or one sequence, array or tensor, got int, float"),
    "constructor of one number": (lambda: tw.LongTensor(2.5), TypeError, "LongTensor() takes sizes, or one sequence, array or tensor, got float"),
    "constructor's keywords": (lambda: tw.Tensor(2, dtype=tw.int64), TypeError, "Tensor() takes no keywords"),
    "data": (lambda: setattr(x4, "data", 3), TypeError, "data: must be set to a Tensor, got int"),
    "shape is fixed": (lambda: setattr(x4, "shape", (2, 2)), AttributeError, "shape"),
    "read-only": (lambda: tw.frombuffer(b"1234", dtype=tw.uint8).zero_(), ValueError, "read-only"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_messages(name: str) -> None:
    act, error, text = CASES[name]
    with pytest.raises(error) as raised:
        act()
    message = str(raised.value)
    assert text in message
    for internals in ("std::", "tw::", "TW_E", ".cpp", "NULL", "nullptr", "0x"):
        assert internals not in message


def test_there_are_many_messages() -> None:
    assert len(CASES) >= 60


def test_shape_errors_are_value_errors() -> None:
    assert issubclass(tw.ShapeError, ValueError)
    assert issubclass(tw.AbiError, ImportError)
    assert tw.ShapeError.__module__ == "tensorwright"


def test_nothing_is_lost_after_an_error() -> None:
    x = tw.ones(3)
    for act, _, _ in CASES.values():
        with pytest.raises(Exception):  # noqa: B017, PT011 (which ones is the other test's business)
            act()
    assert (x + 1).tolist() == [2, 2, 2]


# (what is done, the op, the axes that are blamed by argument)
BLAMED: dict[str, tuple[Callable[[], Any], str, dict[str, list[int]]]] = {
    "two axes": (lambda: tw.mm(x23, tw.zeros(2, 5)), "mm", {"self": [1], "mat2": [0]}),
    "counted from the end": (lambda: x23 @ tw.zeros(7, 2, 5), "matmul", {"self": [1], "other": [1]}),
    "computed axes": (lambda: tw.conv2d(tw.zeros(1, 3, 8, 8), tw.zeros(2, 4, 5, 5)), "conv2d", {"self": [1], "weight": [1]}),
    "of sizes that come twice": (lambda: x4 @ tw.zeros(7, 3, 3), "matmul", {"self": [0], "other": []}),
    "broadcast": (lambda: tw.zeros(5, 2, 3) + tw.zeros(2, 4), "add", {"self": [2], "other": [1]}),
    "in place": (lambda: tw.zeros(3).mul_(tw.zeros(4)), "mul", {"self": [0], "other": [0]}),
    "into out": (lambda: tw.mm(x23, x23, out=x4), "mm", {"self": [1], "mat2": [0]}),
    "another op inside": (lambda: tw.cross_entropy(x23, tw.tensor([0, 7])), "cross_entropy", {"self": [], "target": []}),
}  # fmt: skip


@pytest.mark.parametrize("name", BLAMED)
def test_an_error_knows_its_call(name: str) -> None:
    act, op, axes = BLAMED[name]
    with pytest.raises((tw.ShapeError, IndexError)) as raised:
        act()
    call = raised.value.failed_call  # type: ignore[union-attr]
    assert call.op == op
    assert {argument: call.axes(argument) for argument in axes} == axes
    assert call.message == str(raised.value)


def test_the_operands_are_the_tensors_given() -> None:
    with pytest.raises(tw.ShapeError) as raised:
        tw.cat([x23, x4])
    call = raised.value.failed_call
    assert list(call.operands) == ["tensors"]
    assert call.operands["tensors"][0] is x23
    assert call.operands["tensors"][1] is x4
    assert call.axes("tensors") == []
    assert call.axes("no such argument") == []


def test_errors_of_python_inside_an_op_are_left_as_they_are() -> None:
    class Refuses:
        @classmethod
        def __tensor_function__(cls, *call: Any) -> Any:
            raise KeyError("mine")

    with pytest.raises(KeyError) as raised:
        tw.add(x4, Refuses())  # type: ignore[arg-type]
    assert not hasattr(raised.value, "failed_call")


def test_a_pickled_error_leaves_the_tensors_behind() -> None:
    with pytest.raises(tw.ShapeError) as raised:
        tw.mm(x23, x23)
    sent = pickle.loads(pickle.dumps(raised.value))
    assert str(sent) == str(raised.value)
    assert (sent.failed_call.op, sent.failed_call.operands) == ("mm", {})
    assert sent.failed_call.axes("self") == []


def test_numbers_of_layers_that_overflow() -> None:
    weights = [tw.zeros(3, 1), tw.zeros(3, 1)]
    with pytest.raises(ValueError, match="overflows 64 bits"):
        tw.gru(tw.zeros(2, 1, 1), tw.ones(2, 1, 1), weights, False, 2**62, 0.0, False, True, False)
