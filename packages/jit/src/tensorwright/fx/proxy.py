"""Values that stand for those of a graph while Python code runs to make it."""

from __future__ import annotations

import dis
import functools
import linecache
import operator
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import tensorwright
from tensorwright import Tensor
from tensorwright.fx.node import Node

if TYPE_CHECKING:
    from tensorwright.fx._tracer_base import TracerBase

_OURS = tuple(str(Path(folder)) for folder in tensorwright.__path__)


class TraceError(ValueError):
    """What was asked of a symbolic value has an answer only when the graph runs."""


class Proxy:
    """A value of a graph that is being made: what is done with it becomes nodes.

    Operators, indices, attributes and methods are recorded, and so are functions of tensorwright that get one among
    their arguments. What Python must know now (a condition, a length, how often to loop) raises :class:`TraceError`.

    Attributes:
        node: the node that gives the value.
        tracer: what makes the graph.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> graph = fx.Graph()
        >>> x = fx.Proxy(graph.placeholder("x"))
        >>> y = tw.relu(x + 1).sum(dim=0)
        >>> [node.name for node in graph.nodes]
        ['x', 'add', 'relu', 'sum_1']
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        if tracer is None:
            from tensorwright.fx._tracer_base import GraphAppendingTracer

            tracer = GraphAppendingTracer(node.graph)
        self.tracer = tracer
        self.node = node

    if TYPE_CHECKING:  # one of the operators below

        def __getitem__(self, index: Any) -> Proxy: ...

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    __array_ufunc__ = None  # so that NumPy leaves operators to us

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("__array_"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        self._refuse("copied", "build the copy inside of a function marked with fx.wrap")

    # ---- what Python asks now ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Proxy]:
        count = _unpacked(sys._getframe(1))
        if count is not None:
            return iter([self[k] for k in range(count)])
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        """Its keys, for ``**proxy``; refused by most tracers."""
        return self.tracer.keys(self)

    def __len__(self) -> int:
        raise RuntimeError(
            f"len() of the symbolic value '{self.node.name}' is not known while the graph is made{_place()}; for the "
            "length to be computed when it runs use x.shape[0], or call fx.wrap('len') at the top of the module"
        )

    def __int__(self) -> int:
        self._refuse("turned into an int", "keep it as a tensor, or move the code into a function marked with fx.wrap")

    def __float__(self) -> float:
        self._refuse("turned into a float", "keep it as a tensor, or move the code into a function marked with fx.wrap")

    def __contains__(self, item: object) -> bool:
        self._refuse("searched with `in`", "compare with ==, and reduce with any()")

    def __setitem__(self, index: Any, value: Any) -> None:
        self._refuse("assigned to by index", "use index_put, masked_fill, tw.where, or a function marked with fx.wrap")

    def _refuse(self, what: str, instead: str) -> NoReturn:
        raise TraceError(f"the symbolic value '{self.node.name}' cannot be {what}{_place()}; {instead}")

    # ---- functions of tensorwright -----------------------------------------------------------------------

    @classmethod
    def __tensor_function__(
        cls, function: Any, types: tuple[type, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Proxy:
        """Record a call of a function, or method of Tensor, that has a symbolic value among its arguments."""
        proxy = find_proxy((args, kwargs))
        if proxy is None:
            raise TypeError(f"{function}: no argument is symbolic")
        if function is Tensor.__getitem__:
            return proxy.tracer.create_proxy("call_function", operator.getitem, args, kwargs)
        if getattr(function, "__objclass__", None) is Tensor:
            return proxy.tracer.create_proxy("call_method", function.__name__, args, kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)


class Attribute(Proxy):
    """An attribute of a symbolic value: a node of its own only if it is used otherwise than called."""

    tracer: TracerBase

    def __init__(self, root: Proxy, name: str) -> None:
        self.root = root
        self.attr = name
        self.tracer = root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node that reads the attribute."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A parameter of the module: its shape and the like are known while the graph is made."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, parameter: Tensor) -> None:
        super().__init__(node, tracer)
        self.parameter = parameter
        self.name = name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Any:
        """Of the parameter."""
        return self.parameter.shape

    def size(self, *dims: int) -> Any:
        """Of the parameter."""
        return self.parameter.size(*dims)

    def dim(self) -> int:
        """Of the parameter."""
        return self.parameter.dim()

    @property
    def ndim(self) -> int:
        """Of the parameter."""
        return self.parameter.ndim

    def numel(self) -> int:
        """Of the parameter."""
        return self.parameter.numel()


def find_proxy(value: Any) -> Proxy | None:
    """The first symbolic value in a tree of tuples, lists, dicts and slices."""
    if isinstance(value, Proxy):
        return value
    parts: Any = ()
    if isinstance(value, (tuple, list)):
        parts = value
    elif isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
    for part in parts:
        if (found := find_proxy(part)) is not None:
            return found
    return None


# ---- operators -----------------------------------------------------------------------------------------------------

_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift", "and_", "or_", "xor")
_COMPARED = ("eq", "ne", "lt", "le", "gt", "ge")
_UNARY = ("neg", "pos", "invert")


def _define(name: str, function: Callable[[Any, Any], Any]) -> None:
    function.__name__ = name
    function.__qualname__ = f"Proxy.{name}"
    function.__doc__ = None
    setattr(Proxy, name, function)


def _define_operators() -> None:
    def forward(target: Any) -> Any:
        return lambda self, *args: self.tracer.create_proxy("call_function", target, (self, *args), {})

    def reflected(target: Any) -> Any:
        return lambda self, other: self.tracer.create_proxy("call_function", target, (other, self), {})

    for name in (*_BINARY, *_COMPARED, *_UNARY, "getitem"):
        _define(f"__{name.rstrip('_')}__", forward(getattr(operator, name)))
    for name in _BINARY:
        _define(f"__r{name.rstrip('_')}__", reflected(getattr(operator, name)))
    _define("__abs__", forward(abs))
    _define("__round__", forward(round))
    Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]  # __eq__ takes it away


_define_operators()

# ---- the code that is running --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _unpackings(code: CodeType) -> dict[int, int]:
    return {i.offset: i.arg or 0 for i in dis.get_instructions(code) if i.opname == "UNPACK_SEQUENCE"}


def _unpacked(frame: FrameType | None) -> int | None:
    """How many values the assignment wants that the frame is about: 2 at ``a, b = x``; None for a loop."""
    return None if frame is None else _unpackings(frame.f_code).get(frame.f_lasti)


def user_frame() -> FrameType | None:
    """The innermost frame that is not of tensorwright."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def _place() -> str:
    """`` at model.py:12: if x.sum() > 0:``, or nothing."""
    frame = user_frame()
    if frame is None:
        return ""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f" at {frame.f_code.co_filename}:{frame.f_lineno}{f': {line}' if line else ''}"
