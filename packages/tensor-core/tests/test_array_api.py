"""The array API namespace against NumPy, which follows the same version of the standard."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

xp: Any = tw.array_api
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = (*UNSIGNED, "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGERS, "float32", "float64")
RANDOM = np.random.default_rng(0)


def values(dtype: str, *shape: int, below: int = 0) -> np.ndarray[Any, Any]:
    """Any values of an integer dtype, or those below a bound; normal numbers."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return RANDOM.random(shape) < 0.5
    if kind == "f":
        return RANDOM.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    high = below or int(limits.max) + 1
    low = 1 if below else limits.min
    return RANDOM.integers(low, high, shape, dtype=dtype)


def agree(ours: Any, expected: Any, dtype: Any = None) -> None:
    if isinstance(expected, tuple):
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            agree(one, other, dtype)
        return
    expected = np.asarray(expected)
    assert ours.dtype.name == str(dtype or expected.dtype)
    assert tuple(ours.shape) == expected.shape
    np.testing.assert_allclose(ours.numpy().astype(np.float64), expected.astype(np.float64), rtol=1e-6, atol=1e-6)
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(ours.numpy(), expected)


def test_the_namespace_knows_its_version() -> None:
    x = tw.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2022.12") is xp
    assert xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"version '2019\.12' is not known"):
        x.__array_namespace__(api_version="2019.12")
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="'stream' must be None"):
        x.to_device(x.device, stream=1)


def test_information() -> None:
    info = xp.__array_namespace_info__()
    assert info.capabilities()["max dimensions"] == 64
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["integral"] == tw.int64
    assert set(info.dtypes(kind="unsigned integer")) == set(UNSIGNED)
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", "float32", "float64"}
    assert len(info.dtypes()) == 13
    with pytest.raises(ValueError, match="kind must be one of 'bool'"):
        info.dtypes(kind="integer")


@pytest.mark.parametrize("dtype", UNSIGNED[1:])
@pytest.mark.parametrize(
    "name",
    ["add", "sub", "mul", "floordiv", "mod", "and_", "or_", "xor", "lt", "le", "gt", "ge", "eq", "ne"],
)
def test_operators_of_unsigned_integers(name: str, dtype: str) -> None:
    op = getattr(operator, name)
    a, b = values(dtype, 5, 70), values(dtype, 5, 70)
    b[:, :30] = values(dtype, 5, 30, below=50)
    b[b == 0] = 1
    a[0, 0], b[0, 1] = np.iinfo(dtype).max, np.iinfo(dtype).max
    with np.errstate(over="ignore"):
        agree(op(tw.from_numpy(a), tw.from_numpy(b)), op(a, b))
        agree(op(tw.from_numpy(a).T, tw.from_numpy(b).T), op(a.T, b.T))
        agree(op(tw.from_numpy(a), int(b[0, 1])), op(a, b[0, 1]))


@pytest.mark.parametrize("dtype", UNSIGNED[1:])
def test_shifts_and_powers_of_unsigned_integers(dtype: str) -> None:
    a = values(dtype, 200)
    count = RANDOM.integers(0, np.iinfo(dtype).bits, 200).astype(dtype)
    power = RANDOM.integers(0, 6, 200).astype(dtype)
    agree(tw.from_numpy(a) << tw.from_numpy(count), a << count)
    agree(tw.from_numpy(a) >> tw.from_numpy(count), a >> count)
    agree(tw.from_numpy(a) ** tw.from_numpy(power), a**power)


@pytest.mark.parametrize("dtype", UNSIGNED[1:])
def test_order_of_unsigned_integers(dtype: str) -> None:
    a, b = values(dtype, 4, 300), values(dtype, 4, 300)
    x, y = tw.from_numpy(a), tw.from_numpy(b)
    agree(xp.minimum(x, y), np.minimum(a, b))
    agree(xp.maximum(x, y), np.maximum(a, b))
    agree(xp.max(x, axis=0), np.max(a, axis=0))
    agree(xp.min(x, axis=1), np.min(a, axis=1))
    agree(xp.argmax(x, axis=1), np.argmax(a, axis=1))
    agree(xp.sort(x), np.sort(a))
    agree(xp.argsort(x, axis=0), np.argsort(a, axis=0, stable=True))
    agree(xp.unique_all(x), tuple(np.unique_all(a)))
    agree(xp.clip(x, min=5, max=int(b[0, 0] | 8)), np.clip(a, 5, b[0, 0] | 8))


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_casts(source: str, target: str) -> None:
    a = values(source, 100, below=100) if source in INTEGERS else np.abs(values(source, 100))
    agree(xp.astype(tw.from_numpy(a), getattr(tw, target)), a.astype(target))


@pytest.mark.parametrize("one", DTYPES)
@pytest.mark.parametrize("other", DTYPES)
def test_promotion(one: str, other: str) -> None:
    a, b = getattr(tw, one), getattr(tw, other)
    kinds = {np.dtype(one).kind.replace("u", "i"), np.dtype(other).kind.replace("u", "i")}
    if len(kinds) == 1:  # the standard leaves the rest open
        assert xp.result_type(a, b).name == str(np.result_type(one, other))
        assert xp.can_cast(a, b) == np.can_cast(one, other)
    assert xp.result_type(a, b) == xp.result_type(b, a) == (tw.ones(1, dtype=a) + tw.ones(1, dtype=b)).dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums(dtype: str) -> None:
    a = values(dtype, 3, 4, 5, below=3) if dtype in INTEGERS else values(dtype, 3, 4, 5)
    x = tw.from_numpy(a)
    for axis in (None, 0, (0, 2), ()):
        for keepdims in (False, True):
            agree(xp.sum(x, axis=axis, keepdims=keepdims), np.sum(a, axis=axis, keepdims=keepdims))
            agree(xp.prod(x, axis=axis, keepdims=keepdims), np.prod(a, axis=axis, keepdims=keepdims))
            agree(xp.any(x, axis=axis, keepdims=keepdims), np.any(a, axis=axis, keepdims=keepdims))
            agree(xp.max(x, axis=axis, keepdims=keepdims), np.max(a, axis=axis, keepdims=keepdims))
    agree(xp.cumulative_sum(x, axis=1, include_initial=True), np.cumulative_sum(a, axis=1, include_initial=True))
    agree(xp.cumulative_prod(x, axis=2), np.cumulative_prod(a, axis=2))
    if dtype != "bool":
        agree(xp.diff(x, axis=1, n=2), np.diff(a, axis=1, n=2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [None, 1, (0, 1)])
def test_moments(dtype: str, axis: Any) -> None:
    a = values(dtype, 4, 6)
    x = tw.from_numpy(a)
    agree(xp.mean(x, axis=axis), np.mean(a, axis=axis))
    agree(xp.var(x, axis=axis, correction=0.5, keepdims=True), np.var(a, axis=axis, correction=0.5, keepdims=True))
    agree(xp.std(x, axis=axis), np.std(a, axis=axis))


def test_creation() -> None:
    agree(xp.arange(2, 20, 3, dtype=tw.uint16), np.arange(2, 20, 3, dtype="uint16"))
    agree(xp.arange(2**64 - 4, 2**64 - 1, dtype=tw.uint64), np.arange(2**64 - 4, 2**64 - 1, dtype="uint64"))
    agree(xp.arange(5, 2), np.arange(5, 2))
    agree(xp.eye(3, 4, k=1), np.eye(3, 4, k=1, dtype="f4"))
    agree(xp.eye(2, 3, k=-5), np.eye(2, 3, k=-5, dtype="f4"))
    agree(xp.linspace(0, 1, 5, endpoint=False), np.linspace(0, 1, 5, endpoint=False, dtype="f4"))
    agree(xp.full((2,), 2**64 - 1, dtype=tw.uint64), np.full((2,), 2**64 - 1, dtype="uint64"))
    assert xp.linspace(0, 1 + 1j, 3).tolist() == [0, 0.5 + 0.5j, 1 + 1j]
    for indexing in ("xy", "ij"):
        parts = np.arange(2), np.arange(3), np.arange(4)
        ours = xp.meshgrid(*map(tw.from_numpy, parts), indexing=indexing)
        agree(tuple(ours), tuple(np.meshgrid(*parts, indexing=indexing)))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="indexing must be"):
        xp.meshgrid(tw.ones(1), indexing="x")


def test_data_types() -> None:
    assert xp.finfo(tw.complex64).dtype == tw.float32
    assert xp.iinfo(tw.ones(1, dtype=tw.uint64)).max == 2**64 - 1
    assert xp.isdtype(tw.uint16, ("bool", "integral"))
    assert not xp.isdtype(tw.uint16, "signed integer")
    assert xp.isdtype(tw.bfloat16, "real floating")
    assert xp.isdtype(tw.int8, tw.int8)
    with pytest.raises(ValueError, match="kind must be one of"):
        xp.isdtype(tw.int8, "integer")
    with pytest.raises(TypeError, match="imaginary part"):
        xp.astype(tw.tensor([1j]), tw.float32)
    with pytest.raises(ValueError, match="an array or a dtype"):
        xp.result_type(1, 2.0)
    x = tw.ones(2)
    assert xp.astype(x, tw.float32, copy=False) is x
    assert xp.astype(x, tw.float32) is not x


def test_manipulation() -> None:
    a = values("int16", 2, 1, 3)
    x = tw.from_numpy(a)
    agree(xp.concat([x, x.to(tw.uint8)], axis=None), np.concat([a, a.astype("uint8")], axis=None))
    agree(xp.repeat(x, 2), np.repeat(a, 2))
    agree(xp.repeat(x, tw.tensor([1, 0, 3]), axis=2), np.repeat(a, [1, 0, 3], axis=2))
    agree(xp.roll(x, 1, axis=(0, 2)), np.roll(a, 1, axis=(0, 2)))
    agree(xp.flip(x), np.flip(a))
    agree(xp.unstack(x, axis=2), tuple(np.unstack(a, axis=2)))
    agree(xp.squeeze(x, axis=1), np.squeeze(a, axis=1))
    with pytest.raises(ValueError, match="axis 0 has size 2, not 1"):
        xp.squeeze(x, 0)
    with pytest.raises(IndexError, match="axis 3 is out of range"):
        xp.squeeze(x, 3)
    assert xp.reshape(x, (6,), copy=False).data_ptr() == x.data_ptr() != xp.reshape(x, (6,), copy=True).data_ptr()
    with pytest.raises(ValueError, match="view"):
        xp.reshape(x.T, (6,), copy=False)


def test_searching() -> None:
    a = values("float32", 3, 4)
    x = tw.from_numpy(a)
    agree(xp.take(x, tw.tensor([[2, 0], [1, 1]]), axis=1), np.take(a, [[2, 0], [1, 1]], axis=1))
    index = np.argsort(a, axis=0)
    agree(xp.take_along_axis(x, tw.from_numpy(index), axis=0), np.take_along_axis(a, index, axis=0))
    agree(xp.nonzero(x > 0), np.nonzero(a > 0))
    agree(xp.count_nonzero(x > 0, axis=1, keepdims=True), np.count_nonzero(a > 0, axis=1, keepdims=True))
    agree(xp.where(x > 0, x, 7), np.where(a > 0, a, np.float32(7)))
    agree(xp.argmin(x, keepdims=True), np.argmin(a, keepdims=True))
    with pytest.raises(ValueError, match="axis must say"):
        xp.take(x, tw.tensor([0]))
    with pytest.raises(ValueError, match="at least one axis"):
        xp.nonzero(tw.tensor(1))


def test_numbers_take_the_other_operand_s_dtype() -> None:
    x = tw.tensor([1, 2], dtype=tw.uint64)
    assert xp.add(x, 2**64 - 1).tolist() == [0, 1]
    assert xp.subtract(5, x).tolist() == [4, 3]
    assert xp.subtract(5, x).dtype == tw.uint64
    assert xp.pow(2.0, tw.ones(1)).dtype == tw.float32
    with pytest.raises(TypeError, match="add: expected an array among the operands"):
        xp.add(1, 2)


def test_numbers_beyond_int64() -> None:
    a = np.array([2**64 - 1, 2**63 - 1, 2**63, 12], dtype=np.uint64)
    b = np.array([2**63 + 1, 7, 2**62, 18], dtype=np.uint64)
    x, y = tw.from_numpy(a), tw.from_numpy(b)
    with np.errstate(over="ignore"):
        agree(x**3, a**3)
        agree(3**y, np.uint64(3) ** b)
        agree(tw.gcd(x, y), np.gcd(a, b))
        agree(tw.lcm(x, y), np.lcm(a, b))
    agree(tw.fmod(x, y), np.fmod(a, b))
    agree(tw.clamp(x, 5, 2**63 + 7), np.clip(a, 5, 2**63 + 7))
    agree(x < 2**63, a < 2**63)
    agree(x == 2**64 - 1, a == 2**64 - 1)
    agree(tw.matmul(x, y), np.matmul(a, b))
    agree(tw.cumsum(x, 0, dtype=tw.uint64), np.cumsum(a))
    with pytest.raises(ValueError, match="-1 does not fit uint64"):
        x + -1
    with pytest.raises(OverflowError, match="does not fit into 64 bits"):
        x + 2**64


def test_infinite_quotients() -> None:
    x = tw.tensor([1.0, -1.0, float("inf"), -float("inf"), float("inf")])
    y = tw.tensor([-float("inf"), float("inf"), 2.0, 2.0, float("inf")])
    assert str(tw.floor_divide(x, y).tolist()) == "[-0.0, -0.0, inf, -inf, nan]"


def test_products() -> None:
    a, b = values("float64", 2, 3), values("float64", 3, 4)
    x, y = tw.from_numpy(a), tw.from_numpy(b)
    agree(xp.tensordot(x, y, axes=1), np.tensordot(a, b, axes=1))
    agree(xp.tensordot(x, y, axes=((1,), (0,))), np.tensordot(a, b, axes=((1,), (0,))))
    agree(xp.vecdot(x.T, y[:, :2], axis=0), np.vecdot(a.T, b[:, :2], axis=0))
    agree(xp.linalg.outer(x[0], y[:, 0]), np.outer(a[0], b[:, 0]))
    agree(xp.linalg.trace(x, offset=1), np.trace(a, offset=1))
    with pytest.raises(ValueError, match="vecdot: axis 0 has sizes 2 and 3"):
        xp.vecdot(x, y, axis=0)
