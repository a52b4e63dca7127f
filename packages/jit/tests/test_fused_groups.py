"""Fused groups run by one kernel, and give eager's bits: all dtypes, special values, layouts, sizes, thread counts."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

FLOATS = (tw.float32, tw.float64, tw.float16, tw.bfloat16)
INTEGERS = (tw.int8, tw.int16, tw.int32, tw.int64, tw.uint8)


def values(*shape: int, dtype: Any = tw.float32, special: bool = False, seed: int = 0) -> tw.Tensor:
    random = np.random.default_rng(seed)
    array = random.uniform(-3, 3, shape)
    if special and array.size:
        flat = array.reshape(-1)
        for k, value in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38)):
            flat[(k * 5) % array.size] = value
    if dtype in INTEGERS or dtype is tw.bool:
        array = np.nan_to_num(array, posinf=100, neginf=-100).clip(0, 100)
    return tw.tensor(array).to(dtype)


def bits(t: tw.Tensor) -> bytes:
    kind = {1: tw.uint8, 2: tw.int16, 4: tw.int32, 8: tw.int64}
    if t.is_complex():
        t = tw.view_as_real(t)
    array = t.contiguous().view(kind[t.element_size()]).numpy().copy()
    if t.is_floating_point():  # which NaN it is is no part of a result
        array[tw.isnan(t).numpy()] = -1
    return bytes(array.tobytes())


def fused(function: Callable[..., Any], *args: tw.Tensor) -> tuple[Any, list[str]]:
    captured = tw.jit.freeze(tw.jit.trace(function, args, check_trace=False))
    # Softmax stays in smaller ops here, as an example of a group.
    tw.jit.run_passes(captured.program, [p for p in tw.jit.FUSION if p != "lift_softmax"], verify=True)
    return captured, [line for line in captured.graph.splitlines() if "= fusion(" in line]


def several(results: Any) -> tuple[tw.Tensor, ...]:
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


def spoil(results: Any) -> None:
    """The next results lie where these did: what is not written must not be right already."""
    for result in several(results):
        result.fill_(1)


def same_as_eager(
    function: Callable[..., Any], *args: tw.Tensor, kernels: int | None = 1, groups: int | None = 1
) -> None:
    captured, found = fused(function, *args)
    if groups is not None:
        assert len(found) == groups, captured.graph
    spoil(captured(*args))
    before = tw.jit.fusion_runs()
    got = captured(*args)
    after = tw.jit.fusion_runs()
    if kernels is not None:
        assert (after.by_kernel - before.by_kernel, after.apart - before.apart) == (kernels, len(found) - kernels)
    for one, other in zip(several(got), several(function(*args)), strict=True):
        assert (one.dtype, one.shape, one.stride()) == (other.dtype, other.shape, other.stride())
        assert bits(one) == bits(other)


def test_views_run_by_kernel_once_gradients_were_asked_for_elsewhere() -> None:
    tw.ones(1, requires_grad=True).exp().backward()
    x = values(4, 6)
    same_as_eager(chain, x.t(), x.t()[:, :1])
    leaf = values(6, 4).requires_grad_()
    captured, _ = fused(chain, leaf, x.t())
    before = tw.jit.fusion_runs()
    got = captured(leaf, x.t())
    after = tw.jit.fusion_runs()
    assert (after.by_kernel - before.by_kernel, after.apart - before.apart) == (0, 1)
    assert got.requires_grad
    got.sum().backward()
    assert leaf.grad is not None


def chain(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
    return tw.where(x > y, tw.nn.functional.gelu(x * y + 1), y - x).abs()


def softmax(x: tw.Tensor) -> tw.Tensor:
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def layer_norm(x: tw.Tensor, w: tw.Tensor, b: tw.Tensor) -> tw.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / ((centred * centred).mean(-1, keepdim=True) + 1e-5).sqrt() * w + b


def cross_entropy(x: tw.Tensor, target: tw.Tensor) -> tw.Tensor:
    return -(tw.log_softmax(x * 2, -1) * target).sum(-1)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 70), (5, 1024), (3, 1025), (1, 5000), (40000,)])
def test_chains(dtype: Any, shape: tuple[int, ...]) -> None:
    same_as_eager(chain, values(*shape, dtype=dtype, special=True), values(*shape, dtype=dtype, special=True, seed=1))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 70), (5, 1024), (3, 1025), (2, 40000), (70000,), (9, 20000)])
def test_rows(dtype: Any, shape: tuple[int, ...], special: bool) -> None:
    x, w, b = (values(*s, dtype=dtype, special=special, seed=k) for k, s in enumerate((shape, shape[-1:], shape[-1:])))
    same_as_eager(softmax, x)
    same_as_eager(layer_norm, x, w, b)
    same_as_eager(cross_entropy, x, values(*shape, dtype=dtype, seed=5))


@pytest.mark.parametrize("dtype", INTEGERS + (tw.bool,), ids=str)
def test_integers(dtype: Any) -> None:
    def function(x: tw.Tensor, y: tw.Tensor) -> tuple[tw.Tensor, ...]:
        z = (x + y) * y
        return z, z.sum(-1), (z > 2).any(-1), z == x

    same_as_eager(function, values(4, 1500, dtype=dtype), values(4, 1500, dtype=dtype, seed=1), groups=None)


@pytest.mark.parametrize("dtype", [tw.complex64, tw.complex128], ids=str)
def test_complex_numbers(dtype: Any) -> None:
    def function(x: tw.Tensor, y: tw.Tensor) -> tuple[tw.Tensor, ...]:
        z = tw.exp(x) * y + x
        return z, z.sum(-1), z.abs()

    x, y = (tw.complex(values(3, 1200, seed=k), values(3, 1200, seed=k + 2)).to(dtype) for k in (0, 1))
    same_as_eager(function, x, y)


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.permutations((tw.float16, tw.float32, tw.float64, tw.int32), 2))
)
def test_mixed_dtypes(first: Any, second: Any) -> None:
    def function(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        return ((x + y) * x - 1).sum(-1, keepdim=True) + x

    same_as_eager(
        function, values(3, 130, dtype=first), values(3, 130, dtype=second, seed=1), groups=None, kernels=None
    )


LAYOUTS: dict[str, Callable[[tw.Tensor], tw.Tensor]] = {
    "as it is": lambda t: t,
    "every second": lambda t: tw.cat([t, t], -1)[..., ::2],
    "transposed": lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
    "flipped memory": lambda t: t.permute(2, 1, 0).contiguous().permute(2, 1, 0),
    "one row": lambda t: t[:1],
    "one column": lambda t: t[..., :1],
    "expanded": lambda t: t[:, :1].expand(*t.shape),
}


@pytest.mark.parametrize("function", [chain, lambda x, y: softmax(x * y), lambda x, y: (x * y).sum((0, 2)) + 1])
@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", LAYOUTS)
def test_layouts(first: str, second: str, function: Callable[..., Any]) -> None:
    x, y = LAYOUTS[first](values(6, 5, 80)), LAYOUTS[second](values(6, 5, 80, seed=1))
    same_as_eager(function, x, y, kernels=None, groups=None)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_empty(shape: tuple[int, ...]) -> None:
    same_as_eager(chain, values(*shape), values(*shape), kernels=0)
    same_as_eager(lambda x: (x.exp() * 2).sum(-1) + 1, values(*shape), kernels=0)


def test_sums_over_all() -> None:
    same_as_eager(lambda x, y: ((x - y) * (x - y)).mean(), values(300, 700), values(300, 700, seed=1))
    same_as_eager(lambda x: (x.exp().sum() + 1) * x, values(90000))


def test_values_of_rows_without_their_dimension() -> None:
    """A sum of [n, n] over its last dimension is [n], and does not stand for its rows."""
    same_as_eager(lambda x: (x.exp().sum(-1) + 1) * 2, values(70, 70))
    same_as_eager(lambda x: x.exp() - x.exp().sum(-1), values(70, 70), kernels=None, groups=None)
    same_as_eager(lambda x: x.exp() - x.exp().sum(0), values(70, 70), kernels=None, groups=None)


def test_whole_ops_within_a_group() -> None:
    w, b = values(90, seed=1), values(90, seed=2)
    same_as_eager(lambda x: tw.softmax(x * 0.5, -1) + 1, values(33, 90, special=True))
    same_as_eager(lambda x: tw.layer_norm(x.relu(), [90], w, b) * 2, values(33, 90))
    same_as_eager(lambda x: tw.layer_norm(x.relu(), [3, 90]) * 2, values(11, 3, 90, dtype=tw.float16))
    same_as_eager(lambda x: tw.log_softmax(x * 0.5, -1).exp(), values(33, 90, dtype=tw.bfloat16))


@pytest.mark.parametrize("length", [1, 20, 64, 100, 1000, 1024, 1040, 5000, 40000])
def test_rows_with_weights_of_their_elements_and_of_themselves(length: int) -> None:
    x, w, b = values(9, 7, length, special=True), values(length, seed=1), values(7, 1, seed=2)
    gelu = tw.nn.functional.gelu
    same_as_eager(lambda x, w, b: gelu(x * w + b) * x, x, w, b)
    same_as_eager(lambda x, w, b: (x * w).relu() + b, x.transpose(0, 1), w, values(9, 1, seed=3))
    same_as_eager(lambda x, w, b: tw.nn.functional.layer_norm(x + x * w, (length,), w) * b, x, w, b, groups=None)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", [(3,), (300,), (5, 1024), (40, 1030), (2, 40000)])
def test_softmax_beside_another_op(shape: tuple[int, ...], dtype: Any) -> None:
    x = values(*shape, dtype=dtype, special=True)
    same_as_eager(lambda x: tw.softmax(x, -1) + 1, x, kernels=None)
    same_as_eager(lambda x: tw.log_softmax(x, 0) + 1, x, kernels=None)


def test_ops_that_have_a_kernel_for_rows_stand_alone() -> None:
    x = values(40, 1024)
    same_as_eager(lambda x: tw.softmax(x, -1), x, groups=0, kernels=0)
    same_as_eager(lambda x: tw.layer_norm(x, [1024]), x, groups=0, kernels=0)


def normalized(x: tw.Tensor, y: tw.Tensor, w: tw.Tensor) -> tw.Tensor:
    d = x + y
    d = d - d.mean(-1, keepdim=True)
    return d * ((d * d).mean(-1, keepdim=True) + 1e-5).rsqrt() * w


def with_sums_that_rows_share(x: tw.Tensor, y: tw.Tensor, w: tw.Tensor) -> tuple[tw.Tensor, tw.Tensor]:
    part = (w * w).expand_as(x).sum(-1, keepdim=True)
    return (x - x.amax(-1, keepdim=True)).exp() / part, y * x.amin(-1, keepdim=True)


@pytest.mark.parametrize("function", [normalized, with_sums_that_rows_share, lambda x, y, w: tw.softmax(x * w + y, -1)])
@pytest.mark.parametrize(
    ("rows", "length"),
    [(rows, length) for rows in (1, 2, 3, 8) for length in (1, 15, 16, 37, 48, 63, 197, 1001, 1024, 1040)]
    + [(3, length) for length in (1025, 2048, 3000, 5120, 6200, 7175, 8192, 8193)],
)
def test_rows_that_are_code(rows: int, length: int, function: Callable[..., Any]) -> None:
    x, y, w = values(rows, length), values(rows, length, special=True, seed=1), values(length, seed=2)
    same_as_eager(function, x, y, w, groups=None, kernels=None)
    same_as_eager(function, x, y[:1].expand(rows, length), w, groups=None, kernels=None)
    padded = values(rows, length + 16, seed=3)[:, 8:-8]
    same_as_eager(function, padded, values(2 * rows, length, seed=4)[::2], w, groups=None, kernels=None)
    boxes = values(2, rows, length, seed=5)
    same_as_eager(function, boxes, boxes.flip(0).contiguous(), w, groups=None, kernels=None)
    same_as_eager(function, boxes, values(2, 1, length, seed=6), w, groups=None, kernels=None)


@pytest.mark.parametrize("length", [5, 37, 1024, 3000])
def test_sums_of_negative_zeros(length: int) -> None:
    def function(x: tw.Tensor, w: tw.Tensor) -> tw.Tensor:
        return (x * w).sum(-1, keepdim=True) * w

    x, w = tw.full((4, length), -0.0), tw.ones(length)
    same_as_eager(function, x, w)
    assert np.signbit(function(x, w).numpy()).all()


@pytest.mark.parametrize("length", [3, 16, 37, 64, 100, 197, 1023])
def test_masks_of_rows_that_end_within_a_vector(length: int) -> None:
    """Nothing is read or written behind a row, of masks either, and what is there does not count."""

    def function(x: tw.Tensor, mask: tw.Tensor, w: tw.Tensor) -> tuple[tw.Tensor, ...]:
        scores = (x * w).masked_fill(mask, -1e9)
        shares = (scores - scores.amax(-1, keepdim=True)).exp()
        return shares / shares.sum(-1, keepdim=True), shares > shares.mean(-1, keepdim=True)

    x, w = values(5, length, special=True), values(length, seed=2)
    mask = values(5, length, seed=3) > 0
    same_as_eager(function, x, mask, w, groups=None, kernels=None)
    behind = tw.full((5, length + 3), float("nan"))
    behind[:, :length] = values(5, length, seed=4)
    same_as_eager(function, behind[:, :length], mask, w, groups=None, kernels=None)
    same_as_eager(function, x, mask[:, :1].expand(5, length), w, groups=None, kernels=None)
    same_as_eager(function, -x.abs(), mask, w.abs(), groups=None, kernels=None)  # the largest is below 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.parametrize("length", [5, 37, 100, 1001])
def test_nothing_is_read_behind_the_last_element(length: int) -> None:
    """The last page ends with the data, and reading the next one would end the process."""
    page = mmap.PAGESIZE
    kept = []

    def at_the_end(array: np.ndarray[Any, Any]) -> tw.Tensor:
        whole = (array.nbytes + page - 1) // page * page
        memory = mmap.mmap(-1, whole + page)
        kept.append(memory)
        numbers = np.frombuffer(memory, array.dtype, array.size, whole - array.nbytes).reshape(array.shape)
        numbers[:] = array
        start = numbers.ctypes.data + array.nbytes
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start), ctypes.c_size_t(page), 0) == 0
        return tw.from_numpy(numbers)

    x, w = at_the_end(values(3, length).numpy()), at_the_end(values(length, seed=1).numpy())
    mask = at_the_end(values(3, length, seed=2).numpy() > 0)
    same_as_eager(lambda x, mask, w: tw.softmax((x * w).masked_fill(mask, -1e9), -1), x, mask, w, groups=None)
    same_as_eager(lambda x, mask, w: (x * w).relu().masked_fill(mask, 1.0), x, mask, w, groups=None)


def test_any_number_of_threads() -> None:
    x, threads = values(64, 3000), tw.get_num_threads()
    captured, _ = fused(softmax, x)
    whole, _ = fused(lambda x: (x * x).sum() * x, x)
    results = set()
    try:
        for count in (1, 2, 3):
            tw.set_num_threads(count)
            results.add(bits(captured(x)) + bits(whole(x)))
    finally:
        tw.set_num_threads(threads)
    assert len(results) == 1


def test_other_inputs_than_those_it_was_captured_with() -> None:
    captured, _ = fused(softmax, values(4, 20))
    for x in (values(9, 33), values(2, 3, 20), values(4, 20, dtype=tw.float64), values(4, 40)[:, ::2]):
        assert bits(captured(x)) == bits(softmax(x))


def test_gradients_are_recorded() -> None:
    x = values(4, 20).requires_grad_()
    captured, _ = fused(softmax, values(4, 20))
    weights = values(4, 20, seed=3)
    (captured(x) * weights).sum().backward()
    got, x.grad = x.grad, None
    (softmax(x) * weights).sum().backward()
    assert x.grad is not None
    assert got is not None
    assert bits(got) == bits(x.grad)


def test_errors_are_those_of_the_ops() -> None:
    captured, _ = fused(lambda x, y: (x + y) * 2, values(4, 20), values(4, 20))
    with pytest.raises(ValueError, match="do not broadcast"):
        captured(values(4, 20), values(4, 21))


def test_compiled_functions_run_fused() -> None:
    x = values(16, 300)
    compiled = tw.compile(lambda x: softmax(x) + 1)
    compiled(x)
    before = tw.jit.fusion_runs().by_kernel
    assert bits(compiled(x)) == bits(softmax(x) + 1)
    assert tw.jit.fusion_runs().by_kernel == before + 1


def test_compiled_softmax_in_smaller_ops_is_the_op() -> None:
    x = values(16, 300, special=True)
    compiled, logarithm = tw.compile(softmax), tw.compile(lambda x: softmax(x).log())
    compiled(x), logarithm(x)
    before = tw.jit.fusion_runs()
    assert bits(compiled(x)) == bits(softmax(x))
    assert tw.jit.fusion_runs() == before
    assert bits(logarithm(x)) == bits(softmax(x).log())


def test_compiled_functions_with_gradients_are_not_fused() -> None:
    x = values(16, 300).requires_grad_()
    compiled = tw.compile(softmax)
    compiled(x)
    before = tw.jit.fusion_runs()
    compiled(x).sum().backward()
    assert tw.jit.fusion_runs() == before


# fmt: off
UNARY = (
    "abs", "neg", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "square",
    "floor", "ceil", "trunc", "round", "sign", "tanh", "sigmoid", "erf", "erfc", "sinh", "cosh", "asinh", "acosh",
    "atanh", "asin", "acos", "atan", "relu", "isnan", "isinf", "isfinite", "logical_not", "signbit", "frac",
    "nan_to_num", "deg2rad", "logit",
)
BINARY = (
    "add", "sub", "mul", "div", "maximum", "minimum", "fmax", "fmin", "pow", "atan2", "hypot", "copysign", "lt", "le",
    "gt", "ge", "eq", "ne", "logical_and", "xlogy", "logaddexp",
)
ACTIVATIONS = (
    "gelu", "silu", "elu", "celu", "selu", "softplus", "hardtanh", "hardswish", "hardsigmoid", "mish", "leaky_relu",
    "softsign", "logsigmoid", "relu6",
)
# fmt: on


def everything(function: Callable[..., tw.Tensor], *args: tw.Tensor) -> tw.Tensor:
    """The function between others, so that there is something to fuse it with."""
    result = function(*(arg * 1.5 for arg in args))
    return tw.where(result, args[0], 2) if result.dtype is tw.bool else result - args[0]


@pytest.mark.parametrize("name", UNARY + BINARY + ACTIVATIONS)
def test_every_function_of_floats(name: str) -> None:
    function = getattr(tw, name, None) or getattr(tw.nn.functional, name)
    count = 2 if name in BINARY else 1
    for scale in (1.0, 30.0, 1e-3):
        args = [values(5, 333, special=True, seed=k) * scale for k in range(count)]
        same_as_eager(lambda *a: everything(function, *a), *args, groups=None, kernels=None)


IN_ANOTHER_PROCESS = """
import ctypes, sys
if sys.argv[1] == "refused" and ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE: no memory becomes executable
    sys.exit(77)
import tensorwright as tw
def f(x):
    return (tw.tanh(x * 2) + 1).sum(-1, keepdim=True) * x
x = tw.arange(7000.0).reshape(7, 1000) / 500 - 7
captured = tw.jit.optimize_for_inference(tw.jit.trace(f, x))
assert captured(x).tolist() == f(x).tolist()
assert tw.jit.fusion_runs().by_kernel == 1
"""


@pytest.mark.parametrize("how", ["allowed", "refused", "off"])
def test_without_executable_memory(how: str) -> None:
    environment = os.environ | ({"TENSORWRIGHT_NATIVE_CODE": "0"} if how == "off" else {})
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, how]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode == 77:
        pytest.skip("this system does not refuse executable memory on demand")
    assert result.returncode == 0, result.stderr


ROWS_THAT_PAY = """
import sys
import tensorwright as tw

def runs_by_kernel(function, *args):
    captured = tw.jit.freeze(tw.jit.trace(function, args, check_trace=False))
    tw.jit.run_passes(captured.program, tw.jit.FUSION)
    before = tw.jit.fusion_runs()
    captured(*args)
    after = tw.jit.fusion_runs()
    assert after.by_kernel + after.apart == before.by_kernel + before.apart + 1
    return after.by_kernel - before.by_kernel

def norm(x, y):
    return tw.layer_norm(x + y, x.shape[-1:])

def ones(*shape, dtype=tw.float32):
    return tw.ones(*shape, dtype=dtype), tw.ones(*shape, dtype=dtype)

has_sums_in_code = sys.argv[1] != "baseline"
assert runs_by_kernel(norm, *ones(50, 8)) == 0
assert runs_by_kernel(norm, *ones(50, 768)) == has_sums_in_code
assert runs_by_kernel(norm, *ones(50, 768, dtype=tw.float64)) == 0
assert runs_by_kernel(lambda x, y: (x * y).sum(-1), *ones(50, 8)) == 0
assert runs_by_kernel(lambda x, y: (x * y).sum(-1), *ones(50, 768, dtype=tw.float64)) == 1
assert runs_by_kernel(lambda x, y: (x * y).relu(), *ones(50, 8)) == 1
"""


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_short_rows_and_lone_norms_run_op_by_op(isa: str) -> None:
    environment = {**os.environ, "TENSORWRIGHT_ISA": isa, "TENSORWRIGHT_FUSION": "where it pays"}
    environment.pop("TENSORWRIGHT_NATIVE_CODE", None)
    command = [sys.executable, "-c", ROWS_THAT_PAY, isa]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
