"""Rows of window functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.signal import windows

from .table import FLOAT, Array, Case, Make, case, refused, row


def _periodic(name: str) -> Callable[..., Array]:
    def reference(length: int, periodic: bool = True, *args: float, dtype: str = "float32", **named: float) -> Array:
        values = list(args) + list(named.values())
        if name == "hamming":
            alpha, beta = (*values, 0.54, 0.46)[:2] if len(values) != 1 else (values[0], 0.46)
            n = np.arange(length) * 2 * np.pi / max(length if periodic else length - 1, 1)
            window = alpha - beta * np.cos(n) if length != 1 else np.ones(1)
        else:
            window = getattr(windows, name)(length, *((values or [12.0]) if name == "kaiser" else ()), sym=not periodic)
        return np.asarray(window, dtype)

    return reference


def lengths(make: Make) -> Iterator[Case]:
    for length in (0, 1, 2, 5, 8):
        yield case(length, dtype=make.dtype)
        yield case(length, False, dtype=make.dtype)
    yield refused(-1, error=ValueError, match="negative")
    yield refused(3, dtype="int64", error=TypeError, match="floating")


for _name in ("bartlett", "blackman", "hann"):
    row(f"{_name}_window", dtypes=FLOAT, reference=_periodic(_name))(lengths)


@row("hamming_window", dtypes=FLOAT, reference=_periodic("hamming"))
def hamming_window(make: Make) -> Iterator[Case]:
    yield from lengths(make)
    yield case(6, True, 0.6, dtype=make.dtype)
    yield case(6, False, alpha=0.6, beta=0.3, dtype=make.dtype)


@row("kaiser_window", dtypes=FLOAT, reference=_periodic("kaiser"))
def kaiser_window(make: Make) -> Iterator[Case]:
    yield from lengths(make)
    yield case(6, True, 3.5, dtype=make.dtype)
    yield case(6, False, beta=0.0, dtype=make.dtype)


def scipys(name: str, **positional: Any) -> Callable[..., Array]:
    """SciPy's window, whose further arguments are positional."""

    def reference(count: int, *, sym: bool = True, dtype: str = "float32", **options: Any) -> Array:
        values = {**positional, **options}
        return np.asarray(getattr(windows, name)(count, **values, sym=sym), dtype)

    return reference


def options_of(*choices: dict[str, Any]) -> Callable[[Make], Iterator[Case]]:
    def samples(make: Make) -> Iterator[Case]:
        for options in choices:
            for count in (0, 2, 7) if "center" in options else (0, 1, 2, 7):
                yield case(count, **options, dtype=make.dtype)
                if "center" not in options:
                    yield case(count, **options, sym=False, dtype=make.dtype)
        yield refused(-1, **choices[0], error=ValueError, match="negative")
        yield refused(3, **choices[0], dtype="int64", error=ValueError, match="dtype")

    return samples


_CHOICES: dict[str, tuple[dict[str, Any], ...]] = {
    "bartlett": ({},), "blackman": ({},), "cosine": ({},), "hamming": ({},), "hann": ({},), "nuttall": ({},),
    "exponential": ({}, {"tau": 2.5}, {"center": 2.0, "tau": 1.5, "sym": False}),
    "gaussian": ({"std": 1.0}, {"std": 2.5}),
    "general_cosine": ({"a": (0.5, 0.3, 0.2)}, {"a": (1.0,)}),
    "general_hamming": ({"alpha": 0.6},),
    "kaiser": ({"beta": 12.0}, {"beta": 3.0}),
}  # fmt: skip
for _name, _choices in _CHOICES.items():
    row(f"signal.windows.{_name}", dtypes=FLOAT, reference=scipys(_name))(options_of(*_choices))
