"""Generated kernels, compiled for every instruction set this machine has, against the evaluator, bit for bit."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tensorwright_codegen.expression import (
    EMPTY_LIBRARY,
    Library,
    Location,
    PointwiseKernel,
    ReductionKernel,
    ScalarType,
    evaluate,
    evaluate_reduction,
    parse_expression,
    parse_function_library,
    short_rows_signature,
)
from tensorwright_codegen.expression.compiled import (
    CompiledKernels,
    available_instruction_sets,
    compile_kernels,
    splat,
    write_sources,
)
from tensorwright_codegen.expression.conformance import assert_same_bits, random_values, special_values
from tensorwright_codegen.expression.primitives import MASK, PRIMITIVES, SAME, TRUTH, Primitive
from tensorwright_codegen.expression.semantics import DTYPES

Array = npt.NDArray[Any]

INCLUDE = Path(__file__).parents[2] / "tensor-core" / "include"
FUNCTION_FILES = sorted((INCLUDE.parent / "ops" / "functions").glob("*.expr"))
COMPILER = shutil.which("g++") or ""
NUMBERS = (ScalarType.F32, ScalarType.F64, ScalarType.I32, ScalarType.I64, ScalarType.U64)
COMPLEX = (ScalarType.C32, ScalarType.C64)
BLOCK = 1024
GROUP = 32 * BLOCK

pytestmark = pytest.mark.skipif(
    not COMPILER or not (INCLUDE / "tensorwright" / "simd" / "vec.h").exists(),
    reason="needs g++ and tensor-core's sources beside codegen",
)

FUNCTIONS = """
SCALE = (0.5, 0.25, 2.0, -1.0, 0.125)
PRIMES = (2, 3, 5, 7, 11, 13)

def horner(x: F) -> F:
    return poly(x, SCALE)

def table_float(i: T) -> T:
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


# -- the kernels under test


def _expressions(compute: ScalarType) -> Iterator[tuple[str, str]]:
    """Name and text of an expression for every primitive that has one in this compute type."""
    if compute.is_complex:
        yield from _of_complex()
        return
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


def _of_complex() -> Iterator[tuple[str, str]]:
    """What comes down to parts, choices, and results that are parts or truth values."""
    for name in ("add", "sub", "mul", "div", "eq", "ne"):
        yield name, f"{name}(a, b)"
    yield "neg", "-a"
    yield "several_steps", "t = a * b\nu = t + conj(c)\nselect((t == u) | (a != c), t - u, 2 * u / abs(c))"
    yield "mixed_with_real", "real(a) * b + imag(c) - (2 - a) / real(b) - complex(imag(a), real(a))"
    yield "truth", "T((a == b) ^ mask(c)) + T(real(a))"
    yield "parts", "real(a) + imag(conj(b))"
    yield "rare", "t = exp(a)\nselect(unlikely(a == b), t * b, select(mask(c), b, a))"


def _application(row: Primitive, condition: str, names: str) -> str:
    values = iter(names)
    return f"{row.name}({', '.join(condition if wanted == MASK else next(values) for wanted in row.parameters)})"


def _conversions(compute: ScalarType) -> Iterator[tuple[str, str]]:
    if compute.is_float:
        yield "to_float", "to_float(bitcast(a))"
        yield "horner", "horner(a)"
    elif compute is ScalarType.U64:
        yield "to_float", "to_float(a) * 1.25 < to_float(b)"
        yield "shift_by_constant", "(a << 3) ^ (b >> 5) ^ ushr(c, 7) ^ (a >> 40000)"
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
        yield "rounding_error", "x = widen(a) * widen(b)\nnarrow(x - widen(narrow(x)))"
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
    for compute in COMPLEX:
        for combine in ("sum", "prod"):
            program = parse_expression("a", {"a": compute}, EMPTY_LIBRARY, Location("fold.yaml"))
            yield ReductionKernel(combine, compute, program, combine)
    for compute in ScalarType:
        for combine in ("any", "all"):
            program = parse_expression("mask(a)", {"a": compute}, EMPTY_LIBRARY, Location("fold.yaml"))
            yield ReductionKernel(combine, compute, program, combine)


# -- compiling


def _functions(library: Library) -> Iterator[PointwiseKernel]:
    """The scalar functions that ops are written with, each as a kernel."""
    for function in library.instances():
        operands = {operand.name: operand.type for operand in function.program.operands}
        kinds = {kind for kind in operands.values() if kind is not ScalarType.MASK}
        if (
            function.name.startswith("_")
            or len(kinds) != 1
            or function.result_type
            not in (
                *kinds,
                *(kind.part for kind in kinds),
                ScalarType.MASK,
            )
        ):
            continue
        text = f"{function.name}({', '.join(operands)})"
        program = parse_expression(text, operands, library, Location(f"{function.name}.yaml"))
        yield PointwiseKernel(f"function_{function.name}", kinds.pop(), program)


@dataclass(frozen=True)
class Suite:
    pointwise: tuple[PointwiseKernel, ...]
    reductions: tuple[ReductionKernel, ...]
    folder: Path


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "test.expr").write_text(FUNCTIONS)
    library = parse_function_library([folder / "test.expr", *FUNCTION_FILES])
    pointwise, reductions = (*_pointwise(library), *_functions(library)), tuple(_reductions())
    write_sources(folder, pointwise, reductions)
    return Suite(pointwise, reductions, folder)


@pytest.fixture(scope="module", params=available_instruction_sets(), ids=lambda item: item.name)
def compiled(request: pytest.FixtureRequest, suite: Suite) -> CompiledKernels:
    return compile_kernels(suite.folder, request.param, suite.pointwise, suite.reductions, INCLUDE, COMPILER)


# -- pointwise kernels


def operand_values(compute: ScalarType, count: int) -> list[Array]:
    """Every combination of special values, then random ones."""
    special = special_values(compute)
    if count == 1:
        return [np.concatenate([special, random_values(compute, 500, 10)])]
    pairs = np.array(list(itertools.product(range(len(special)), repeat=2)))
    rng = np.random.default_rng(7)
    columns = [special[pairs[:, 0]], special[pairs[:, 1]], special[rng.integers(0, len(special), len(pairs))]]
    return [np.concatenate([column, random_values(compute, 500, 10 + k)]) for k, column in enumerate(columns)][:count]


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


@cache
def _case(kernel: PointwiseKernel) -> tuple[list[Array], tuple[Array, ...]]:
    """Operands and what the evaluator makes of them, once for all instruction sets."""
    arrays = _inputs(kernel)
    return arrays, evaluate(kernel.program, arrays)


def test_pointwise_kernels_equal_the_evaluator(compiled: CompiledKernels, suite: Suite) -> None:
    for kernel in suite.pointwise:
        arrays, expected = _case(kernel)
        out = _outputs(kernel, len(arrays[0]))
        compiled.pointwise(kernel, len(arrays[0]), out, arrays, [1] * len(arrays))
        for actual, want in zip(out, expected, strict=True):
            assert_same_bits(actual, want, f"{kernel.op} {kernel.compute.value}")


def test_pointwise_lengths_and_steps(compiled: CompiledKernels, suite: Suite) -> None:
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
    compiled: CompiledKernels,
    kernel: PointwiseKernel,
    given: list[Array],
    steps: Sequence[int],
    expected: Sequence[Array],
) -> None:
    for n in (*range(71), 127, 128, 129, 199):
        out = [np.full(n + 70, 1, dtype=item.dtype) for item in expected]
        compiled.pointwise(kernel, n, out, given, steps)
        for actual, want in zip(out, expected, strict=True):
            assert_same_bits(actual[:n], want[:n], f"{kernel.op} {kernel.compute.value} n={n} steps={steps}")
            assert np.all(actual[n:] == 1), f"{kernel.op} {kernel.compute.value} n={n} writes past the end"


@pytest.mark.parametrize("position", [0, 1, 2])
def test_pointwise_in_place(compiled: CompiledKernels, suite: Suite, position: int) -> None:
    for kernel in (item for item in suite.pointwise if item.op in ("fma", "add", "several_steps", "xor")):
        if position >= len(kernel.program.operands):
            continue
        originals, (expected,) = _case(kernel)
        arrays = [array.copy() for array in originals]
        compiled.pointwise(kernel, len(expected), [arrays[position]], arrays, [1] * len(arrays))
        assert_same_bits(arrays[position], expected, f"{kernel.op} {kernel.compute.value} in place of {position}")


def test_pointwise_unaligned(compiled: CompiledKernels, suite: Suite) -> None:
    add = next(item for item in suite.pointwise if (item.op, item.compute) == ("add", ScalarType.F32))
    raw = np.zeros(4 * 300 + 3, dtype=np.uint8)
    values = random_values(ScalarType.F32, 300, 1)
    shifted = np.frombuffer(raw.data, dtype=np.float32, offset=3, count=300)
    raw[3:] = values.view(np.uint8)
    out = np.zeros(300, dtype=np.float32)
    compiled.pointwise(add, 300, [out], [shifted] * 2, [1, 1])
    with np.errstate(all="ignore"):
        assert_same_bits(out, values + values, "unaligned add")


def reduction_values(kernel: ReductionKernel, shape: tuple[int, ...], seed: int) -> Array:
    """Ordinary numbers, and for every third seed any bits: NaN and infinities hide everything else."""
    size = int(np.prod(shape))
    if kernel.compute is ScalarType.MASK or seed % 3 == 0:
        return random_values(kernel.compute, size, seed).reshape(shape)
    rng = np.random.default_rng(seed)
    scale = 1e6 if kernel.compute.is_integer else 1.0
    values = (rng.standard_normal(size) * scale).astype(DTYPES[kernel.compute])
    if seed % 3 == 1 and kernel.combine in ("sum", "max", "min", "any"):
        values[rng.random(size) < 0.9] = 0 if kernel.compute.is_integer else -values.dtype.type(0)
    return values.reshape(shape)


def reduce_blocks(
    compiled: CompiledKernels, kernel: ReductionKernel, arrays: Sequence[Array], steps: Sequence[int]
) -> Array:
    """What a driver does with one long row: groups of 32 blocks, combined as a binary counter."""
    pending: list[tuple[int, Array]] = []
    n = max(len(array) for array, step in zip(arrays, steps, strict=True) if step)
    for start in range(0, n, GROUP):
        out, size = np.zeros(1, dtype=DTYPES[kernel.program.result_types[0]]), 1
        here = [array[start:] if step else array for array, step in zip(arrays, steps, strict=True)]
        compiled.row(kernel, min(GROUP, n - start), out, here, steps)
        while pending and pending[-1][0] == size:
            _, before = pending.pop()
            compiled.combine(kernel, before, out)
            out, size = before, 2 * size
        pending.append((size, out))
    _, result = pending.pop()
    while pending:
        _, before = pending.pop()
        compiled.combine(kernel, before, result)
        result = before
    return result


LENGTHS = (*range(1, 70), 127, 128, 129, 500, 1000, 1023, 1024, 1025, 1100, 2048, 3000, 7500, 33000)


def test_rows_equal_the_tree(compiled: CompiledKernels, suite: Suite) -> None:
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


@pytest.mark.parametrize("n", [1, 7, 16, 31, 48, 63, 64, 100, 1000, 1024])
def test_short_rows_equal_the_tree(compiled: CompiledKernels, suite: Suite, n: int) -> None:
    several = [kernel for kernel in suite.reductions if short_rows_signature(kernel)]
    assert {kernel.combine for kernel in several} >= {"sum", "max"}
    for kernel in several:
        rows = reduction_values(kernel, (5, n + 3), n)[:, :n]
        out = np.zeros(6, rows.dtype)
        compiled.short_rows(kernel, out, rows)
        expected = [evaluate_reduction(kernel.program, kernel.combine, [row]) for row in rows]
        assert_same_bits(out[:5], np.array(expected), f"{kernel.op} {kernel.compute.value} rows of {n}")
        assert out[5] == 0


SHAPES = [(1, 1), (3, 5), (5, 70), (16, 64), (17, 65), (40, 200), (100, 3), (1000, 17), (1024, 33), (33, 259)]


@pytest.mark.parametrize(("rows", "cols"), SHAPES)
def test_columns_equal_the_tree(compiled: CompiledKernels, suite: Suite, rows: int, cols: int) -> None:
    for kernel in suite.reductions:
        padded = reduction_values(kernel, (rows, cols + 3), rows + cols)
        values = padded[:, :cols]
        for second_step in (0, 1) if len(kernel.program.operands) == 2 else (None,):
            arrays, strides, steps, effective = [padded], [cols + 3], [1], [values]
            if second_step is not None:
                # One value, or one for each column.
                other = reduction_values(kernel, (cols,) if second_step else (1,), 5)
                arrays.append(other if second_step else splat(other[0], other.dtype))
                strides.append(0)
                steps.append(second_step)
                effective.append(np.broadcast_to(other, values.shape))
            expected = evaluate_reduction(kernel.program, kernel.combine, effective, axis=0)
            out = _call_columns(compiled, kernel, rows, cols, arrays, strides, steps)
            assert_same_bits(out, expected, f"{kernel.op} {kernel.compute.value} {rows}x{cols}")


def _call_columns(
    compiled: CompiledKernels,
    kernel: ReductionKernel,
    rows: int,
    cols: int,
    arrays: Sequence[Array],
    strides: Sequence[int],
    steps: Sequence[int],
) -> Array:
    out = np.ones(cols + 70, dtype=DTYPES[kernel.program.result_types[0]])
    compiled.columns(kernel, (rows, cols), out, arrays, strides, steps)
    assert np.all(out[cols:] == 1)
    return out[:cols]


def test_combine_of_many_columns(compiled: CompiledKernels, suite: Suite) -> None:
    for kernel in suite.reductions:
        if kernel.op != kernel.combine:
            continue
        kind = kernel.program.result_types[0]
        for cols in (1, 15, 64, 100):
            left, right = (random_values(kind, cols, seed) for seed in (1, 2))
            pair = parse_expression("a", {"a": kind}, EMPTY_LIBRARY, Location("pair.yaml"), compute=kind)
            expected = evaluate_reduction(pair, kernel.combine, [np.stack([left, right])], axis=0)
            acc = left.copy()
            compiled.combine(kernel, acc, right)
            assert_same_bits(acc, expected, f"combine {kernel.op} {kernel.compute.value}")
