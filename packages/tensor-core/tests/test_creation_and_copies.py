"""New tensors, copies between layouts and dtypes, and what cannot be made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw
from layouts import COMPLEX, REAL

DTYPES = (*REAL, "bfloat16")


@pytest.mark.parametrize("name", [*DTYPES, *COMPLEX])
def test_fills(name: str) -> None:
    dtype = getattr(tw, name)
    assert tw.zeros(3, dtype=dtype).tolist() == [0, 0, 0]
    assert tw.ones(70, dtype=dtype).tolist() == [1] * 70
    assert tw.full([2, 2], 1, dtype=dtype).dtype == dtype
    assert tw.eye(2, 3, dtype=dtype).tolist() == [[1, 0, 0], [0, 1, 0]]
    x = tw.zeros(4, 5, dtype=dtype)
    x[1:3, ::2].fill_(1)
    assert x.to(tw.int64).tolist() == [[0] * 5, [1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [0] * 5] or name in COMPLEX
    assert tw.zeros_like(x).dtype == tw.ones_like(x).dtype == x.new_full([1], 1).dtype == dtype


def test_dtype_follows_the_value() -> None:
    assert tw.full([1], True).dtype == tw.bool
    assert tw.full([1], 3).dtype == tw.int64
    assert tw.full([1], 3.5).dtype == tw.float32
    assert tw.full([1], 1j).dtype == tw.complex64
    assert tw.arange(3).dtype == tw.int64
    assert tw.arange(3.0).dtype == tw.float32


@pytest.mark.parametrize(
    "bounds", [(5,), (2, 7), (2, 7, 2), (7, 2, -2), (2, 2), (7, 2), (0.5, 3.0, 0.25), (3.0, 0.0, -0.7), (0, 1, 0.1)]
)
def test_arange(bounds: tuple[float, ...]) -> None:
    expected = np.arange(*bounds, dtype=np.float64)
    np.testing.assert_allclose(tw.arange(*bounds, dtype=tw.float64).numpy(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 1000])
def test_linspace(steps: int) -> None:
    ours = tw.linspace(-1.5, 2.25, steps, dtype=tw.float64).numpy()
    np.testing.assert_allclose(ours, np.linspace(-1.5, 2.25, steps), rtol=0, atol=1e-15)
    assert steps < 2 or ours[-1] == 2.25
    np.testing.assert_allclose(tw.logspace(0, 3, 4, dtype=tw.float64).numpy(), [1, 10, 100, 1000], rtol=1e-15)


@pytest.mark.parametrize("source", [*DTYPES, *COMPLEX])
@pytest.mark.parametrize("target", [*DTYPES, *COMPLEX])
def test_conversion(source: str, target: str) -> None:
    x = tw.tensor([0, 1, 2, 3] * 20).to(getattr(tw, source)).to(getattr(tw, target))
    expected = [0, 1, 1, 1] if "bool" in (source, target) else [0, 1, 2, 3]
    assert x.dtype == getattr(tw, target)
    assert x.tolist() == expected * 20


def test_floats_become_integers_by_truncation() -> None:
    x = tw.tensor([1.9, -1.9, float("nan"), 1e30, -1e30, float("inf")])
    assert x.to(tw.int64).tolist() == [1, -1, 0, 2**63 - 1, -(2**63), 2**63 - 1]
    assert tw.tensor([300.0, -1.0]).to(tw.uint8).tolist() == [44, 255]
    assert tw.tensor([0.1, float("nan"), 0.0]).to(tw.bool).tolist() == [True, True, False]


def test_half_precision_is_rounded_to_nearest_even() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):
        wide = every.astype(np.float32)
    halves = tw.tensor(every)
    np.testing.assert_array_equal(halves.to(tw.float32).numpy(), wide)
    assert (halves.to(tw.float32).to(tw.float16).numpy().view(np.uint16) == every.view(np.uint16))[
        ~np.isnan(wide)
    ].all()
    bits = np.random.default_rng(0).integers(0, 2**32, 100000, dtype=np.uint64).astype(np.uint32)
    singles = bits.view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(tw.tensor(singles).to(tw.float16).numpy(), singles.astype(np.float16))
        doubles = np.float64(1 + 2**-11) + np.array([0, 2**-40, -(2**-40)])
        np.testing.assert_array_equal(tw.tensor(doubles).to(tw.float16).numpy(), doubles.astype(np.float16))


def bfloat16_of(x: np.float32) -> int:
    bits = int(np.float32(x).view(np.uint32))
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) & 0xFFFF


def test_bfloat16() -> None:
    values = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    ours = tw.tensor(values).to(tw.bfloat16).view(tw.int16).numpy().view(np.uint16)
    assert ours.tolist() == [bfloat16_of(x) for x in values]


@pytest.mark.parametrize("shape", [(3, 5), (64, 64), (130, 70), (3, 4, 5), (33, 1, 65), (2, 300, 3), (1000, 1100)])
@pytest.mark.parametrize("name", ["uint8", "int16", "float32", "float64", "complex128"])
def test_copies_of_permuted_tensors(shape: tuple[int, ...], name: str) -> None:
    a = np.random.default_rng(0).integers(0, 100, shape).astype(name)
    order = tuple(reversed(range(len(shape))))
    assert np.array_equal(tw.tensor(a).permute(order).contiguous().numpy(), a.transpose(order))
    assert np.array_equal(tw.tensor(a).permute(order).to(tw.complex128).numpy(), a.transpose(order).astype(complex))
    target = tw.zeros(tuple(a.T.shape), dtype=getattr(tw, name))
    target.permute(order).copy_(tw.tensor(a))
    assert np.array_equal(target.numpy(), a.transpose(order))


def test_copy_broadcasts_and_may_overlap() -> None:
    x = tw.zeros(2, 3)
    x.copy_(tw.tensor([1, 2, 3]))
    assert x.tolist() == [[1.0, 2.0, 3.0]] * 2
    y = tw.arange(6)
    y[1:].copy_(y[:-1])
    assert y.tolist() == [0, 0, 1, 2, 3, 4]
    y.copy_(y)
    assert y.tolist() == [0, 0, 1, 2, 3, 4]


def test_to_returns_the_tensor_itself_if_it_can() -> None:
    x = tw.ones(2)
    assert x.to(tw.float32) is x
    assert x.to("cpu") is x
    assert x.contiguous() is x
    assert x.float() is x
    assert x.to(tw.float32, copy=True) is not x
    assert x.to(tw.ones(1, dtype=tw.float64)).dtype == x.double().dtype == tw.float64


def test_meta_tensors_have_shapes_without_data() -> None:
    x = tw.empty(1 << 20, 1 << 20, device="meta")
    assert (x + x).shape == x.shape
    assert (x + x).device == x.device
    assert tw.sum(x, dim=0).shape == (1 << 20,)
    assert x.t()[5:].shape == ((1 << 20) - 5, 1 << 20)
    with pytest.raises(RuntimeError, match="copy: a tensor on the meta device has no data"):
        x[0, :3].cpu()


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: tw.zeros(2, -3), ValueError, r"shape \[2, -3\]: sizes must not be negative"),
    (lambda: tw.zeros(2**40, 2**40), ValueError, r"shape \[1099511627776, 1099511627776\] of float32 is too large"),
    (lambda: tw.zeros(2**62, 0, 2**62), ValueError, "too large"),
    (lambda: tw.empty(2**50), MemoryError, r"of shape \[1125899906842624\] takes 4503599627370496 bytes"),
    (lambda: tw.zeros(*[1] * 65), ValueError, "a tensor has 0 to 64 dimensions, not 65"),
    (lambda: tw.full([1], 300, dtype=tw.uint8), ValueError, "full: 300 does not fit uint8"),
    (lambda: tw.zeros(1, dtype=tw.int8).fill_(-129), ValueError, "fill: -129 does not fit int8"),
    (lambda: tw.zeros(1, dtype=tw.int8).fill_(float("inf")), ValueError, "does not fit int8"),
    (lambda: tw.zeros(1).fill_(1j), TypeError, "fill: a complex number cannot be stored as float32"),
    (lambda: tw.zeros(1).fill_(tw.ones(2)), ValueError, r"fill: value must have one element, it has shape \[2\]"),
    (lambda: tw.zeros(2).copy_(tw.ones(3)), ValueError, "copy: src does not broadcast to self"),
    (lambda: tw.zeros(1).expand(3).copy_(tw.ones(3)), ValueError, "copy: self .* has several elements at one address"),
    (lambda: tw.arange(0, 1, 0), ValueError, "arange: step must not be zero"),
    (lambda: tw.arange(0.0, float("inf")), ValueError, "arange: no finite number of steps leads from 0.0 to inf by 1"),
    (lambda: tw.arange(1j), TypeError, "arange: complex numbers have no order"),
    (lambda: tw.linspace(0, 1, -1), ValueError, "linspace: the number of steps must not be negative"),
    (lambda: tw.zeros(1, device="nonsuch"), ValueError, "there is no device type 'nonsuch' \\(known: cpu, meta"),
    (lambda: tw.zeros(1, device="cpu:1"), ValueError, "device 'cpu:1' does not exist: there is 1 of that type"),
    (lambda: tw.zeros(1, device="cpu:x"), ValueError, "expected a name such as 'cpu', or a name and an index"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_refused(case: int) -> None:
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()


def test_large_zeros_take_no_time_and_are_zeros() -> None:
    for size in (2**24 + 1, 2**25):  # above and at a multiple of a page
        x = tw.zeros(size)
        assert x.count_nonzero().item() == 0
        x.fill_(1)
        del x
        assert tw.zeros(size).count_nonzero().item() == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.repeat(1, 1, 1, 1),
        lambda x: x.repeat(3, 1, 1, 1, 1),
        lambda x: tw.tile(x, (2, 1, 1, 1, 1)),
        lambda x: x.repeat_interleave(1, 0),
        lambda x: tw.channel_shuffle(x, 1),
        lambda x: tw.pixel_shuffle(x, 1),
        lambda x: tw.pixel_unshuffle(x, 1),
        lambda x: tw.constant_pad_nd(x, (0, 0, 0, 0, 0, 0, 0, -1)),
        lambda x: tw.ops.get("tw::pad")(x, (0, 0, 0, 0, 0, -1), mode="circular"),
        lambda x: tw.ops.get("tw::pad")(x, (0, 0, 0, 0), mode="reflect"),
        lambda x: tw.histogram(x, x.flatten())[1],
    ],
)
def test_results_that_need_no_copy_are_copies_nevertheless(function):
    x = tw.arange(32.0).reshape(2, 4, 2, 2)
    function(x).fill_(-1)
    assert x.flatten().tolist() == list(range(32))
