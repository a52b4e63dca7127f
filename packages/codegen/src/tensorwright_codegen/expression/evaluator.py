"""Evaluates programs on NumPy arrays: the oracle that generated kernels are tested against.

Needs NumPy, which code generation itself does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .ir import Instruction, Program
from .semantics import DTYPES, SEMANTICS, Array, lookup, product

BLOCK = 1024
"""Elements that one block of the reduction tree holds."""
LANES = 16
"""Virtual lanes of a block."""


def evaluate(program: Program, operands: Mapping[str, Any] | Sequence[Any]) -> tuple[Array, ...]:
    """The results of `program`, one array each, over operands that broadcast against each other.

    Operands are given by name or in the program's order, and must have exactly the dtype declared
    (TypeError otherwise); masks are bool arrays.
    """
    arrays = _arrays(program, operands)
    shape = np.broadcast_shapes(*(array.shape for array in arrays)) if arrays else ()
    with np.errstate(all="ignore"):
        results = _run(program, [np.atleast_1d(array) for array in arrays])
    return tuple(np.broadcast_to(result, shape).copy() if shape else result.reshape(()) for result in results)


def evaluate_reduction(
    program: Program,
    combine: str,
    operands: Mapping[str, Any] | Sequence[Any],
    axis: int | None = None,
) -> Array:
    """Reduces the mapped elements by the specified tree, along `axis` or over all elements in row-major order.

    `combine` is sum, prod, max, min, any or all. ValueError for max and min of nothing.
    """
    (mapped,) = evaluate(program, operands)
    rows = mapped.reshape(-1, 1) if axis is None else np.moveaxis(mapped, axis, 0)
    if len(rows) == 0:
        return _identity(combine, rows)
    with np.errstate(all="ignore"):
        result = _fold_blocks(product if combine == "prod" else SEMANTICS[COMBINES[combine]], rows)
    return result.reshape(()) if axis is None else result


COMBINES: dict[str, str] = {
    "sum": "add",
    "prod": "mul",
    "max": "maximum",
    "min": "minimum",
    "any": "or_",
    "all": "and_",
}

_IDENTITIES = {"sum": 0, "prod": 1, "any": False, "all": True}


def _identity(combine: str, rows: Array) -> Array:
    if combine not in _IDENTITIES:
        raise ValueError(f"{combine} of no elements is not defined")
    return np.full(rows.shape[1:], _IDENTITIES[combine], dtype=rows.dtype)


def _arrays(program: Program, operands: Mapping[str, Any] | Sequence[Any]) -> list[Array]:
    if isinstance(operands, Mapping):
        given = [operands[operand.name] for operand in program.operands]
    else:
        given = list(operands)
    if len(given) != len(program.operands):
        raise TypeError(f"expected {len(program.operands)} operands, got {len(given)}")
    arrays = [np.asarray(item) for item in given]
    for operand, array in zip(program.operands, arrays, strict=True):
        if array.dtype != DTYPES[operand.type]:
            raise TypeError(f"operand {operand.name}: expected {DTYPES[operand.type]}, got {array.dtype}")
    return arrays


def _run(program: Program, operands: Sequence[Array]) -> list[Array]:
    values: list[Array] = []
    for item in program.body:
        values.append(_step(item, operands, [values[arg] for arg in item.args]))
    return [values[index] for index in program.results]


def _step(item: Instruction, operands: Sequence[Array], args: Sequence[Array]) -> Array:
    if item.op == "operand":
        assert isinstance(item.value, int)
        return operands[item.value]
    if item.op == "constant":
        return np.array([item.value], dtype=DTYPES[item.type])
    if item.op == "lookup":
        return lookup(np.array(item.value, dtype=DTYPES[item.type]), args[0])
    if item.callee is not None:
        return _run(item.callee.program, args)[0]
    result = np.asarray(SEMANTICS[item.op](*args))
    assert result.dtype == DTYPES[item.type], f"{item.op} gave {result.dtype}, not {item.type.value}"
    return result


Combine = Callable[[Array, Array], Array]


def _fold_blocks(combine: Combine, rows: Array) -> Array:
    """Combines block results as a binary counter does: equal sizes first, then what is left, last to first."""
    pending: list[tuple[int, Array]] = []
    for start in range(0, len(rows), BLOCK):
        size, total = 1, _fold_lanes(combine, rows[start : start + BLOCK])
        while pending and pending[-1][0] == size:
            total = combine(pending.pop()[1], total)
            size *= 2
        pending.append((size, total))
    result = pending.pop()[1]
    while pending:
        result = combine(pending.pop()[1], result)
    return result


def _fold_lanes(combine: Combine, block: Array) -> Array:
    lanes = block[:LANES].copy()
    for start in range(LANES, len(block), LANES):
        row = block[start : start + LANES]
        lanes[: len(row)] = combine(lanes[: len(row)], row)
    distance = LANES // 2
    while distance:
        above = lanes[distance:]
        lanes[: len(above)] = combine(lanes[: len(above)], above)
        lanes = lanes[:distance]
        distance //= 2
    return np.asarray(lanes[0])
