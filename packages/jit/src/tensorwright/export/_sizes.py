"""Which sizes a function takes: what the caller left open is decided, what was asked for and is not so is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorwright import Tensor
from tensorwright.export._capture import REACH, Capture, Recording, Sizes, difference, failure
from tensorwright.export._specification import ExportError, Symbol

_MOST_ELEMENTS = 1 << 22  # of an input of the largest size that is tried
_LARGEST_SMALL = 3  # sizes up to it are tried one by one: they are where code takes another way


def settle(capture: Capture) -> Recording:
    """The graph for all sizes that were asked for.

    Raises:
        ExportError: if the function takes another way, or refuses, at some of them.
    """
    _decide_hints(capture)
    probes = capture.probes() if capture.wanted.symbols else []
    reason = failure(capture, probes)
    if reason is not None:
        raise ExportError(f"export: the sizes {_names(capture)} cannot all differ: {reason}{_advice(capture)}")
    edges = _edges(capture, probes)
    return capture.graph([*probes, *edges])


def _names(capture: Capture) -> str:
    return ", ".join(capture.wanted.symbols)


# ---- sizes that cannot be just any ----------------------------------------------------------------------------------


def _decide_hints(capture: Capture) -> None:
    """Sizes marked Dim.AUTO are symbols where the function lets them differ, alone or together with an equal one."""
    wanted = capture.wanted
    for name in [name for name, symbol in wanted.symbols.items() if symbol.hinted]:
        if failure(capture, capture.probes({name})) is None:
            continue
        if (partner := _partner(capture, name)) is not None:
            wanted.unite(name, partner)
        elif (most := _most(capture, wanted.symbols[name])) is not None:
            wanted.symbols[name].high = most
        else:
            wanted.freeze(name)


def _advice(capture: Capture) -> str:
    """What to ask for instead, found by varying one size at a time."""
    lines, said = [], set()
    for name, symbol in capture.wanted.symbols.items():
        reason = failure(capture, capture.probes({name}))
        if reason is None or name in said:
            continue
        if (partner := _partner(capture, name)) is not None:
            said.add(partner)
            lines.append(f"'{name}' and '{partner}' must be equal: use one Dim for both")
        elif (factor := _factor(capture, symbol)) is not None:
            lines.append(f"'{name}' must be a multiple of {factor}: use {factor}*Dim(...) for it")
        elif (most := _most(capture, symbol)) is not None:
            lines.append(f"'{name}' may be at most {most}: use Dim('{name}', max={most})")
        else:
            lines.append(f"'{name}' must be {symbol.example}, as in the example: leave it out")
    return "".join(f"\n  {line}" for line in lines)


def _holds(capture: Capture, name: str, sizes: Iterable[int], *equal: str) -> bool:
    """Whether one graph serves these sizes of a symbol, and of others that stay equal to it."""
    probes = [{**capture.example, **dict.fromkeys((name, *equal), size)} for size in sizes]
    return failure(capture, probes) is None


def _partner(capture: Capture, name: str) -> str | None:
    """Another symbol that must be equal to this one."""
    symbols = capture.wanted.symbols
    value = symbols[name].example
    equal = (other for other, symbol in symbols.items() if other != name and symbol.example == value)
    return next((other for other in equal if _holds(capture, name, (value + 1, value + 3, value + 4), other)), None)


def _factor(capture: Capture, symbol: Symbol) -> int | None:
    """The number that must divide a size, if the function takes just its multiples."""
    dividing = (factor for factor in (2, 3, 4, 5, 6, 7, 8, 16, 32, 64) if symbol.example % factor == 0)
    multiples = ((factor, [symbol.example + k * factor for k in (1, 2, 3, 5)]) for factor in dividing)
    return next((factor for factor, sizes in multiples if _holds(capture, symbol.name, sizes)), None)


def _most(capture: Capture, symbol: Symbol) -> int | None:
    """The largest size up to which one graph serves, if it serves more than the example."""
    most = None
    for size in range(symbol.example + 1, symbol.example + REACH + 1):
        if not _holds(capture, symbol.name, (size,)):
            break
        most = size
    return most


# ---- the ends of ranges ---------------------------------------------------------------------------------------------


def _edges(capture: Capture, probes: list[Sizes]) -> list[Sizes]:
    """The smallest and the largest of each size, where the graph holds there too.

    A smallest size that the caller did not name is the first of 0 to 3 at which the same graph is recorded, or from
    which on it gives the same (equal results of an empty tensor alone say nothing); else the one down to which it holds
    from the example's, of which REACH are tried.
    """
    edges = []
    for symbol in capture.wanted.symbols.values():
        edges += _lower_edge(capture, symbol, probes)
        if symbol.high is not None and symbol.high > symbol.example and _affordable(capture, symbol):
            edges += _edge(capture, symbol, symbol.high, probes, "give it a smaller max")
    return edges


def _lower_edge(capture: Capture, symbol: Symbol, probes: list[Sizes]) -> list[Sizes]:
    if symbol.firm:
        return _edge(capture, symbol, symbol.low, probes, "give it a larger min")
    low, edges = None, []
    for size in range(min(_LARGEST_SMALL + 1, symbol.example)):
        edge = {**capture.example, symbol.name: size}
        reason, recordable = _at_edge(capture, edge, probes)
        low = None if reason is not None else size if low is None else low
        if recordable:
            edges = [edge]
            break
    if low is not None:
        symbol.low = low
        return edges
    symbol.low = symbol.example
    while symbol.low > max(_LARGEST_SMALL, symbol.example - REACH) and _reaches(capture, symbol, probes):
        symbol.low -= 1
    return []


def _reaches(capture: Capture, symbol: Symbol, probes: list[Sizes]) -> bool:
    """Whether the graph holds for one less than the smallest size so far."""
    return _at_edge(capture, {**capture.example, symbol.name: symbol.low - 1}, probes)[0] is None


def _at_edge(capture: Capture, edge: Sizes, probes: list[Sizes]) -> tuple[str | None, bool]:
    """Why the graph does not hold there, and whether it can be made from a recording there too.

    Where another graph runs (a view in place of a copy, say), the one of the other sizes holds if it gives the same.
    """
    reason = failure(capture, [*probes, edge])
    if reason is None:
        return None, True
    program = capture.graph(probes).program

    def run(leaves: list[Any]) -> Any:
        return program.run("forward", *[leaf for leaf in leaves if isinstance(leaf, Tensor)])

    return (None if difference(capture, run, edge) is None else reason), False


def _edge(capture: Capture, symbol: Symbol, size: int, probes: list[Sizes], advice: str) -> list[Sizes]:
    if size == symbol.example:
        return []
    edge = {**capture.example, symbol.name: size}
    reason, recordable = _at_edge(capture, edge, probes)
    if reason is not None:
        raise ExportError(
            f"export: {symbol.name} may be {size} by its Dim, but the graph of the example does not hold there: "
            f"{reason}; {advice}"
        )
    return [edge] if recordable else []


def _affordable(capture: Capture, symbol: Symbol) -> bool:
    """Whether inputs of the largest size are small enough to try."""
    growth = (symbol.high or 0) / max(symbol.example, 1)
    return all(item.value.numel() * growth <= _MOST_ELEMENTS for item in capture.wanted.tensors)
