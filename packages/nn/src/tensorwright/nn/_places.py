"""Where in a model an exception was raised: the note (PEP 678) that it carries out of the outermost module called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import TracebackType
from typing import Any

from tensorwright import Tensor
from tensorwright.extend import FailedCall

from ._module import Module
from ._origins import Frame, Origins

_LONGEST = 60


class Place(str):
    """The note of an exception; it remembers the innermost call until the outer modules have added their names."""

    module: Module
    arguments: dict[str, object]

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def note(error: Exception, model: Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Write into the exception's note how it looks from `model`, whose call it leaves; there is one note."""
    if isinstance(error, RecursionError):
        return  # no stack is left to look at the stack with
    notes: list[str] = getattr(error, "__notes__", [])
    at = next((i for i, text in enumerate(notes) if isinstance(text, Place)), None)
    arguments = _named(model, args, kwargs)
    inner = None if at is None else notes[at]
    module, given = (inner.module, inner.arguments) if isinstance(inner, Place) else (model, arguments)
    frames = list(_frames(error.__traceback__))
    chain = _chain(model, frames, module)
    path, roots = _path(chain)
    where = (
        f"in {path} ({type(chain[-1]).__name__}) of {type(model).__name__}" if path else f"in {type(model).__name__}"
    )
    text = Place("\n".join([where, *_lines(error, given, Origins(roots, arguments, frames))]))
    text.module, text.arguments = module, given
    if at is None:
        error.add_note(text)
    else:
        notes[at] = text


def _named(module: Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, object]:
    """The arguments of a call by the names that `forward` gives them."""
    try:
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # they do not fit, which may be what is wrong; or forward has no signature
        return {f"#{i + 1}": value for i, value in enumerate(args)} | dict(kwargs)
    return dict(bound)


def _frames(traceback: TracebackType | None) -> Iterator[Frame]:
    while traceback is not None:
        yield Frame.of(traceback.tb_frame, traceback.tb_lasti)
        traceback = traceback.tb_next


# ---- the path --------------------------------------------------------------------------------------------


def _chain(model: Module, frames: Sequence[Frame], innermost: Module) -> list[Module]:
    """The modules whose methods were running, from `model` on."""
    running = [frame.module for frame in frames if frame.module is not None]
    ran = [model, *running] if any(module is innermost for module in running) else [model, *running, innermost]
    return [model] + [inner for outer, inner in pairwise(ran) if inner is not outer]


def _path(chain: Sequence[Module]) -> tuple[str, list[tuple[str, Module]]]:
    """The name of the last module of the chain below the first, empty for that one itself; and the roots of the names.

    Roots are the first module, and those that are called where they are no member of any module on the way.
    """
    paths, roots = [""], [("", chain[0])]
    for end, module in enumerate(chain[1:], start=1):
        path = next(filter(None, (_below(chain[i], paths[i], module) for i in reversed(range(end)))), "")
        if not path and module is not chain[0]:
            path = f"{paths[-1] or type(chain[0]).__name__} > {type(module).__name__}"
            roots.append((path, module))
        paths.append(path)
    return paths[-1], roots


def _below(outer: Module, path: str, module: Module) -> str:
    """The path of a module that is a member of `outer`; empty if it is none."""
    return next((name for name, inner in outer.named_modules(prefix=path) if inner is module), "")


# ---- the words -------------------------------------------------------------------------------------------


def _lines(error: Exception, given: Mapping[str, object], origins: Origins) -> Iterator[str]:
    if given:
        yield "  called with " + ", ".join(f"{name} = {_shown(value)}" for name, value in given.items())
    call = getattr(error, "failed_call", None)
    if isinstance(call, FailedCall) and call.operands:
        yield f"  tensors of {call.op}:"
        yield from _table(call, origins)


def _table(call: FailedCall, origins: Origins) -> Iterator[str]:
    rows = []
    for argument, value in call.operands.items():
        tensors = (
            {argument: value} if isinstance(value, Tensor) else {f"{argument}[{i}]": t for i, t in enumerate(value)}
        )
        rows += [(name, _shape(tensor, call.axes(name)), origins.of(tensor)) for name, tensor in tensors.items()]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for name, shape, origin in rows:
        yield f"    {name:{widths[0]}}  {shape:{widths[1]}}  {origin}".rstrip()


def _shape(tensor: Tensor, marked: Sequence[int] = ()) -> str:
    """``float32[4, *3*]``: dtype and shape, the axes that do not fit between stars."""
    sizes = (f"*{size}*" if axis in marked else str(size) for axis, size in enumerate(tensor.shape))
    return f"{str(tensor.dtype).rpartition('.')[2]}[{', '.join(sizes)}]"


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return _shape(value)
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
    if type(value) in (list, tuple) and len(value) <= 4:  # type: ignore[arg-type]
        return f"{type(value).__name__} of {', '.join(map(_shown, value)) or 'nothing'}"  # type: ignore[call-overload]
    return type(value).__name__
