"""Writes the C++ of kernels: units of pointwise and of reduction kernels, and the functions header.

The kernels' contract with the driver is `csrc/cpu/kernel_tables.h`. Every unit is compiled once for each instruction
set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .cpp import LANES_8, LANES_32, LANES_64, LaneWidth, function, function_name, library_function, number
from .ir import Function, Program, ScalarType
from .library import Library

_COMBINES = {"sum": "Sum", "prod": "Prod", "max": "Max", "min": "Min", "any": "Any", "all": "All"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class PointwiseKernel:
    """One op computed in one type. Results of type mask are stored as bytes.

    The last `splats` operands are the same for all elements whatever their step, and are read once.
    """

    op: str
    compute: ScalarType
    program: Program
    splats: int = 0

    @property
    def symbol(self) -> str:
        return f"pointwise_{_checked(self.op)}_{self.compute.compute_name}"


@dataclass(frozen=True)
class ReductionKernel:
    """One reduction in one compute type: `program` maps the operands, `combine` folds what it gives."""

    op: str
    compute: ScalarType
    program: Program
    combine: str

    def __post_init__(self) -> None:
        if self.combine not in _COMBINES:
            raise ValueError(f"{self.op}: combine must be one of {', '.join(_COMBINES)}, got {self.combine!r}")
        (result,) = self.program.result_types
        if (result is ScalarType.MASK) != (self.combine in ("any", "all")):
            raise ValueError(f"{self.op}: {self.combine} does not combine values of type {result.value}")

    @property
    def symbol(self) -> str:
        return f"{_checked(self.op)}_{self.compute.compute_name}"


def emit_functions_header(library: Library) -> str:
    """`scalar_functions.h`: the library's functions of real numbers, in every lane width their types can have.

    Kernels written by hand use it.
    """
    forms = [(item, name, width) for item in library.instances() for name, width in _forms(item)]
    parts = [library_function(name, item.program, width) for item, name, width in forms if not _is_complex(item)]
    return _file(["#pragma once", "", "#include <tensorwright/simd/vec.h>"], parts)


def emit_tables_header(library: Library) -> str:
    """`tables.h`: the library's tables in float64, LGAMMA_ONE as kLgammaOne, for C++ that is written by hand."""
    lines = ["// Tables of ops/functions/*.expr.", "#pragma once", "", "namespace tw::tables {", ""]
    for names in library.constants.values():
        for name, table in names.items():
            if isinstance(table, tuple):
                values = ", ".join(number(value, ScalarType.F64) for value in table)
                lines.append(f"constexpr double k{name.title().replace('_', '')}[] = {{{values}}};")
    return "\n".join([*lines, "", "}  // namespace tw::tables"])


def emit_pointwise_unit(kernels: Sequence[PointwiseKernel]) -> str:
    """`pointwise_<family>.cpp`: the kernels of some ops."""
    return _file(["#include <tensorwright/simd/pointwise_loop.h>"], [*_functions(kernels), *map(_pointwise, kernels)])


def emit_reduction_unit(kernels: Sequence[ReductionKernel]) -> str:
    """`reduction_<family>.cpp`: the row, column and combine kernels of some reductions."""
    return _file(["#include <tensorwright/simd/reduction_loop.h>"], [*_functions(kernels), *map(_reduction, kernels)])


def _functions(kernels: Iterable[PointwiseKernel | ReductionKernel]) -> list[str]:
    """The library functions that the kernels call, callees first, for the lane widths they call them with.

    They stand in the unit itself, so that an edit of one function compiles again only what uses it.
    """
    texts: dict[str, str] = {}
    for kernel in kernels:
        width = LaneWidth.of(kernel.compute)
        for item in kernel.program.callees():
            name = function_name(*item.key, width)
            if name not in texts:
                texts[name] = library_function(name, item.program, width)
    return list(texts.values())


def _forms(item: Function) -> Iterable[tuple[str, LaneWidth]]:
    """The C++ functions of one library function: one a lane width that holds all its types."""
    used = {part.type for program in _programs(item) for part in program.body}
    used |= {operand.type for program in _programs(item) for operand in program.operands}
    for width in (LANES_8, LANES_32, LANES_64):
        if used <= {scalar for scalar, _ in width.vectors}:
            yield function_name(*item.key, width), width


def _is_complex(item: Function) -> bool:
    """Whether a complex number occurs in it or in what it calls."""
    programs = _programs(item)
    return any(part.type.is_complex for program in programs for part in program.body)


def _programs(item: Function) -> list[Program]:
    return [item.program, *(callee.program for callee in item.program.callees())]


# -- pointwise kernels


def _pointwise(kernel: PointwiseKernel) -> str:
    width, program = LaneWidth.of(kernel.compute), kernel.program
    name = f"eval_{_checked(kernel.op)}_{kernel.compute.compute_name}"
    unroll = _unroll(kernel)
    body = [
        *(_operand(k, width.vector(operand.type), kernel) for k, operand in enumerate(program.operands)),
        *(f"Output<{width.vector(kind)}> to{k}(out[{k}]);" for k, kind in enumerate(program.result_types)),
        f"constexpr int lanes = lanes_of<{width.vector(kernel.compute)}>;",
    ]
    if unroll > 1:
        body += _full_steps(name, kernel, unroll) + _single_vectors(name, kernel, "first", "store_first")
    else:
        body += _single_vectors(name, kernel, "up_to", "store_up_to")
    return function(name, program, width) + _definition(pointwise_signature(kernel), body)


def _operand(k: int, vector: str, kernel: PointwiseKernel) -> str:
    if k < _streamed(kernel):
        return f"Input<{vector}> in{k}(in[{k}], in_step[{k}]);"
    return f"const {vector} in{k} = Input<{vector}>(in[{k}], 0).load(0);"


def _streamed(kernel: PointwiseKernel) -> int:
    """How many operands are read element by element."""
    return len(kernel.program.operands) - kernel.splats


def _loads(kernel: PointwiseKernel, call: str) -> list[str]:
    """The operands of one vector, of which `call` reads those that are streams."""
    return [f"in{k}.{call}" if k < _streamed(kernel) else f"in{k}" for k in range(len(kernel.program.operands))]


def _full_steps(name: str, kernel: PointwiseKernel, unroll: int) -> list[str]:
    """The loop over whole groups of vectors, for programs so short that the loop itself costs."""
    width, program = LaneWidth.of(kernel.compute), kernel.program
    inputs, outputs = _streams(kernel)
    return [
        f"constexpr int step = {unroll};",
        "for (; n >= step * lanes; n -= step * lanes) {",
        *(f"  {width.vector(kind)} result{k}[step];" for k, kind in enumerate(program.result_types)),
        _unrolled(_apply(name, program, _loads(kernel, "load(k)"), "[k]")),
        _unrolled(" ".join(f"to{k}.store(k, result{k}[k]);" for k in range(len(outputs)))),
        f"  {' '.join(f'{item}.advance(step);' for item in (*inputs, *outputs))}",
        "}",
    ]


def _single_vectors(name: str, kernel: PointwiseKernel, load: str, store: str) -> list[str]:
    """The loop over one vector at a time, the last of them in part."""
    width, program = LaneWidth.of(kernel.compute), kernel.program
    inputs, outputs = _streams(kernel)
    return [
        "for (; n > 0; n -= lanes) {",
        "  const int count = n < lanes ? int(n) : lanes;",
        *(f"  {width.vector(kind)} result{k};" for k, kind in enumerate(program.result_types)),
        f"  {_apply(name, program, _loads(kernel, f'{load}(count)'), '')}",
        *(f"  to{k}.{store}(result{k}, count);" for k in range(len(outputs))),
        f"  {' '.join(f'{item}.advance(1);' for item in (*inputs, *outputs))}",
        "}",
    ]


def _streams(kernel: PointwiseKernel) -> tuple[list[str], list[str]]:
    return [f"in{k}" for k in range(_streamed(kernel))], [f"to{k}" for k in range(len(kernel.program.results))]


def _unrolled(statement: str) -> str:
    return f"  unroll<step>([&](int k) TW_INLINE_LAMBDA {{ {statement} }});"


def _apply(name: str, program: Program, arguments: Sequence[str], index: str) -> str:
    """A statement that evaluates the program into `result<k><index>`."""
    results = [f"result{k}{index}" for k in range(len(program.results))]
    if len(results) == 1:
        return f"{results[0]} = {name}({', '.join(arguments)});"
    return f"{name}({', '.join([*arguments, *results])});"


def _unroll(kernel: PointwiseKernel) -> int:
    """Vectors per step: enough to hide the loop of short programs, no copies of long ones.

    Four vectors of three streams need more strides than there are registers for.
    """
    weight, streams = kernel.program.weight(), len(kernel.program.operands)
    if weight <= 2:
        streams = _streamed(kernel)
    return 4 if weight <= 6 and streams <= 2 else 2 if weight <= 20 else 1


def pointwise_signature(kernel: PointwiseKernel) -> str:
    """The C++ declaration of the kernel's function, in the namespace of its instruction set."""
    return f"void {kernel.symbol}(int64_t n, void* const* out, const void* const* in, const uint8_t* in_step)"


# -- reduction kernels


def _reduction(kernel: ReductionKernel) -> str:
    width, program = LaneWidth.of(kernel.compute), kernel.program
    name = f"map_{kernel.symbol}"
    result = width.vector(program.result_types[0])
    stored = "M8" if program.result_types[0] is ScalarType.MASK else result
    row, columns, combine = reduction_signatures(kernel)
    rows = short_rows_signature(kernel)
    fold = _COMBINES[kernel.combine]
    short_rows = f"reduce_short_rows<{fold}, Row_{kernel.symbol}>(rows, n, in, row_bytes, out);"
    return "\n".join(
        [
            function(name, program, width),
            _map_struct(f"Row_{kernel.symbol}", "Input", name, program, width, rows=True),
            _map_struct(f"Columns_{kernel.symbol}", "Column", name, program, width, rows=False),
            _definition(row, [f"reduce_row<{fold}>(n, Row_{kernel.symbol}{{{_members(program, rows=True)}}}, out);"]),
            _definition(
                columns,
                [
                    f"reduce_columns<{fold}, {_column_unroll(kernel)}>"
                    f"(n, cols, Columns_{kernel.symbol}{{{_members(program, rows=False)}}}, out);"
                ],
            ),
            _definition(combine, [f"combine_columns<{fold}, {stored}>(cols, acc, other);"]),
            *([_definition(rows, [short_rows])] if rows else []),
        ]
    )


def _column_unroll(kernel: ReductionKernel) -> int:
    """Registers of a row at a time: several where nothing but memory is the limit, no copies of longer programs."""
    return 4 if _folds_floats_as_they_lie(kernel) else 1


def _folds_floats_as_they_lie(kernel: ReductionKernel) -> bool:
    return kernel.program.weight() == 0 and kernel.compute in (ScalarType.F32, ScalarType.F64)


def _members(program: Program, rows: bool) -> str:
    stride = "" if rows else "row_stride[{0}], "
    return ", ".join(f"{{in[{k}], {stride.format(k)}in_step[{k}]}}" for k in range(len(program.operands)))


def _map_struct(struct: str, holder: str, name: str, program: Program, width: LaneWidth, *, rows: bool) -> str:
    """The mapped elements as `reduction_loop.h` reads them."""
    inputs = [f"in{k}" for k in range(len(program.operands))]
    where, place = ("int k", "k") if rows else ("int64_t row, int64_t column", "row, column")
    counted, counted_place = ("int count", "count") if rows else (f"{where}, int count", f"{place}, count")
    load = ", ".join(f"{item}.load({place})" for item in inputs)
    first = ", ".join(f"{item}.first({counted_place})" for item in inputs)
    lines = [
        f"struct {struct} {{",
        f"  using Result = {width.vector(program.result_types[0])};",
        *(f"  {holder}<{width.vector(operand.type)}> in{k};" for k, operand in enumerate(program.operands)),
        f"  TW_INLINE_MEMBER Result at({where}) const {{ return {name}({load}); }}",
        f"  TW_INLINE_MEMBER Result first({counted}) const {{ return {name}({first}); }}",
    ]
    if rows:
        lines.append(
            f"  TW_INLINE_MEMBER void advance(int k) {{ {' '.join(f'{item}.advance(k);' for item in inputs)} }}"
        )
    return "\n".join([*lines, "};", ""])


def short_rows_signature(kernel: ReductionKernel) -> str | None:
    """The C++ declaration of the function for many short rows; None where a function for each row does."""
    if not _folds_floats_as_they_lie(kernel):
        return None
    return f"void reduce_rows_{kernel.symbol}(int64_t rows, int64_t n, const void* in, int64_t row_bytes, void* out)"


def reduction_signatures(kernel: ReductionKernel) -> tuple[str, str, str]:
    """The C++ declarations of the row, column and combine functions."""
    symbol = kernel.symbol
    return (
        f"void reduce_row_{symbol}(int64_t n, const void* const* in, const uint8_t* in_step, void* out)",
        f"void reduce_cols_{symbol}(int64_t n, int64_t cols, const void* const* in, const int64_t* row_stride, "
        "const uint8_t* in_step, void* out)",
        f"void combine_{symbol}(int64_t cols, void* acc, const void* other)",
    )


# -- files


def _definition(signature: str, body: Iterable[str]) -> str:
    return f"{signature} {{\n" + "\n".join(f"  {line}" for line in body) + "\n}\n"


def _file(head: Sequence[str], parts: Sequence[str]) -> str:
    opening = [*head, "", "namespace tw {", "namespace TW_ISA_NS {", ""]
    return "\n".join([*opening, *parts, "}  // namespace TW_ISA_NS", "}  // namespace tw", ""])


def _checked(op: str) -> str:
    if not _NAME.fullmatch(op):
        raise ValueError(f"op name {op!r} is not an identifier")
    return op
