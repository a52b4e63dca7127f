"""Names of classes and functions in files, and which of them a file may name.

A file only says a name. What it stands for is looked up among what the program has: nothing is imported because a file
says so, and no class is made use of that was not meant for it.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from tensorwright import _C
from tensorwright._torch_files import UnsafeFileError

OURS = "tensorwright"
NETWORKS = "tensorwright.nn"  # of a distribution of its own, which may be absent
_OPS = "tensorwright.ops"
_PUBLIC_PLACES = (NETWORKS, "tensorwright.nn.functional", _OPS)

SafeGlobal = Callable[..., Any] | tuple[Callable[..., Any], str]
_allowed: dict[str, Any] = {}


def _natural_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _named(item: SafeGlobal) -> tuple[str, Any]:
    value, name = item if isinstance(item, tuple) else (item, "")
    if not callable(value) or not hasattr(value, "__qualname__") or not isinstance(name, str):
        raise TypeError(f"add_safe_globals: expected classes and functions, or pairs of one and its name, got {item!r}")
    return name or _natural_name(value), value


def add_safe_globals(safe_globals: Iterable[SafeGlobal]) -> None:
    """Let files name these classes and functions from now on.

    ``tensorwright.load`` gives objects of such a class the attributes that the file holds, without calling anything.

    Args:
        safe_globals: classes and functions, or pairs of one and the name by which files know it.

    Raises:
        TypeError: for anything else.

    Example:
        >>> from argparse import Namespace
        >>> import tensorwright as tw
        >>> tw.serialization.add_safe_globals([Namespace])
        >>> tw.serialization.get_safe_globals()
        [<class 'argparse.Namespace'>]
        >>> tw.serialization.clear_safe_globals()
    """
    _allowed.update(map(_named, list(safe_globals)))


def get_safe_globals() -> list[Any]:
    """The classes and functions that were added; those of a name of their own as pairs."""
    return [value if name == _natural_name(value) else (value, name) for name, value in _allowed.items()]


def clear_safe_globals() -> None:
    """Forget the classes and functions that were added."""
    _allowed.clear()


@contextmanager
def safe_globals(safe_globals: Iterable[SafeGlobal]) -> Iterator[None]:
    """Let files name these classes and functions inside of the block.

    Example:
        >>> import io
        >>> from argparse import Namespace
        >>> import tensorwright as tw
        >>> file = io.BytesIO()
        >>> tw.save(Namespace(rate=0.1), file)
        >>> _ = file.seek(0)
        >>> with tw.serialization.safe_globals([Namespace]):
        ...     tw.load(file)
        Namespace(rate=0.1)
    """
    before = dict(_allowed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


# ---- which name a value has --------------------------------------------------------------------------------


def name_of(value: Any) -> str | None:
    """The name of a class or function, by which it is found again; None if it has none."""
    if not isinstance(getattr(value, "__module__", None), str) or not hasattr(value, "__qualname__"):
        return None
    qualname = value.__qualname__
    for place in _PUBLIC_PLACES if _is_ours(value.__module__) else ():
        module = import_module(place) if place == _OPS else sys.modules.get(place)
        if module is not None and getattr(module, qualname, None) is value:
            return f"{place}.{qualname}"
    name = _natural_name(value)
    if _among_modules(name) is value:
        return name
    return next((allowed for allowed, known in _allowed.items() if known is value), None)


def _is_ours(module: str) -> bool:
    return module == OURS or module.startswith(f"{OURS}.")


def _among_modules(name: str) -> Any:
    """What the modules that are already there have under a dotted name; None if there is nothing."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:length]))
        if module is not None:
            return _attribute(module, parts[length:])
    return None


def _attribute(module: ModuleType, path: list[str]) -> Any:
    """Only through what modules and classes themselves hold: no `__getattr__` of somebody else runs."""
    value: Any = module
    for part in path:
        if not isinstance(value, (ModuleType, type)):
            return None
        value = vars(value).get(part)
    return value


# ---- what a name in a file stands for ------------------------------------------------------------------------


def find(name: object, of_the_program: bool) -> Any:
    """What a name stands for, if a file may name it.

    Args:
        name: as the file says it.
        of_the_program: also modules, dataclasses and enumerations of modules that the program has imported.

    Raises:
        UnsafeFileError: if it may not, or if there is nothing of that name.
    """
    if not isinstance(name, str):
        raise UnsafeFileError(f"{str(name)[:80]!r} is no name of a class or function")
    if name in _allowed:
        return _allowed[name]
    found = _ours(name) if _is_ours(name) else _among_modules(name)
    if found is not None and (_is_ours_to_give(found) or (of_the_program and _is_of_a_program(found))):
        return found
    raise UnsafeFileError(_refusal(name, found, of_the_program))


def _ours(name: str) -> Any:
    """Our own modules are imported where a name needs them."""
    place, _, last = name.rpartition(".")
    if place in _PUBLIC_PLACES:
        return getattr(import_module(place), last, None)
    if name.startswith(f"{NETWORKS}."):
        networks()
        with suppress(ModuleNotFoundError):
            import_module(place)
    return _among_modules(name)


def networks() -> Any:
    """The module `tensorwright.nn`.

    Raises:
        ModuleNotFoundError: says what to install.
    """
    return import_module(NETWORKS)


def _is_ours_to_give(value: Any) -> bool:
    """Layers, what they consist of, and functions on tensors: neither reads or writes anything but tensors."""
    module = str(getattr(value, "__module__", ""))
    if isinstance(value, type):
        of_networks = module in (NETWORKS, "tensorwright.utils.hooks") or module.startswith(f"{NETWORKS}.")
        return (of_networks or (_is_ours(module) and _is_layer(value))) and not hasattr(value, "__del__")
    if isinstance(value, BuiltinFunctionType):
        return any(value is function for function in _C.op_functions.values())
    functional = module.startswith("tensorwright.nn.functional")
    return isinstance(value, FunctionType) and functional and not value.__name__.startswith("_")


def _is_layer(kind: type) -> bool:
    module = sys.modules.get(NETWORKS)
    return module is not None and issubclass(kind, module.Module)


def _is_of_a_program(value: Any) -> bool:
    """A class that objects may be made of without constructor: it holds attributes, and nothing happens at its end."""
    if not isinstance(value, type) or hasattr(value, "__del__"):
        return False
    return _is_layer(value) or dataclasses.is_dataclass(value) or issubclass(value, enum.Enum)


def _refusal(name: str, found: Any, of_the_program: bool) -> str:
    short = name[:120]
    if found is None:
        return f"it names {short!r}, which this program has not: import or define it before"
    hint = f"if it may be used, say tensorwright.serialization.add_safe_globals([{short.rpartition('.')[2]}])"
    if not of_the_program and _is_of_a_program(found):
        hint += ", or load(..., weights_only=False)"
    return f"it names {short!r}, which is not among what files may name; {hint}"
