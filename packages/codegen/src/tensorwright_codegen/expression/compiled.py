"""Compiles generated kernels with the system's compiler and calls them on NumPy arrays, for tests.

The sources, flags and kernel contract are those of tensor-core's build; only the driver is missing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .ir import ScalarType
from .kernels import (
    PointwiseKernel,
    ReductionKernel,
    emit_pointwise_unit,
    emit_reduction_unit,
    pointwise_signature,
    reduction_signatures,
    short_rows_signature,
)

Array = npt.NDArray[Any]
Key = tuple[str, ScalarType]

FLAGS = ("-std=c++17", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-Wall", "-Wextra", "-Werror")


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


def available_instruction_sets() -> list[InstructionSet]:
    """Those this machine can run. `portable` is the code for processors that have no part of their own."""
    return [item for item in INSTRUCTION_SETS if item.needs <= _machine_features()]


def _machine_features() -> set[str]:
    info = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not info.exists():
        return set()
    line = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
    return set(line.split())


_POINTER = ctypes.c_void_p
_POINTWISE = ctypes.CFUNCTYPE(None, ctypes.c_int64, _POINTER, _POINTER, _POINTER)
_ROW = ctypes.CFUNCTYPE(None, ctypes.c_int64, _POINTER, _POINTER, _POINTER)
_ROWS = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, _POINTER, ctypes.c_int64, _POINTER)
_COLUMNS = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, _POINTER, _POINTER, _POINTER, _POINTER)
_COMBINE = ctypes.CFUNCTYPE(None, ctypes.c_int64, _POINTER, _POINTER)


@dataclass(frozen=True)
class CompiledKernels:
    """The kernels of one instruction set. Methods take contiguous arrays and check nothing, as the driver does."""

    library: ctypes.CDLL
    pointwise_address: dict[Key, int]
    reduction_addresses: dict[Key, tuple[int, int, int]]
    short_rows_address: dict[Key, int]

    def pointwise(
        self, kernel: PointwiseKernel, n: int, out: Sequence[Array], operands: Sequence[Array], steps: Sequence[int]
    ) -> None:
        """Operands of step 0 are `splat`s."""
        targets, sources, step = _addresses(out), _addresses(operands), _bytes(steps)
        function = _POINTWISE(self.pointwise_address[kernel.op, kernel.compute])
        function(n, targets.ctypes.data, sources.ctypes.data, step.ctypes.data)

    def row(self, kernel: ReductionKernel, n: int, out: Array, operands: Sequence[Array], steps: Sequence[int]) -> None:
        """One block: at most 1024 elements to one result."""
        sources, step = _addresses(operands), _bytes(steps)
        function = _ROW(self.reduction_addresses[kernel.op, kernel.compute][0])
        function(n, sources.ctypes.data, step.ctypes.data, out.ctypes.data)

    def short_rows(self, kernel: ReductionKernel, out: Array, operand: Array) -> None:
        """Rows of at most 1024 elements to one result each; for kernels that have a `short_rows_signature`."""
        function = _ROWS(self.short_rows_address[kernel.op, kernel.compute])
        function(*operand.shape, operand.ctypes.data, operand.strides[0], out.ctypes.data)

    def columns(
        self,
        kernel: ReductionKernel,
        shape: tuple[int, int],
        out: Array,
        operands: Sequence[Array],
        strides: Sequence[int],
        steps: Sequence[int],
    ) -> None:
        """At most 1024 rows to one result a column."""
        sources, stride, step = _addresses(operands), np.array(strides, dtype=np.int64), _bytes(steps)
        function = _COLUMNS(self.reduction_addresses[kernel.op, kernel.compute][1])
        function(*shape, sources.ctypes.data, stride.ctypes.data, step.ctypes.data, out.ctypes.data)

    def combine(self, kernel: ReductionKernel, acc: Array, other: Array) -> None:
        function = _COMBINE(self.reduction_addresses[kernel.op, kernel.compute][2])
        function(len(acc), acc.ctypes.data, other.ctypes.data)


def splat(value: Any, dtype: np.dtype[Any]) -> Array:
    """The 64 bytes that an operand of step 0 points at."""
    return np.full(64 // dtype.itemsize, value, dtype=dtype)


def write_sources(folder: Path, pointwise: Sequence[PointwiseKernel], reductions: Sequence[ReductionKernel]) -> None:
    """Writes a unit for each compute type, one of reductions, and one of addresses."""
    for compute in ScalarType:
        unit = emit_pointwise_unit([kernel for kernel in pointwise if kernel.compute is compute])
        (folder / f"pointwise_{compute.value}.cpp").write_text(unit)
    (folder / "reduction_all.cpp").write_text(emit_reduction_unit(reductions))
    (folder / "addresses.cpp").write_text(_addresses_unit(pointwise, reductions))


def _addresses_unit(pointwise: Sequence[PointwiseKernel], reductions: Sequence[ReductionKernel]) -> str:
    """The addresses of all kernels in order, where ctypes can find them."""
    declared = [pointwise_signature(kernel) for kernel in pointwise]
    declared += [signature for kernel in reductions for signature in reduction_signatures(kernel)]
    declared += [signature for kernel in reductions if (signature := short_rows_signature(kernel))]
    names = [signature.split("(")[0].removeprefix("void ") for signature in declared]
    return "\n".join(
        [
            "#include <cstdint>",
            "namespace tw::TW_ISA_NS {",
            *(f"{signature};" for signature in declared),
            "}",
            'extern "C" const void* const kernel_addresses[] = {',
            *(f"    reinterpret_cast<const void*>(&tw::TW_ISA_NS::{name})," for name in names),
            "};",
            "",
        ]
    )


def compile_kernels(
    folder: Path,
    isa: InstructionSet,
    pointwise: Sequence[PointwiseKernel],
    reductions: Sequence[ReductionKernel],
    include: Path,
    compiler: str = "g++",
) -> CompiledKernels:
    """Compiles and loads what `write_sources` wrote of these kernels.

    `include` is the folder that holds `tensorwright/simd/vec.h`. RuntimeError with the compiler's words if it does not
    compile.
    """
    target = folder / f"{isa.name}.so"
    define = [f"-DTW_ISA_NS={isa.name}", f"-DTW_VBYTES={isa.vector_bytes}", f"-I{include}", f"-I{folder}"]
    sources = sorted(folder.glob("*.cpp"), key=lambda path: -path.stat().st_size)  # the longest first
    objects = [folder / f"{isa.name}_{path.stem}.o" for path in sources]

    def compile_unit(source: Path, unit: Path) -> None:
        _run([compiler, *FLAGS, *isa.flags, *define, "-c", str(source), "-o", str(unit)])

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(compile_unit, sources, objects))
    _run([compiler, "-shared", *map(str, objects), "-o", str(target)])
    library = ctypes.CDLL(str(target))
    several = [kernel for kernel in reductions if short_rows_signature(kernel)]
    count = len(pointwise) + 3 * len(reductions) + len(several)
    found = iter((ctypes.c_void_p * count).in_dll(library, "kernel_addresses"))
    return CompiledKernels(
        library,
        {(kernel.op, kernel.compute): _next(found) for kernel in pointwise},
        {(kernel.op, kernel.compute): (_next(found), _next(found), _next(found)) for kernel in reductions},
        {(kernel.op, kernel.compute): _next(found) for kernel in several},
    )


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr[:4000])


def _next(addresses: Iterator[int | None]) -> int:
    address = next(addresses)
    assert address is not None
    return address


def _addresses(arrays: Sequence[Array]) -> Array:
    return np.array([array.ctypes.data for array in arrays], dtype=np.uintp)


def _bytes(values: Sequence[int]) -> Array:
    return np.array(values, dtype=np.uint8)
