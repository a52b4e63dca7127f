"""Kernels that go along rows: sums to the bit as the reduction tree has them, whatever rows are beside a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array

# Shorter than a vector, not a multiple of one, blocks of the tree and beyond; rows are taken by twos and one is left.
LENGTHS = [1, 3, 15, 16, 17, 64, 100, 768, 1000, 1024, 1025, 3000]
ROWS = [1, 2, 5]


def tree_sum(x: Array) -> Array:
    """Sums over the last dimension in the reduction tree: blocks of 1024, and a balanced tree over those in order."""
    blocks = -(-x.shape[-1] // 1024)
    if blocks == 1:
        return block_sum(x)
    half = 1024 << (blocks - 1).bit_length() - 1  # the first subtree is complete
    return np.asarray(tree_sum(x[..., :half]) + tree_sum(x[..., half:]))


def block_sum(x: Array) -> Array:
    lanes = np.full((*x.shape[:-1], 16), -0.0, x.dtype)
    for i in range(x.shape[-1]):
        lanes[..., i % 16] += x[..., i]
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half:]
    return np.asarray(lanes[..., 0])


def equal_bits(result: tw.Tensor, expected: Array) -> None:
    assert result.numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


def rows_of(count: int, length: int, dtype: str) -> Array:
    return np.random.default_rng(count * length).standard_normal((count, length)).astype(dtype) * 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("count", ROWS)
def test_layer_norm_to_the_bit(count: int, length: int, dtype: str) -> None:
    x, (weight, bias) = rows_of(count, length, dtype), rows_of(2, length, dtype)
    n, one = x.dtype.type(length), x.dtype.type(1)
    mean = tree_sum(x)[:, None] / n
    rstd = one / np.sqrt(tree_sum((x - mean) ** 2)[:, None] / n + x.dtype.type(1e-5))
    y, *statistics = tw.ops.native_layer_norm(tw.tensor(x), [length], tw.tensor(weight), tw.tensor(bias), 1e-5)
    equal_bits(statistics[0], mean)
    equal_bits(statistics[1], rstd)
    equal_bits(y, (x - mean) * rstd * weight + bias)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("count", ROWS)
def test_rms_norm_to_the_bit(count: int, length: int, dtype: str) -> None:
    x, weight = rows_of(count, length, dtype), rows_of(1, length, dtype)[0]
    n, one = x.dtype.type(length), x.dtype.type(1)
    expected = one / np.sqrt(tree_sum(x * x)[:, None] / n + x.dtype.type(1e-5))
    y, rstd = tw.ops.native_rms_norm(tw.tensor(x), [length], tw.tensor(weight), 1e-5)
    equal_bits(rstd, expected)
    equal_bits(y, x * expected * weight)


def sum_of_rows(terms: Array) -> Array:
    """Up to 16 ranges of rows, each added up in order from zero, then the ranges in order."""
    count = len(terms)
    slots = min(max(count // 8, 1), 16)
    total = None
    for s in range(slots):
        part = np.zeros_like(terms[0])
        for row in terms[s * count // slots : (s + 1) * count // slots]:
            part = part + row
        total = part if total is None else total + part
    return np.asarray(total)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 17, 100, 1024, 1500])
@pytest.mark.parametrize("count", [1, 5, 40, 131])
def test_gradients_of_norms_to_the_bit(count: int, length: int, dtype: str) -> None:
    x, grad = rows_of(count, length, dtype), rows_of(count + 1, length, dtype)[1:]
    weight, n = rows_of(1, length, dtype)[0], x.dtype.type(length)
    _, mean, rstd = tw.ops.native_layer_norm(tw.tensor(x), [length], None, None, 1e-5)
    center, scale = mean.numpy(), rstd.numpy()
    normal, scaled = (x - center) * scale, grad * weight
    a, b = tree_sum(scaled)[:, None] / n, tree_sum(scaled * normal)[:, None] / n
    tensors = tw.tensor(grad), tw.tensor(x)
    results = tw.ops.native_layer_norm_backward(*tensors, [length], mean, rstd, tw.tensor(weight))
    equal_bits(results[0], ((scaled - a) - normal * b) * scale)
    equal_bits(results[1], sum_of_rows(grad * normal))
    equal_bits(results[2], sum_of_rows(grad))
    _, rstd = tw.ops.native_rms_norm(tw.tensor(x), [length], None, 1e-5)
    scale = rstd.numpy()
    normal = x * scale
    b = tree_sum(scaled * normal)[:, None] / n
    grad_self, grad_weight = tw.ops.native_rms_norm_backward(*tensors, [length], rstd, tw.tensor(weight))
    equal_bits(grad_self, (scaled - normal * b) * scale)
    equal_bits(grad_weight, sum_of_rows(grad * normal))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("count", ROWS)
def test_softmax_to_the_bit(count: int, length: int, dtype: str) -> None:
    """Given the exponentials, which have tests of their own."""
    x = rows_of(count, length, dtype)
    shifted = x - x.max(-1, keepdims=True)
    e = tw.tensor(shifted).exp().numpy()
    total = tree_sum(e)[:, None]
    equal_bits(tw.softmax(tw.tensor(x), -1), e / total)
    equal_bits(tw.log_softmax(tw.tensor(x), -1), shifted - tw.tensor(total).log().numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("length", [*LENGTHS, 12, 13, 24, 32, 33])
@pytest.mark.parametrize("count", [1, 2, 9, 40])
def test_sums_of_rows_to_the_bit(count: int, length: int, dtype: str) -> None:
    """As they lie, with gaps between elements or rows, backwards, and repeated."""
    low = dtype in ("float16", "bfloat16")
    x = tw.tensor(rows_of(count, 2 * length, "float32" if low else dtype)).to(getattr(tw, dtype))
    layouts = [x[:, :length].contiguous(), x[:, :length], x[:, ::2], x[:, :length].flip(1), x[:, :1].expand(-1, length)]
    for layout in [*layouts, layouts[0].t().contiguous().t(), x[0, :length].expand(count, length)]:
        values = layout.to(tw.float32).numpy() if low else layout.numpy()
        total = tree_sum(np.ascontiguousarray(values))
        if low:
            assert (layout.sum(1) == tw.tensor(total).to(layout.dtype)).all().item()
        else:
            equal_bits(layout.sum(1), total)
        assert np.array_equal(layout.amax(1).to(tw.float64).numpy(), values.max(1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("count", [1, 511, 513, 1040, 40000])
def test_sums_of_half_precision_to_the_bit(count: int, dtype: str) -> None:
    """In float32, and of a view that begins where no vector does."""
    x = tw.tensor(rows_of(1, count + 1, "float32")[0]).to(getattr(tw, dtype))[1:]
    total = tree_sum(x.to(tw.float32).numpy())
    equal_bits(x.sum(dtype=tw.float32), total)
    assert x.sum().item() == tw.tensor(total).to(x.dtype).item()
    x[count // 2] = float("inf")
    assert x.sum().item() == float("inf")
    x[count // 2] = float("nan")
    assert np.isnan(x.sum().item())


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("op", [tw.softmax, tw.log_softmax])
def test_rows_beside_others_do_not_matter(op: Callable[..., tw.Tensor], length: int) -> None:
    x = rows_of(8, length, "float32")
    ordinary = op(tw.tensor(x), -1).numpy()
    inf, nan = np.float32(np.inf), np.float32(np.nan)
    special = {1: nan, 2: inf, 5: -inf}
    for row, value in special.items():
        x[row, row % length] = value
    y = op(tw.tensor(x), -1).numpy()
    for row in range(8):
        if row not in special:
            assert y[row].tobytes() == ordinary[row].tobytes()
    assert np.isnan(y[1]).all()
    assert np.isnan(y[2, 2 % length])  # inf - inf
    if length > 1:
        assert y[5, 5 % length] == (0.0 if op is tw.softmax else -inf)
        assert not np.isnan(y[5]).any()


@pytest.mark.parametrize("length", [15, 100, 1024, 1500])
@pytest.mark.parametrize("op", [tw.softmax, tw.log_softmax])
def test_results_may_lie_where_inputs_do(op: Callable[..., tw.Tensor], length: int) -> None:
    x = rows_of(5, length, "float32")
    expected = op(tw.tensor(x), -1).numpy()
    t = tw.tensor(x)
    op(t, -1, out=t)
    equal_bits(t, expected)
    memory = tw.tensor(rows_of(1, 5 * length, "float32")[0])
    overlapping = memory.as_strided([5, length], [length // 2, 1], 0)
    copied = tw.tensor(overlapping.numpy().copy())
    equal_bits(op(overlapping, -1), op(copied, -1).numpy())
    one_row = copied[0].expand(5, length)
    equal_bits(op(one_row, -1), np.repeat(op(copied[:1], -1).numpy(), 5, 0))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("length", [17, 256, 1024, 1100])
def test_half_precision_is_rounded_once(length: int, dtype: str) -> None:
    kind = getattr(tw, dtype)
    x = tw.tensor(rows_of(5, length, "float32")).to(kind)
    wide = x.to(tw.float32)
    for op in (tw.softmax, tw.log_softmax):
        assert (op(x, -1) == op(wide, -1).to(kind)).all().item()
    weight = x[0].clone()
    y, mean, rstd = tw.ops.native_layer_norm(x, [length], weight, None, 1e-5)
    wide_y, wide_mean, wide_rstd = tw.ops.native_layer_norm(wide, [length], weight.to(tw.float32), None, 1e-5)
    assert (y == wide_y.to(kind)).all().item()
    equal_bits(mean, wide_mean.numpy())
    equal_bits(rstd, wide_rstd.numpy())
