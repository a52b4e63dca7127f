"""What a row consists of. NumPy arrays stand for tensors, so that a row knows no framework."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FLOAT = ("float32", "float64")
LOW = ("float16", "bfloat16")  # kept as float32 arrays of representable values: NumPy has no bfloat16
INTEGER = ("int8", "int16", "int32", "int64", "uint8")
BOOL = ("bool",)
COMPLEX = ("complex64", "complex128")
REAL = FLOAT + LOW + INTEGER
ALL = REAL + BOOL + COMPLEX

Array = npt.NDArray[Any]


class LowArray(np.ndarray[Any, Any]):
    """A float32 array that stands for a tensor of a 16-bit dtype."""

    dtype_name: str | None = None

    def __array_finalize__(self, source: Any) -> None:
        self.dtype_name = getattr(source, "dtype_name", None)


def rounded(values: Array, dtype: str) -> Array:
    """The nearest values of a 16-bit dtype, as float32."""
    if dtype == "float16":
        near = values.astype(np.float16).astype(np.float32)
    else:  # to 8 bits of precision: the upper half of the float32, ties to even
        bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
        near = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    low: LowArray = np.atleast_1d(near).view(LowArray)  # arithmetic has made a scalar of an array without dimensions
    low.dtype_name = dtype
    return low.reshape(np.shape(values))


class Make:
    """Draws arrays of the dtype under test; the same ones every time."""

    def __init__(self, name: str, dtype: str) -> None:
        self.dtype = dtype
        self._random = np.random.default_rng(zlib.crc32(f"{name} {dtype}".encode()))

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
        """Values from `low` to `high`; of integer dtypes from 5 times these (unsigned ones from 0 on)."""
        if self.dtype == "bool":
            return self.bools(*shape)
        if self.dtype in LOW:
            return rounded(self._random.uniform(low, high, shape).astype(np.float32), self.dtype)
        dtype = np.dtype(self.dtype)
        if dtype.kind in "iu":
            lowest = int(5 * low) if dtype.kind == "i" else max(int(5 * low), 0)
            return self._random.integers(lowest, max(int(5 * high), lowest + 1), shape).astype(dtype)
        values = self._random.uniform(low, high, shape)
        if dtype.kind == "c":
            values = values + 1j * self._random.uniform(low, high, shape)
        return np.asarray(values, dtype)

    def floats(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
        """Real floating values, in the precision of the dtype under test where it has one."""
        name = {"complex64": "float32", "complex128": "float64"}.get(self.dtype, self.dtype)
        values = self._random.uniform(low, high, shape)
        if name in LOW:
            return rounded(values.astype(np.float32), name)
        return np.asarray(values, name if name in FLOAT else "float32")

    def integers(self, *shape: int, low: int = 0, high: int = 5, dtype: str = "int64") -> Array:
        """From `low` to `high` - 1: indices, counts."""
        return np.asarray(self._random.integers(low, high, shape), dtype)

    def bools(self, *shape: int) -> Array:
        return np.asarray(self._random.integers(0, 2, shape), np.bool_)

    def permutation(self, n: int) -> Array:
        return np.asarray(self._random.permutation(n), np.int64)

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOAT + LOW

    @property
    def is_complex(self) -> bool:
        return self.dtype in COMPLEX


@dataclass(frozen=True)
class Case:
    """A call; for `refused` ones also what is raised."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    error: type[Exception] | None = None
    match: str = ""


def case(*args: Any, **kwargs: Any) -> Case:
    """A call that gives a result."""
    return Case(args, kwargs)


def refused(*args: Any, error: type[Exception], match: str, **kwargs: Any) -> Case:
    """A call that raises `error` with a message that the regular expression `match` finds."""
    return Case(args, kwargs, error, match)


@dataclass(frozen=True)
class Row:
    """An op of the public surface and how it is tried."""

    name: str  # below tw: "add", "linalg.solve", "nn.functional.conv1d", "Tensor.index_put_"
    samples: Callable[[Make], Iterable[Case]]
    dtypes: tuple[str, ...]
    reference: Callable[..., Any] | None = None  # the same call on arrays; None: only another framework is the oracle
    check: Callable[..., None] | None = None  # check(result, *args, **kwargs) where the result is not unique
    grad: bool | tuple[int | str, ...] = True  # or the arguments, by position or name, that have a gradient
    gradgrad: bool = True
    atol: float | None = None
    rtol: float | None = None
    random: bool = False  # shapes and dtypes are compared, values are not
    torch: str | None = None  # its name there, if another
    hermitian: tuple[int, ...] = ()  # arguments taken for Hermitian matrices: derivatives are along such ones
    families: tuple[str, ...] = field(default=())

    def cases(self, dtype: str) -> Iterator[Case]:
        """The calls for one dtype."""
        yield from self.samples(Make(self.name, dtype))


ROWS: dict[str, Row] = {}


def row(
    name: str, *, dtypes: tuple[str, ...] = FLOAT, **options: Any
) -> Callable[[Callable[[Make], Iterable[Case]]], Callable[[Make], Iterable[Case]]]:
    """Declares the row of an op; the decorated generator yields its cases. ValueError if there is one already."""

    def declare(samples: Callable[[Make], Iterable[Case]]) -> Callable[[Make], Iterable[Case]]:
        if name in ROWS:
            raise ValueError(f"op {name} has two rows: {ROWS[name].samples.__module__} and {samples.__module__}")
        ROWS[name] = Row(name, samples, dtypes, families=(samples.__module__.rpartition(".")[2],), **options)
        return samples

    return declare


def pointwise(
    *names: str, dtypes: tuple[str, ...] = FLOAT, low: float = -2.0, high: float = 2.0, **options: Any
) -> None:
    """Rows of functions of one tensor, each with NumPy's function of the name unless `reference` says otherwise."""
    for name in names:
        reference = options.get("reference", getattr(np, name.rpartition(".")[2], None))

        def samples(make: Make) -> Iterator[Case]:
            for shape in ((), (5,), (2, 3, 4), (0,), (3, 0)):
                yield case(make(*shape, low=low, high=high))

        row(name, dtypes=dtypes, **{**options, "reference": reference})(samples)
