"""Sizes that may differ between calls of an exported program."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from enum import Enum


class DimHint(Enum):
    """How to treat a size that has no name."""

    AUTO = "auto"
    STATIC = "static"

    def __repr__(self) -> str:
        return f"Dim.{self.name}"


class Dim:
    """A size with a name, which may be any number of its range. Inputs that share a ``Dim`` share the size.

    ``2 * dim`` and ``dim + 1`` are sizes that follow from it. ``Dim.AUTO`` stands for a size that may differ between
    calls as far as the function lets it; ``Dim.STATIC`` for one that may not.

    Attributes:
        name: what messages and the graph call it.
        min: the smallest value; None: 0, or the smallest at which the function goes the way of the example.
        max: the largest value; None: there is none.

    Example:
        >>> from tensorwright.export import Dim
        >>> batch = Dim("batch", min=1, max=64)
        >>> batch, 2 * batch + 1
        (Dim('batch', min=1, max=64), 2*batch + 1)
    """

    AUTO = DimHint.AUTO
    DYNAMIC = DimHint.AUTO
    STATIC = DimHint.STATIC

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None) -> None:
        """
        Raises:
            ValueError: if the name is no identifier, or the range is empty or begins below zero.
        """
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"Dim: the name must be an identifier, got {name!r}")
        if (min is not None and min < 0) or (max is not None and max < (min or 0)):
            raise ValueError(f"Dim({name!r}): there is no size from {min or 0} to {max}")
        self.name = name
        self.min = min
        self.max = max

    def __mul__(self, factor: int) -> DerivedDim:
        return DerivedDim(self) * factor

    __rmul__ = __mul__

    def __add__(self, offset: int) -> DerivedDim:
        return DerivedDim(self) + offset

    __radd__ = __add__

    def __sub__(self, offset: int) -> DerivedDim:
        return DerivedDim(self) + -offset

    def __repr__(self) -> str:
        limits = "".join(f", {key}={value}" for key in ("min", "max") if (value := getattr(self, key)) is not None)
        return f"Dim({self.name!r}{limits})"


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several sizes with one range.

    Example:
        >>> from tensorwright.export import dims
        >>> dims("height", "width", min=8)
        (Dim('height', min=8), Dim('width', min=8))
    """
    return tuple(Dim(name, min=min, max=max) for name in names)


@dataclass(frozen=True)
class DerivedDim:
    """``scale * root + offset``.

    Attributes:
        root: the size that it follows from.
        scale: at least 1.
        offset: any int.
    """

    root: Dim
    scale: int = 1
    offset: int = 0

    def __mul__(self, factor: int) -> DerivedDim:
        if not isinstance(factor, int) or factor < 1:
            raise ValueError(f"a size can be multiplied by positive ints, got {factor!r}")
        return DerivedDim(self.root, self.scale * factor, self.offset * factor)

    __rmul__ = __mul__

    def __add__(self, offset: int) -> DerivedDim:
        if not isinstance(offset, int):
            raise ValueError(f"an int can be added to a size, got {offset!r}")
        return DerivedDim(self.root, self.scale, self.offset + offset)

    __radd__ = __add__

    def __sub__(self, offset: int) -> DerivedDim:
        return self + -offset

    def __repr__(self) -> str:
        product = self.root.name if self.scale == 1 else f"{self.scale}*{self.root.name}"
        return product if self.offset == 0 else f"{product} {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
