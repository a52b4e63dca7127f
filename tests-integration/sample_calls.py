"""Calls of the ops that the table of samples names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorwright as tw
from samples import all_rows
from samples.table import LOW, Array, Case, LowArray, Row

# Relative and absolute error of one rounded operation after a few: 16-bit results are compared after rounding.
TOLERANCE = {
    "float16": (2e-3, 1e-3), "bfloat16": (1.6e-2, 8e-3), "float32": (2e-5, 2e-5), "float64": (1e-10, 1e-10),
    "complex64": (2e-5, 2e-5), "complex128": (1e-10, 1e-10),
}  # fmt: skip


def function_of(row: Row) -> Callable[..., Any]:
    """What the row's name stands for; AttributeError if there is no such thing."""
    return named(tw, row.name)


def named(root: Any, path: str) -> Callable[..., Any]:
    """The function of a dotted name; of an attribute of Tensor, the function that reads it."""
    found = root
    for part in path.split("."):
        found = getattr(found, part)
    return found if callable(found) else Reader(found)


class Reader:
    """Reads an attribute that a type describes."""

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor
        self.__doc__ = descriptor.__doc__

    def __call__(self, owner: Any) -> Any:
        return self.descriptor.__get__(owner, type(owner))


def has_function(row: Row) -> bool:
    try:
        function_of(row)
    except AttributeError:
        return False
    return True


def method_of(row: Row, suffix: str = "") -> str | None:
    """The method of Tensor of the same name, if there is one."""
    name = row.name.rpartition(".")[2] + suffix
    plain = "." not in row.name or row.name.startswith("Tensor.")
    return name if plain and callable(getattr(tw.Tensor, name, None)) else None


def to_tensor(array: Array) -> tw.Tensor:
    if isinstance(array, LowArray) and array.dtype == np.float32 and array.dtype_name in LOW:
        return tw.tensor(np.asarray(array)).to(getattr(tw, array.dtype_name))
    return tw.tensor(np.asarray(array))


def converted(value: Any, convert: Callable[[Array], Any]) -> Any:
    """The structure of an argument or a result with each array replaced."""
    if isinstance(value, np.ndarray):
        return convert(value)
    if isinstance(value, (list, tuple)):
        return type(value)(converted(item, convert) for item in value)
    return value


def tensors_of(case: Case, convert: Callable[[Array], Any] = to_tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return converted(case.args, convert), {name: converted(value, convert) for name, value in case.kwargs.items()}


def named_dtypes(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Rows name dtypes by text."""
    return {k: getattr(tw, v) if k == "dtype" and isinstance(v, str) else v for k, v in kwargs.items()}


def call(row: Row, case: Case, convert: Callable[[Array], Any] = to_tensor) -> Any:
    args, kwargs = tensors_of(case, convert)
    return function_of(row)(*args, **named_dtypes(kwargs))


def leaves(result: Any) -> Iterator[Any]:
    """The tensors and numbers of a result, in order."""
    if isinstance(result, (list, tuple)) and not isinstance(result, tw.Size):
        for item in result:
            yield from leaves(item)
    else:
        yield result


def to_array(value: Any) -> Array:
    if isinstance(value, tw.Tensor):
        value = value.detach()
        return np.asarray((value.to(tw.float32) if str(value.dtype).rpartition(".")[2] in LOW else value).numpy())
    return np.asarray(value)


def tolerances(row: Row, dtype: str) -> tuple[float, float]:
    """Relative and absolute."""
    relative, absolute = TOLERANCE.get(dtype, (1e-6, 1e-6))
    return (row.rtol if row.rtol is not None else relative), (row.atol if row.atol is not None else absolute)


def instances(rows: Sequence[Row] | None = None) -> list[tuple[Row, str]]:
    """Rows and dtypes to run."""
    return [(row, dtype) for row in rows or all_rows() for dtype in row.dtypes]


def good_cases(row: Row, dtype: str) -> Iterator[Case]:
    return (case for case in row.cases(dtype) if case.error is None)
