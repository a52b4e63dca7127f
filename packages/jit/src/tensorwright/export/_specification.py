"""What the caller says about the sizes of inputs, read against the example inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorwright import Tensor
from tensorwright._tree import taken_apart
from tensorwright.export._dims import DerivedDim, Dim, DimHint


class ExportError(RuntimeError):
    """A function cannot be exported as it was asked for; the message says where, why and what to do."""


@dataclass
class Symbol:
    """A size that differs between calls.

    Attributes:
        name: of the :class:`Dim`, or one made up.
        example: its value in the example inputs.
        low: the smallest value asked for.
        high: the largest, if there is one.
        firm: the caller named the smallest value: it is not to be moved.
        hinted: the caller left it to the function whether this size may differ.
    """

    name: str
    example: int
    low: int = 0
    high: int | None = None
    firm: bool = False
    hinted: bool = False


@dataclass
class Input:
    """An argument, or a part of a nested one.

    Attributes:
        name: of the parameter, with the keys that lead to a part.
        value: in the example.
        sizes: of a tensor: an int, or (symbol, scale, offset), for each dimension.
    """

    name: str
    value: Any
    sizes: list[int | tuple[str, int, int]] = field(default_factory=list)

    @property
    def is_tensor(self) -> bool:
        """Whether it is an input of the graph; other values are constants."""
        return isinstance(self.value, Tensor)

    def text(self, dim: int) -> str:
        """A size as the graph writes it."""
        size = self.sizes[dim]
        if isinstance(size, int):
            return str(size)
        symbol, scale, offset = size
        return repr(DerivedDim(Dim(symbol), scale, offset))


@dataclass
class Specification:
    """All inputs in the order of their leaves, and the symbols by name."""

    inputs: list[Input]
    symbols: dict[str, Symbol]

    @property
    def tensors(self) -> list[Input]:
        """The inputs of the graph."""
        return [item for item in self.inputs if item.is_tensor]

    def copy(self) -> Specification:
        """The same sizes of tensors without the example's values: zeros, which are small and valid indices."""
        inputs = [
            Input(item.name, item.value.detach().new_zeros(item.value.shape), list(item.sizes)) for item in self.tensors
        ]
        return Specification(inputs, {name: replace(symbol, hinted=False) for name, symbol in self.symbols.items()})

    def freeze(self, symbol: str) -> None:
        """Take a symbol for its value in the example."""
        value = self.symbols.pop(symbol).example
        self._replace(symbol, lambda scale, offset: scale * value + offset)

    def unite(self, symbol: str, other: str) -> None:
        """Take two symbols for one, which keeps the second's name."""
        del self.symbols[symbol]
        self._replace(symbol, lambda scale, offset: (other, scale, offset))

    def _replace(self, symbol: str, new: Callable[[int, int], Any]) -> None:
        for item in self.inputs:
            item.sizes = [
                new(*size[1:]) if isinstance(size, tuple) and size[0] == symbol else size for size in item.sizes
            ]


def arguments_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the names of the parameters; several of ``*args`` are numbered."""
    call = getattr(function, "forward", function)
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    stars = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), "input")
    names = plain[: len(args)] + [f"{stars}{k}" for k in range(max(len(args) - len(plain), 0))]
    return {**dict(zip(names, args, strict=True)), **kwargs}


def specification(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic_shapes: Any
) -> Specification:
    """
    Raises:
        ExportError: if `dynamic_shapes` does not fit the arguments; names the argument.
    """
    arguments = arguments_of(function, args, kwargs)
    if dynamic_shapes is None:
        wanted: Mapping[str, Any] = {}
    elif isinstance(dynamic_shapes, Mapping):
        wanted = dynamic_shapes
    elif isinstance(dynamic_shapes, Sequence) and len(dynamic_shapes) == len(arguments):
        wanted = dict(zip(arguments, dynamic_shapes, strict=True))
    else:
        raise ExportError(
            f"export: dynamic_shapes must be a dict by argument, or have one entry for each of the {len(arguments)} "
            f"arguments ({', '.join(arguments)}), got {dynamic_shapes!r}"
        )
    for name in wanted:
        if name not in arguments:
            raise ExportError(f"export: dynamic_shapes names '{name}'; the arguments are {', '.join(arguments)}")
    reader = _Reader()
    for name, value in arguments.items():
        reader.read(name, value, wanted.get(name))
    return Specification(reader.inputs, reader.symbols)


class _Reader:
    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.symbols: dict[str, Symbol] = {}

    def read(self, name: str, value: Any, wanted: Any) -> None:
        if isinstance(value, Tensor):
            self.inputs.append(Input(name, value, list(self._sizes(name, value, wanted))))
        elif (parts := taken_apart(value)) is not None:
            self._read_parts(name, value if isinstance(value, dict) else dict(enumerate(parts[1])), wanted)
        elif wanted is None:
            self.inputs.append(Input(name, value))
        else:
            raise ExportError(f"export: dynamic_shapes has sizes for '{name}', which is a {type(value).__name__}")

    def _read_parts(self, name: str, parts: dict[Any, Any], wanted: Any) -> None:
        if wanted is not None and len(wanted) != len(parts):
            raise ExportError(
                f"export: dynamic_shapes of '{name}' must have {len(parts)} entries as the argument has, got {wanted!r}"
            )
        for key, part in parts.items():
            self.read(f"{name}_{key}", part, None if wanted is None else wanted[key])

    def _sizes(self, name: str, value: Tensor, wanted: Any) -> Iterator[int | tuple[str, int, int]]:
        by_dim = dict(enumerate(wanted)) if isinstance(wanted, (list, tuple)) else dict(wanted or {})
        if isinstance(wanted, (list, tuple)) and len(wanted) != value.ndim:
            raise ExportError(f"export: '{name}' has {value.ndim} dimensions, dynamic_shapes has {wanted!r} for it")
        by_dim = {dim + value.ndim if dim < 0 else dim: size for dim, size in by_dim.items()}
        for dim in by_dim:
            if not 0 <= dim < value.ndim:
                raise ExportError(f"export: '{name}' has {value.ndim} dimensions, dynamic_shapes names number {dim}")
        for dim, size in enumerate(value.shape):
            yield self._size(f"dimension {dim} of '{name}'", size, by_dim.get(dim))

    def _size(self, place: str, size: int, wanted: Any) -> int | tuple[str, int, int]:
        if wanted is None or wanted is DimHint.STATIC:
            return size
        if wanted is DimHint.AUTO:
            symbol = f"s{sum(s.hinted for s in self.symbols.values())}"
            self.symbols[symbol] = Symbol(symbol, size, hinted=True)
            return (symbol, 1, 0)
        if isinstance(wanted, int):
            if wanted != size:
                raise ExportError(f"export: {place} is {size}, dynamic_shapes says {wanted}")
            return size
        if not isinstance(wanted, (Dim, DerivedDim)):
            raise ExportError(f"export: {place} must be a Dim, an int or None in dynamic_shapes, got {wanted!r}")
        return self._named(place, size, wanted if isinstance(wanted, DerivedDim) else DerivedDim(wanted))

    def _named(self, place: str, size: int, wanted: DerivedDim) -> tuple[str, int, int]:
        root = wanted.root
        value, rest = divmod(size - wanted.offset, wanted.scale)
        if rest or value < (root.min or 0) or (root.max is not None and value > root.max):
            raise ExportError(f"export: {place} is {size}, which is no {wanted!r} for {root!r}")
        symbol = self.symbols.setdefault(
            root.name, Symbol(root.name, value, root.min or 0, root.max, root.min is not None)
        )
        if symbol.example != value:
            raise ExportError(
                f"export: {root.name} is {value} by {place}, and {symbol.example} by another input; sizes that share a "
                "Dim must be equal in the example"
            )
        return (root.name, wanted.scale, wanted.offset)
