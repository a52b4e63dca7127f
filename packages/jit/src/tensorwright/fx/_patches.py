"""What is changed while a trace runs: calls of modules and of functions that cannot take symbolic values themselves.

The changes are seen by all threads, but act only for symbolic values, and for the thread whose trace it is.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType, WrapperDescriptorType
from typing import Any

from tensorwright.fx.proxy import find_proxy

tracing = threading.RLock()  # one trace at a time: what it changes is shared
_active = threading.local()
_wrapped_names: dict[tuple[int, str], dict[str, Any]] = {}  # by (id of a module's globals, name): the globals
wrapped_functions: set[int] = set()  # those that fx.wrap was given, by identity

_ABSENT = object()


class Patcher:
    """Replaces entries of namespaces, and puts back what was there."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def entry(self, namespace: dict[str, Any], name: str, new: Any) -> None:
        """Replace an entry of a module's globals."""
        old = namespace.get(name, _ABSENT)
        namespace[name] = new
        self._undo.append(lambda: namespace.pop(name, None) if old is _ABSENT else namespace.update({name: old}))

    def method(self, kind: type, name: str, new: Any) -> None:
        """Replace what a class defines."""
        old = kind.__dict__[name]
        setattr(kind, name, new)
        self._undo.append(lambda: setattr(kind, name, old))

    def close(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


@functools.lru_cache(maxsize=4096)
def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; called with a symbolic value it becomes a node instead."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        proxy = find_proxy((args, kwargs))
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)

    call._fx_recorded_ = function  # type: ignore[attr-defined]
    return call


def remember(namespace: dict[str, Any], name: str) -> None:
    """For :func:`tensorwright.fx.wrap`: record calls of the global of this name."""
    _wrapped_names[id(namespace), name] = namespace
    function = _function(namespace, name)
    if function is not None:
        wrapped_functions.add(id(function))


def _function(namespace: dict[str, Any], name: str) -> Any:
    builtin = namespace.get("__builtins__", {})
    builtin = vars(builtin) if isinstance(builtin, ModuleType) else builtin
    return namespace.get(name, builtin.get(name))


_ANSWERED_NOW = frozenset({"is_tensor", "is_storage"})  # by Python's type of the value


def _functions_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions of a module that are written in Python, or of any making in ``math``."""
    for name, value in list(vars(module).items()):
        of_kind = isinstance(value, FunctionType) or module.__name__ == "math"
        if of_kind and not name.startswith("_") and name not in _ANSWERED_NOW and _is_recordable(value):
            yield name, value


def patched_functions(modules: Iterable[ModuleType]) -> set[int]:
    """The functions of these modules, by identity."""
    return {id(value) for module in modules for _, value in _functions_of(module)}


def _is_recordable(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and not hasattr(value, "_fx_recorded_")


def patch_functions(patcher: Patcher, modules: Iterable[ModuleType]) -> None:
    """Record the functions of these modules, and those that fx.wrap named."""
    for (_, name), namespace in _wrapped_names.items():
        function = _function(namespace, name)
        if _is_recordable(function):
            patcher.entry(namespace, name, recorded(function))
    for module in modules:
        for name, value in _functions_of(module):
            patcher.entry(vars(module), name, recorded(value))


def patch_globals(patcher: Patcher, namespace: dict[str, Any], functions: set[int]) -> None:
    """Record those of the functions that a namespace knows by names of its own."""
    for name, value in list(namespace.items()):
        if id(value) in functions and _is_recordable(value):
            patcher.entry(namespace, name, recorded(value))


def _definer(kind: type, name: str) -> type | None:
    """The class that defines a method for `kind`, if it can be replaced there."""
    found = next((base for base in kind.__mro__ if name in base.__dict__), None)
    replaceable = (FunctionType, WrapperDescriptorType)
    return found if found is not None and isinstance(found.__dict__[name], replaceable) else None


def patch_modules(patcher: Patcher, modules: Iterable[Any]) -> None:
    """Let the running trace see when modules are called, and when their attributes are read."""
    kinds = {type(module) for module in modules}
    for name, replacement in (("__call__", _call), ("__getattr__", _getattr)):
        for kind in {_definer(kind, name) for kind in kinds} - {None}:
            assert kind is not None
            original = kind.__dict__[name]
            if not hasattr(original, "_fx_watched_"):  # by a trace that this one runs inside of
                replaced = replacement(original)
                replaced._fx_watched_ = True
                patcher.method(kind, name, replaced)


def _call(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        tracer = getattr(_active, "tracer", None)
        if tracer is None:
            return original(self, *args, **kwargs)
        return tracer._module_called(self, functools.partial(original, self), args, kwargs)

    return call


def _getattr(original: Callable[[Any, str], Any]) -> Any:
    @functools.wraps(original)
    def get(self: Any, name: str) -> Any:
        value = original(self, name)
        tracer = getattr(_active, "tracer", None)
        return value if tracer is None else tracer._attribute_read(name, value)

    return get


@contextmanager
def tracing_with(tracer: Any) -> Iterator[None]:
    """Calls of modules on this thread go to the tracer."""
    outside = getattr(_active, "tracer", None)
    _active.tracer = tracer
    try:
        yield
    finally:
        _active.tracer = outside


def off() -> Any:
    """Calls of modules run as they are: inside of what a tracer itself does."""
    return tracing_with(None)
