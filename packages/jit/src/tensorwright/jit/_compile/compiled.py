"""Functions that record their first run and replay it."""

from __future__ import annotations

import functools
import threading
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorwright
from tensorwright import _C, Tensor
from tensorwright._tree import LEAF, Structure, flatten
from tensorwright.jit._compile.backends import Backend, GraphRun, Runner, find_backend, is_plain
from tensorwright.jit._compile.environment import Environment
from tensorwright.jit._compile.guards import Watched, kind_of
from tensorwright.jit._program import Program
from tensorwright.jit._trace import Captured, caller, location, named_tensors

MOST_VARIANTS = 16
MOST_REPLAYS = 8  # of one variant: after these, what equals what it was but is another object is looked at in Python
_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), tensorwright.dtype, tensorwright.device, slice)


_recording = threading.local()  # what a function that is recorded calls runs as a part of it
_all: weakref.WeakSet[Compiled] = weakref.WeakSet()


def recorded_environment() -> Environment | None:
    """That of the compiled function that this thread records now."""
    return getattr(_recording, "environment", None)


def forget_recordings() -> None:
    """Let every compiled function record again."""
    for compiled in list(_all):
        compiled.forget()


class CompileWarning(UserWarning):
    """A function runs without its graph; the sentence says why and where."""


@dataclass
class Variant:
    """One recorded run: what it needs to hold, and what runs instead."""

    environment: Environment
    run: Runner
    output: Structure
    captured: Captured
    replays: int = 0  # how often calls like the one at hand were made to find it at once


class Compiled:
    """What :func:`compile` returns: call it like the function; its other attributes are the function's own."""

    def __init__(self, function: Callable[..., Any], backend: str | Backend, fullgraph: bool) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._backend = find_backend(backend)
        self._fullgraph = fullgraph
        self._lock = threading.RLock()
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Record again at the next call."""
        self._replays = _C.Replays()
        self._variants: dict[Any, list[Variant]] = {}
        self._eager: set[Any] = set()  # keys whose run cannot be replayed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._replays.replay(args, kwargs)
        return self._find(args, kwargs) if result is NotImplemented else result

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leaves, structure = flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        key = self._key(leaves, structure)
        if key is None or key in self._eager or recorded_environment() is not None:
            return self._function(*args, **kwargs)
        for variant in self._variants.get(key, ()):
            watched = variant.environment.watched()  # before it is compared
            if variant.environment.changed() is None:
                self._remember(variant, args, kwargs, watched)
                return variant.output.build(variant.run(*tensors))
        return self._record(key, tensors, args, kwargs)

    def _remember(
        self, variant: Variant, args: tuple[Any, ...], kwargs: dict[str, Any], watched: list[Watched] | None
    ) -> None:
        """Let the next call like this one find the variant by the identity of all that is watched."""
        if watched is None or variant.replays == MOST_REPLAYS:
            return
        variant.replays += 1
        run = variant.run.native if isinstance(variant.run, GraphRun) else variant.run
        self._replays.add(variant, args, kwargs, run, variant.output, watched)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __repr__(self) -> str:
        return f"<compiled {self._function!r}>"

    @property
    def graphs(self) -> list[str]:
        """The text of each recorded graph."""
        return [variant.captured.graph for variants in self._variants.values() for variant in variants]

    # ---- keys ---------------------------------------------------------------------------------------------------

    def _key(self, leaves: list[Any], structure: Structure) -> Any:
        """What must be equal for a recorded run to serve: metadata of tensors, values of all else, the modes."""
        parts: list[Any] = [structure, tensorwright.is_grad_enabled(), tensorwright.is_autocast_enabled()]
        places: dict[int, int] = {}
        for leaf in leaves:
            if isinstance(leaf, Tensor):
                alias = places.setdefault(id(leaf), len(places))
                parts.append((*kind_of(leaf), alias))
            elif isinstance(leaf, _CONSTANTS):
                parts.append((type(leaf), repr(leaf) if isinstance(leaf, (float, complex, slice)) else leaf))
            else:
                self._fall_back(
                    None, f"an argument is a {type(leaf).__name__}, which is neither tensor nor plain value"
                )
                return None
        return tuple(parts)

    # ---- recording ----------------------------------------------------------------------------------------------

    def _record(self, key: Any, tensors: list[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self._lock:
            variants = self._variants.setdefault(key, [])
            if sum(map(len, self._variants.values())) >= MOST_VARIANTS:
                self._fall_back(key, f"it was recorded {MOST_VARIANTS} times; {self._why_again(variants)}")
                return self._function(*args, **kwargs)
            recording = Recording(self._function, tensors)
            _recording.environment = recording.environment
            try:
                result = recording.run(args, kwargs)
            finally:
                _recording.environment = None
            reason = recording.reason()
            if reason is not None:
                self._fall_back(key, reason)
            else:
                captured = recording.captured()
                variants.append(Variant(recording.environment, self._backend(captured), recording.output, captured))
            return result

    def _why_again(self, variants: list[Variant]) -> str:
        changed = variants[-1].environment.changed() if variants else None
        return f"{changed} changes between calls" if changed else "the arguments differ each time"

    def _fall_back(self, key: Any, reason: str) -> None:
        if self._fullgraph:
            raise RuntimeError(f"compile: {reason}")
        name = getattr(self._function, "__qualname__", type(self._function).__name__)
        if key not in self._eager:
            place = location() or ("<unknown>", 0)
            warnings.warn_explicit(f"compile: {name} runs eagerly: {reason}", CompileWarning, place[0], place[1])
        self._eager.add(key)


class Recording:
    """One run of a function with the dispatch trace open."""

    def __init__(self, function: Callable[..., Any], tensors: list[Tensor]) -> None:
        self.environment = Environment()
        self.output = LEAF
        self._function = function
        self._tensors = tensors
        self._program = Program()
        self._program.native("add_function", "forward")

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of the function itself."""
        native = self._program.native
        native("begin_trace", "forward", 0, location, self._baked)
        try:
            for k, tensor in enumerate(self._tensors):
                native("trace_input", tensor, f"input{k}")
            for path, tensor in named_tensors(self._function):
                native("trace_attribute", tensor, path)
            result = self.environment.watch(self._function, *args, **kwargs)
            leaves, self.output = flatten(result)
            for leaf in leaves:
                if not isinstance(leaf, (Tensor, bool, int, float, complex, str, type(None))):
                    self.environment.note_effect(f"it returns a {type(leaf).__name__}", None)
                    leaves = []
                    break
            native("finish_trace", "forward", leaves)
        except BaseException:
            native("abandon_trace")
            raise
        return result

    def reason(self) -> str | None:
        """Why the run cannot be replayed, or None."""
        if self.environment.effect is not None:
            return self.environment.effect
        changed = self.environment.changed()
        return None if changed is None else f"it changes {changed}"

    def captured(self) -> Captured:
        """The graph of the run."""
        inputs = Structure(tuple, (), (LEAF,) * len(self._tensors))
        output = Structure(list, (), (LEAF,) * _leaf_count(self.output))
        return Captured(self._program, inputs, output, is_plain(self._tensors))

    def _baked(self, op: str) -> None:
        switched = f"{op} are switched inside of it" if op == "gradients" else "autocast is switched inside of it"
        taken = f"{op.removeprefix('tw::')} takes a Python value from a tensor"
        self.environment.note_effect(switched if op in ("gradients", "autocast") else taken, caller())


def _leaf_count(structure: Structure) -> int:
    return 1 if structure.kind is None else sum(map(_leaf_count, structure.children))


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Backend = "graph",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Let a function or module run as a graph.

    The first call with arguments of a kind runs the function as it is, and records the ops. Later calls with the same
    kind of arguments (dtypes, shapes, strides, the values of all that is no tensor), while globals, closures and the
    attributes of the objects involved are what they were, run the recorded graph without Python between the ops.
    Gradients flow through it as through the function. A run that Python itself takes part in (a number taken from a
    tensor, `print`, an attribute that it changes) is not replayed: the function goes on as it is, and a
    :class:`CompileWarning` names the line.

    Args:
        model: a function or module; without it, `compile` is a decorator.
        fullgraph: raise RuntimeError instead of falling back.
        dynamic: accepted; every shape is recorded for itself.
        backend: what runs the graph: a name of :func:`list_backends`, or a function of a :class:`Captured`.
        mode: accepted.
        options: accepted.
        disable: return the function as it is.

    Raises:
        ValueError: if there is no such backend.
        RuntimeError: with `fullgraph`, if a run cannot be replayed.

    Example:
        >>> import tensorwright as tw
        >>> @tw.compile
        ... def f(x, y):
        ...     return (x * y).relu() + 1
        >>> f(tw.ones(2), tw.ones(2)).tolist()  # records
        [2.0, 2.0]
        >>> f(tw.tensor([3.0, -1.0]), tw.ones(2)).tolist()  # replays
        [4.0, 1.0]
    """
    if model is None:
        return lambda function: compile(
            function, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise TypeError(f"compile: expected a function or module, got {type(model).__name__}")
    return model if disable else Compiled(model, backend, fullgraph)
