"""Generated kernels, compiled for every instruction set this machine has, against the evaluator, bit for bit."""

from __future__ import annotations

import ctypes
import itertools
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tensorwright_codegen.expression import (
    EMPTY_LIBRARY,
    FUNCTIONS_HEADER,
    Library,
    Location,
    PointwiseKernel,
    ReductionKernel,
    ScalarType,
    emit_functions_header,
    emit_kernel_table,
    emit_pointwise_unit,
    emit_reduction_unit,
    evaluate,
    evaluate_reduction,
    parse_expression,
    parse_function_library,
)
from tensorwright_codegen.expression.primitives import MASK, PRIMITIVES, SAME, TRUTH, Primitive
from tensorwright_codegen.expression.semantics import DTYPES

Array = npt.NDArray[Any]

CSRC = Path(__file__).parents[2] / "tensor-core" / "csrc"
COMPILER = shutil.which("g++")
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-Wall", "-Wextra", "-Werror"]
NUMBERS = (ScalarType.F32, ScalarType.F64, ScalarType.I32, ScalarType.I64)
BLOCK = 1024

pytestmark = pytest.mark.skipif(
    COMPILER is None or not (CSRC / "simd" / "vec.h").exists(),
    reason="needs g++ and tensor-core's sources beside codegen",
)

FUNCTIONS = """
SCALE = (0.5, 0.25, 2.0, -1.0, 0.125)
PRIMES = (2, 3, 5, 7, 11, 13)

def horner(x: F) -> F:
    return poly(x, SCALE)

def table_float(i: I) -> I:
    return to_int(lookup(SCALE, i) * 8.0) + lookup(PRIMES, i)

def in_double(x: f32, y: f32) -> f32:
    wide = horner(f64(x))
    i = i64(bitcast(x)) >> 3
    j = select(wide < f64(y), i % 5, lookup(PRIMES, i & 7))
    return f32(wide) + f32(to_float(j))

def between(x: T, low: T, high: T) -> mask:
    return (low <= x) & (x < high)
"""


RARE = """shared = a + b
inner = shared * c
nested = select(unlikely(a == b), INNER, inner - a)
first = select(unlikely(a < b), nested * b, shared)
first - select(unlikely(c > a), inner + nested, c)
"""


@dataclass(frozen=True)
class InstructionSet:
    name: str
    vector_bytes: int
    flags: tuple[str, ...]
    needs: frozenset[str]


INSTRUCTION_SETS = (
    InstructionSet("portable", 16, ("-DTW_SIMD_PORTABLE",), frozenset()),
    InstructionSet("baseline", 16, (), frozenset()),
    InstructionSet("avx2", 32, ("-mavx2", "-mfma", "-mf16c"), frozenset({"avx2", "fma", "f16c"})),
    InstructionSet(
        "avx512",
        64,
        ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"),
        frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
    ),
)


def _machine_features() -> set[str]:
    info = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not info.exists():
        return set()
    line = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
    return set(line.split())


AVAILABLE = [item for item in INSTRUCTION_SETS if item.needs <= _machine_features()]


# -- the kernels under test


def _expressions(compute: ScalarType) -> Iterator[tuple[str, str]]:
    """Name and text of an expression for every primitive that has one in this compute type."""
    for row in PRIMITIVES.values():
        number = next((item for item in row.parameters if item != MASK), MASK)
        if row.accepts(row.parameters.index(number), compute) and row.result in (SAME, TRUTH):
            yield row.name.strip("_"), _application(row, "a < b" if compute.is_number else "a", "abc")
    if compute.is_number:
        yield from _conversions(compute)
        other = "a ^ b" if compute.is_integer else "sqrt(abs(a))"
        yield "several_steps", f"t = a * b\nu = t + c\nselect((t < u) | (a == c), t - u, {other})"
        yield "truth", "T((a < b) ^ (b < c)) + T(~(a == b) & (mask(c) != (a <= c)))"
        yield "negative_zero", "select(a < b, T(-0.0), a)" if compute.is_float else "select(a < b, T(-1), a)"
        yield "between", "between(a, b, c)"
        yield "rare", RARE.replace("INNER", "minimum(a, b)" if compute.is_float else "a ^ b")


def _application(row: Primitive, condition: str, names: str) -> str:
    values = iter(names)
    return f"{row.name}({', '.join(condition if wanted == MASK else next(values) for wanted in row.parameters)})"


def _conversions(compute: ScalarType) -> Iterator[tuple[str, str]]:
    if compute.is_float:
        yield "to_float", "to_float(bitcast(a))"
        yield "horner", "horner(a)"
    else:
        yield "to_int", "to_int(bitcast(a))"
        yield "shift_by_constant", "(a << 3) ^ (b >> 5) ^ ushr(c, 7) ^ (a >> 40000)"
        yield "table", "table_float(a)"
        yield "table_inside", "table_float(a & 7)"
    if compute.lane_bytes == 4:
        yield from _wide(compute)


def _wide(compute: ScalarType) -> Iterator[tuple[str, str]]:
    """Every primitive on 64-bit values in a kernel of 32-bit lanes."""
    for row in PRIMITIVES.values():
        number = next((item for item in row.parameters if item != MASK), MASK)
        if row.accepts(row.parameters.index(number), compute.resized) and row.result in (SAME, TRUTH):
            call = _application(row, "a < b", "xyz")
            names = f"x = widen(a) * {'1.0000001' if compute.is_float else '77777777777'}\ny = widen(b)\nz = widen(c)\n"
            yield f"wide_{row.name.strip('_')}", names + (f"narrow({call})" if row.result == SAME else call)
    if compute.is_float:
        yield "in_double", "in_double(a, b)"
        yield "wide_to_int", "f32(to_float(to_int(widen(a))))"
    else:
        yield "wide_to_int", "narrow(to_int(bitcast(widen(a) << 20)))"
        yield "wide_shift_by_constant", "narrow((widen(a) << 35 >> 40) ^ ushr(widen(b), 9))"


def _pointwise(library: Library) -> Iterator[PointwiseKernel]:
    for compute in ScalarType:
        operands = dict.fromkeys("abc", compute)
        for name, text in _expressions(compute):
            program = parse_expression(text, operands, library, Location(f"{name}.yaml"), compute=compute)
            yield PointwiseKernel(name, compute, program)
    for compute in NUMBERS:
        mixed: dict[str, ScalarType | str] = {"condition": "bool", "a": compute, "b": compute}
        texts = ["select(condition, a, b)", "condition & (a < b)", "a + T(condition)"]
        yield PointwiseKernel("mixed", compute, parse_expression(texts, mixed, library, Location("mixed.yaml")))


def _reductions() -> Iterator[ReductionKernel]:
    for compute in NUMBERS:
        for combine in ("sum", "prod", "max", "min"):
            program = parse_expression("a", {"a": compute}, EMPTY_LIBRARY, Location("fold.yaml"))
            yield ReductionKernel(combine, compute, program, combine)
        squared = parse_expression(
            "(a - b) * (a - b)", {"a": compute, "b": compute}, EMPTY_LIBRARY, Location("sq.yaml")
        )
        yield ReductionKernel("squared_deviation", compute, squared, "sum")
    for compute in ScalarType:
        for combine in ("any", "all"):
            program = parse_expression("mask(a)", {"a": compute}, EMPTY_LIBRARY, Location("fold.yaml"))
            yield ReductionKernel(combine, compute, program, combine)


# -- compiling and calling


class PointwiseEntry(ctypes.Structure):
    _fields_ = (("op", ctypes.c_char_p), ("type", ctypes.c_uint8), ("fn", ctypes.c_void_p))


class ReductionEntry(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_char_p),
        ("type", ctypes.c_uint8),
        ("row", ctypes.c_void_p),
        ("cols", ctypes.c_void_p),
        ("combine", ctypes.c_void_p),
    )


TABLES = """
#include "simd/kernels.h"
namespace tw { namespace TW_ISA_NS {
extern const PointwiseEntry kPointwise[]; extern const int kPointwiseCount;
extern const ReductionEntry kReductions[]; extern const int kReductionCount;
} }
extern "C" const void* pointwise_table() { return tw::TW_ISA_NS::kPointwise; }
extern "C" const void* reduction_table() { return tw::TW_ISA_NS::kReductions; }
extern "C" int pointwise_count() { return tw::TW_ISA_NS::kPointwiseCount; }
extern "C" int reduction_count() { return tw::TW_ISA_NS::kReductionCount; }
"""
PLACES = [*NUMBERS, ScalarType.MASK]  # ComputeType's order in kernels.h


@dataclass(frozen=True)
class Compiled:
    """The kernels of one instruction set: addresses by op and compute type."""

    library: ctypes.CDLL
    pointwise: dict[tuple[str, ScalarType], int]
    reductions: dict[tuple[str, ScalarType], tuple[int, int, int]]


@dataclass(frozen=True)
class Suite:
    pointwise: tuple[PointwiseKernel, ...]
    reductions: tuple[ReductionKernel, ...]
    folder: Path


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "functions.expr").write_text(FUNCTIONS)
    library = parse_function_library([folder / "functions.expr"])
    pointwise, reductions = tuple(_pointwise(library)), tuple(_reductions())
    (folder / FUNCTIONS_HEADER).write_text(emit_functions_header(library))
    for compute in ScalarType:
        mine = [kernel for kernel in pointwise if kernel.compute is compute]
        (folder / f"pointwise_{compute.value}.cpp").write_text(emit_pointwise_unit(mine))
    (folder / "reduction_all.cpp").write_text(emit_reduction_unit(reductions))
    (folder / "kernel_table.cpp").write_text(emit_kernel_table(pointwise, reductions))
    (folder / "tables.cpp").write_text(TABLES)
    return Suite(pointwise, reductions, folder)


@pytest.fixture(scope="module", params=AVAILABLE, ids=lambda item: item.name)
def compiled(request: pytest.FixtureRequest, suite: Suite) -> Compiled:
    isa: InstructionSet = request.param
    target = suite.folder / f"{isa.name}.so"
    define = [f"-DTW_ISA_NS={isa.name}", f"-DTW_VBYTES={isa.vector_bytes}"]
    sources = [str(path) for path in sorted(suite.folder.glob("*.cpp"))]
    command = [str(COMPILER), *FLAGS, *isa.flags, *define, f"-I{CSRC}", f"-I{suite.folder}", "-shared", *sources]
    result = subprocess.run([*command, "-o", str(target)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:4000]
    library = ctypes.CDLL(str(target))
    library.pointwise_table.restype = library.reduction_table.restype = ctypes.c_void_p
    points = (PointwiseEntry * library.pointwise_count()).from_address(library.pointwise_table())
    folds = (ReductionEntry * library.reduction_count()).from_address(library.reduction_table())
    return Compiled(
        library,
        {(row.op.decode(), PLACES[row.type]): row.fn for row in points},
        {(row.op.decode(), PLACES[row.type]): (row.row, row.cols, row.combine) for row in folds},
    )


POINTER = ctypes.c_void_p
CALL_POINTWISE = ctypes.CFUNCTYPE(None, ctypes.c_int64, POINTER, POINTER, POINTER)
CALL_ROW = ctypes.CFUNCTYPE(None, ctypes.c_int64, POINTER, POINTER, POINTER)
CALL_COLS = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, POINTER, POINTER, POINTER, POINTER)
CALL_COMBINE = ctypes.CFUNCTYPE(None, ctypes.c_int64, POINTER, POINTER)


def _pointers(arrays: Sequence[Array]) -> Array:
    return np.array([array.ctypes.data for array in arrays], dtype=np.uintp)


def _steps(values: Sequence[int]) -> Array:
    return np.array(values, dtype=np.uint8)


def call_pointwise(address: int, n: int, out: Sequence[Array], arrays: Sequence[Array], steps: Sequence[int]) -> None:
    targets, sources, step = _pointers(out), _pointers(arrays), _steps(steps)
    CALL_POINTWISE(address)(n, targets.ctypes.data, sources.ctypes.data, step.ctypes.data)


def splat(value: Any, dtype: np.dtype[Any]) -> Array:
    return np.full(64 // dtype.itemsize, value, dtype=dtype)


# -- data and comparison


def special_values(compute: ScalarType) -> Array:
    if compute is ScalarType.MASK:
        return np.array([False, True])
    if compute.is_float:
        dtype = DTYPES[compute]
        limits = np.finfo(dtype)
        subnormal = limits.smallest_subnormal
        usual = [0, 0.3, 0.5, 1, 1.5, 2.5, 3.7, 2.0**23 - 0.5, 2.0**31, 2.0**52, 2.0**63]
        values = np.array([*usual, subnormal, limits.tiny, limits.max, np.inf, np.nan], dtype=dtype)
        return np.concatenate([values, -values])
    limits_i = np.iinfo(DTYPES[compute])
    small = [0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 1000003]
    return np.array([*small, *(-x for x in small[1:]), limits_i.max, limits_i.min, limits_i.min + 1], DTYPES[compute])


def random_values(compute: ScalarType, n: int, seed: int) -> Array:
    """Half any bits, half numbers of ordinary size."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[compute]
    if compute is ScalarType.MASK:
        return rng.random(n) < 0.5
    bits = rng.bytes(n * dtype.itemsize)
    anything = np.frombuffer(bits, dtype=dtype)
    ordinary = (rng.standard_normal(n) * 100).astype(dtype)
    return np.where(rng.random(n) < 0.5, anything, ordinary).astype(dtype)


def operand_values(compute: ScalarType, count: int) -> list[Array]:
    """Every combination of special values, then random ones."""
    special = special_values(compute)
    pairs = np.array(list(itertools.product(range(len(special)), repeat=2)))
    rng = np.random.default_rng(7)
    columns = [special[pairs[:, 0]], special[pairs[:, 1]], special[rng.integers(0, len(special), len(pairs))]]
    return [np.concatenate([column, random_values(compute, 500, 10 + k)]) for k, column in enumerate(columns)][:count]


def assert_same_bits(actual: Array, expected: Array, what: str) -> None:
    """Equal bits, where any NaN equals any other."""
    assert actual.dtype == expected.dtype
    if expected.dtype.kind == "f":
        word = np.dtype(f"u{expected.dtype.itemsize}")
        same = (actual.view(word) == expected.view(word)) | (np.isnan(actual) & np.isnan(expected))
    else:
        same = actual.view(np.uint8 if expected.dtype == np.bool_ else actual.dtype) == expected
    if not np.all(same):
        first = int(np.argmin(same))
        raise AssertionError(f"{what}: element {first} is {actual[first]!r}, expected {expected[first]!r}")


# -- tests


def test_every_primitive_is_compiled(suite: Suite) -> None:
    texts = " ".join(kernel.program.text for kernel in suite.pointwise)
    missing = [name for name in PRIMITIVES if f"{name}(" not in texts]
    assert missing == []


def _inputs(kernel: PointwiseKernel) -> list[Array]:
    if kernel.op == "mixed":
        numbers = operand_values(kernel.compute, 2)
        return [random_values(ScalarType.MASK, len(numbers[0]), 3), *numbers]
    return operand_values(kernel.compute, len(kernel.program.operands))


def _outputs(kernel: PointwiseKernel, n: int) -> list[Array]:
    return [np.zeros(n, dtype=DTYPES[kind]) for kind in kernel.program.result_types]


def test_pointwise_kernels_equal_the_evaluator(compiled: Compiled, suite: Suite) -> None:
    for kernel in suite.pointwise:
        arrays = _inputs(kernel)
        n = len(arrays[0])
        out = _outputs(kernel, n)
        call_pointwise(compiled.pointwise[kernel.op, kernel.compute], n, out, arrays, [1] * len(arrays))
        for actual, expected in zip(out, evaluate(kernel.program, arrays), strict=True):
            assert_same_bits(actual, expected, f"{kernel.op} {kernel.compute.value}")


def test_pointwise_lengths_and_steps(compiled: Compiled, suite: Suite) -> None:
    ops = ("mixed", "several_steps", "add", "truth", "lt", "horner")
    for kernel in (item for item in suite.pointwise if item.op in ops):
        arrays = [array[-200:] for array in _inputs(kernel)]
        for steps in itertools.product((0, 1), repeat=len(arrays)):
            pairs = list(zip(arrays, steps, strict=True))
            expected = evaluate(
                kernel.program, [array if step else np.full_like(array, array[3]) for array, step in pairs]
            )
            given = [array if step else splat(array[3], array.dtype) for array, step in pairs]
            _check_lengths(compiled, kernel, given, steps, expected)


def _check_lengths(
    compiled: Compiled, kernel: PointwiseKernel, given: list[Array], steps: Sequence[int], expected: Sequence[Array]
) -> None:
    for n in (*range(71), 127, 128, 129, 199):
        out = [np.full(n + 70, 1, dtype=item.dtype) for item in expected]
        call_pointwise(compiled.pointwise[kernel.op, kernel.compute], n, out, given, steps)
        for actual, want in zip(out, expected, strict=True):
            assert_same_bits(actual[:n], want[:n], f"{kernel.op} {kernel.compute.value} n={n} steps={steps}")
            assert np.all(actual[n:] == 1), f"{kernel.op} {kernel.compute.value} n={n} writes past the end"


@pytest.mark.parametrize("position", [0, 1, 2])
def test_pointwise_in_place(compiled: Compiled, suite: Suite, position: int) -> None:
    for kernel in (item for item in suite.pointwise if item.op in ("fma", "add", "several_steps", "xor")):
        if position >= len(kernel.program.operands):
            continue
        arrays = [array.copy() for array in _inputs(kernel)]
        (expected,) = evaluate(kernel.program, arrays)
        address = compiled.pointwise[kernel.op, kernel.compute]
        call_pointwise(address, len(expected), [arrays[position]], arrays, [1] * len(arrays))
        assert_same_bits(arrays[position], expected, f"{kernel.op} {kernel.compute.value} in place of {position}")


def test_pointwise_unaligned(compiled: Compiled) -> None:
    raw = np.zeros(4 * 300 + 3, dtype=np.uint8)
    values = random_values(ScalarType.F32, 300, 1)
    shifted = np.frombuffer(raw.data, dtype=np.float32, offset=3, count=300)
    raw[3:] = values.view(np.uint8)
    out = np.zeros(300, dtype=np.float32)
    call_pointwise(compiled.pointwise["add", ScalarType.F32], 300, [out], [shifted] * 3, [1, 1, 1])
    with np.errstate(all="ignore"):
        assert_same_bits(out, values + values, "unaligned add")


def reduction_values(kernel: ReductionKernel, shape: tuple[int, ...], seed: int) -> Array:
    """Ordinary numbers, and for every third seed any bits: NaN and infinities hide everything else."""
    size = int(np.prod(shape))
    if kernel.compute is ScalarType.MASK or seed % 3 == 0:
        return random_values(kernel.compute, size, seed).reshape(shape)
    rng = np.random.default_rng(seed)
    scale = 1.0 if kernel.compute.is_float else 1e6
    values = (rng.standard_normal(size) * scale).astype(DTYPES[kernel.compute])
    if seed % 3 == 1 and kernel.combine in ("sum", "max", "min", "any"):
        values[rng.random(size) < 0.9] = -0.0 if kernel.compute.is_float else 0
    return values.reshape(shape)


def reduce_blocks(compiled: Compiled, kernel: ReductionKernel, arrays: Sequence[Array], steps: Sequence[int]) -> Array:
    """What a driver does with one long row: blocks of 1024, combined as a binary counter."""
    row, _, combine = compiled.reductions[kernel.op, kernel.compute]
    dtype = DTYPES[kernel.program.result_types[0]]
    pending: list[tuple[int, Array]] = []
    n = max(len(array) for array, step in zip(arrays, steps, strict=True) if step)
    for start in range(0, n, BLOCK):
        out, size = np.zeros(1, dtype=dtype), 1
        here = [array[start:] if step else array for array, step in zip(arrays, steps, strict=True)]
        sources, step_bytes = _pointers(here), _steps(steps)
        CALL_ROW(row)(min(BLOCK, n - start), sources.ctypes.data, step_bytes.ctypes.data, out.ctypes.data)
        while pending and pending[-1][0] == size:
            _, before = pending.pop()
            CALL_COMBINE(combine)(1, before.ctypes.data, out.ctypes.data)
            out, size = before, 2 * size
        pending.append((size, out))
    _, result = pending.pop()
    while pending:
        _, before = pending.pop()
        CALL_COMBINE(combine)(1, before.ctypes.data, result.ctypes.data)
        result = before
    return result


LENGTHS = (*range(1, 70), 127, 128, 129, 500, 1000, 1023, 1024, 1025, 1100, 2048, 3000, 5000)


def test_rows_equal_the_tree(compiled: Compiled, suite: Suite) -> None:
    for kernel in suite.reductions:
        for n in LENGTHS:
            arrays, steps = [reduction_values(kernel, (n,), n)], [1]
            effective = list(arrays)
            if len(kernel.program.operands) == 2:
                mean = reduction_values(kernel, (1,), n + 1)
                arrays.append(splat(mean[0], mean.dtype))
                effective.append(np.full_like(arrays[0], mean[0]))
                steps.append(0)
            expected = evaluate_reduction(kernel.program, kernel.combine, effective)
            actual = reduce_blocks(compiled, kernel, arrays, steps)
            assert_same_bits(actual, expected.reshape(1), f"{kernel.op} {kernel.compute.value} n={n}")


SHAPES = [(1, 1), (3, 5), (5, 70), (16, 64), (17, 65), (40, 200), (100, 3), (1000, 17), (1024, 33), (33, 259)]


@pytest.mark.parametrize(("rows", "cols"), SHAPES)
def test_columns_equal_the_tree(compiled: Compiled, suite: Suite, rows: int, cols: int) -> None:
    for kernel in suite.reductions:
        padded = reduction_values(kernel, (rows, cols + 3), rows + cols)
        values = padded[:, :cols]
        for second_step in (0, 1) if len(kernel.program.operands) == 2 else (None,):
            arrays, strides, steps, effective = [padded], [cols + 3], [1], [values]
            if second_step is not None:
                # A value for each row, or one for each column.
                other = reduction_values(kernel, (rows,) if second_step == 0 else (cols,), 5)
                arrays.append(other)
                strides.append(1 - second_step)
                steps.append(second_step)
                effective.append(other[:, None] if second_step == 0 else other[None, :])
            expected = evaluate_reduction(kernel.program, kernel.combine, effective, axis=0)
            out = _call_columns(compiled, kernel, rows, cols, arrays, strides, steps)
            assert_same_bits(out, expected, f"{kernel.op} {kernel.compute.value} {rows}x{cols}")


def _call_columns(
    compiled: Compiled,
    kernel: ReductionKernel,
    rows: int,
    cols: int,
    arrays: Sequence[Array],
    strides: Sequence[int],
    steps: Sequence[int],
) -> Array:
    address = compiled.reductions[kernel.op, kernel.compute][1]
    out = np.ones(cols + 70, dtype=DTYPES[kernel.program.result_types[0]])
    sources, stride, step = _pointers(arrays), np.array(strides, dtype=np.int64), _steps(steps)
    CALL_COLS(address)(rows, cols, sources.ctypes.data, stride.ctypes.data, step.ctypes.data, out.ctypes.data)
    assert np.all(out[cols:] == 1)
    return out[:cols]


def test_combine_of_many_columns(compiled: Compiled, suite: Suite) -> None:
    for kernel in suite.reductions:
        if kernel.op != kernel.combine:
            continue
        kind = kernel.program.result_types[0]
        for cols in (1, 15, 64, 100):
            left, right = (random_values(kind, cols, seed) for seed in (1, 2))
            pair = parse_expression("a", {"a": kind}, EMPTY_LIBRARY, Location("pair.yaml"), compute=kind)
            expected = evaluate_reduction(pair, kernel.combine, [np.stack([left, right])], axis=0)
            acc = left.copy()
            CALL_COMBINE(compiled.reductions[kernel.op, kernel.compute][2])(cols, acc.ctypes.data, right.ctypes.data)
            assert_same_bits(acc, expected, f"combine {kernel.op} {kernel.compute.value}")
