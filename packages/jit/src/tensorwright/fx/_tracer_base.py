"""What makes nodes of calls."""

from __future__ import annotations

import dataclasses
import enum
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import tensorwright as tw
from tensorwright.fx.graph import Graph
from tensorwright.fx.node import Argument, Node, Target
from tensorwright.fx.proxy import Proxy, TraceError, _place, find_proxy, user_frame

_PLAIN = (str, int, float, complex, bool, type(None), type(...), enum.Enum, tw.dtype, tw.device)


class TracerBase:
    """Makes nodes of a graph, and proxies that stand for them.

    Attributes:
        graph: where the nodes go.
        record_stack_traces: keep the whole stack of Python with each node, not just the line.
    """

    graph: Graph
    record_stack_traces: bool = False

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A node; the place of every node that a tracer makes."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        frame = None if kind == "placeholder" else user_frame()
        if frame is not None:
            self.graph._native("set_location", node._number, frame.f_code.co_filename, frame.f_lineno)
            if self.record_stack_traces:
                node.stack_trace = "".join(traceback.format_stack(frame))
        return node

    def proxy(self, node: Node) -> Proxy:
        """What stands for a node in the code that is traced."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """A node whose arguments come from the traced code, and what stands for it there."""
        own_args = tuple(self.create_arg(arg) for arg in args)
        own_kwargs = {key: self.create_arg(arg) for key, arg in kwargs.items()}
        node = self.create_node(kind, target, own_args, own_kwargs, name, type_expr)
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a: Any) -> Argument:
        """The argument of a node for a value of the traced code.

        Raises:
            NotImplementedError: if the graph has no form for it.
        """
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, (Node, *_PLAIN)):
            return a
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            return {self._key(key): self.create_arg(item) for key, item in a.items()}
        if isinstance(a, slice):
            return slice(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if isinstance(a, range):
            return range(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {field.name: self.create_arg(getattr(a, field.name)) for field in dataclasses.fields(a)}
            return self.create_node("call_function", type(a), (), fields)
        return self._other_arg(a)

    def _other_arg(self, a: Any) -> Argument:
        if isinstance(a, (tw.Tensor, type)) or callable(a):
            return a
        raise NotImplementedError(f"a node cannot take an argument of type {type(a).__name__}: {a!r}")

    def _key(self, key: Any) -> Any:
        if find_proxy(key) is not None:
            raise TraceError(f"a symbolic value cannot be a key of a dict{_place()}; use a str or a number")
        return key

    # ---- what Python asks while tracing ------------------------------------------------------------------

    def to_bool(self, obj: Proxy) -> bool:
        """Asked for the truth of a symbolic value; override to decide, say, for all conditions alike."""
        raise TraceError(
            f"the symbolic value '{obj.node.name}' decides control flow{_place()}; the graph is made before its value "
            "is known. Use tw.where, pass what decides through concrete_args, capture with tw.jit.trace, or move the "
            "code into a function marked with fx.wrap"
        )

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Asked to loop over a symbolic value, or to spread it as ``*args``."""
        raise TraceError(
            f"the symbolic value '{obj.node.name}' cannot be looped over{_place()}; how many items it has is known "
            "only when the graph runs. Unpack it (a, b = x), index it, or move the loop into a function marked with "
            "fx.wrap"
        )

    def keys(self, obj: Proxy) -> Any:
        """Asked for the keys of a symbolic value, as ``**kwargs`` asks."""
        return Proxy.__getattr__(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """Adds to a graph that there is already.

    Example:
        >>> from tensorwright import fx
        >>> graph = fx.Graph()
        >>> x = fx.Proxy(graph.placeholder("x"), GraphAppendingTracer(graph))
        >>> (x * 2).node.op
        'call_function'
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
