"""Running a graph node by node, with a say in each."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorwright.fx import traceback
from tensorwright.fx._code import used_by
from tensorwright.fx._control import ControlFlow
from tensorwright.fx._modules import get_path
from tensorwright.fx._tracer_base import GraphAppendingTracer
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Argument, Node, Target, map_aggregate, map_arg
from tensorwright.fx.proxy import Proxy


class Interpreter:
    """Runs the graph of a module; derive from it to change or watch what nodes do.

    Args:
        module: has the attributes and modules that the graph refers to.
        garbage_collect_values: let go of values after their last use.
        graph: what to run instead of ``module.graph``.

    Attributes:
        env: the values of nodes that ran.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> class Count(fx.Interpreter):
        ...     calls = 0
        ...     def call_function(self, target, args, kwargs):
        ...         self.calls += 1
        ...         return super().call_function(target, args, kwargs)
        >>> count = Count(fx.symbolic_trace(lambda x: (x + 1) * 2))
        >>> count.run(tw.ones(1)).item(), count.calls
        (4.0, 2)
    """

    def __init__(self, module: Any, garbage_collect_values: bool = True, graph: Graph | None = None) -> None:
        self.module = module
        self.graph: Graph = module.graph if graph is None else graph
        self.env: dict[Node, Any] = {}
        self.extra_traceback = True
        self.garbage_collect_values = garbage_collect_values
        self.user_to_last_uses: dict[Node, list[Node]] = {}
        if garbage_collect_values:
            self._find_last_uses()

    def _find_last_uses(self) -> None:
        seen: set[Node] = set()
        for node in reversed(self.graph.nodes):
            for used in used_by(node, node._call(), self.graph):
                if used not in seen:
                    seen.add(used)
                    self.user_to_last_uses.setdefault(node, []).append(used)

    # ---- running -----------------------------------------------------------------------------------------

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, enable_io_processing: bool = True) -> Any:
        """What the graph gives for these arguments.

        Args:
            args: of the graph's placeholders, in order.
            initial_env: values of nodes that then do not run.
            enable_io_processing: take arguments and give results as the graph's code does.
        """
        self.env = {} if initial_env is None else dict(initial_env)
        self.args_iter: Iterator[Any] = iter(self.graph.process_inputs(*args) if enable_io_processing else args)
        for node in self.graph.nodes:
            if node not in self.env:
                self.env[node] = self._run_located(node)
            if node.op == "output":
                result = self.env[node]
                return self.graph.process_outputs(result) if enable_io_processing else result
            for used in self.user_to_last_uses.get(node, ()):
                self.env.pop(used, None)
        return None

    def boxed_run(self, args_list: list[Any]) -> Any:
        """As :meth:`run`, and takes the arguments out of the list, so that nothing else keeps them."""
        args = tuple(args_list)
        args_list.clear()
        return self.run(*args, enable_io_processing=False)

    def _run_located(self, node: Node) -> Any:
        try:
            return self.run_node(node)
        except Exception as error:
            if self.extra_traceback:
                place = node.stack_trace
                error.add_note(f"while running {node.format_node()}" + (f"\n{place.rstrip()}" if place else ""))
            raise

    @contextmanager
    def _set_current_node(self, node: Node) -> Iterator[None]:
        with traceback.set_current_meta(node):
            yield

    def run_node(self, n: Node) -> Any:
        """The value of one node."""
        with self._set_current_node(n):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            target = n.target
            if isinstance(target, ControlFlow):
                return self._control(n, target, args)
            return getattr(self, n.op)(target, args, kwargs)

    # ---- control flow ------------------------------------------------------------------------------------

    def _control(self, node: Node, control: ControlFlow, args: tuple[Any, ...]) -> Any:
        if control.op == "call":
            return node.graph.program.run(control.name or "", *args)
        regions = node.regions
        if control.op == "if":
            return self._region(regions[0 if args[0] else 1], ())
        if control.op == "for":
            count, *rest = args
            carried = tuple(rest)
            for i in range(int(count)):
                carried = self._region(regions[0], (i, *carried))
            return carried
        carried = args
        while self._region(regions[0], carried)[0]:
            carried = self._region(regions[1], carried)
        return carried

    def _region(self, region: Graph, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a region yields for the values of its parameters."""
        given = iter(values)
        for node in region.nodes:
            if node.op == "placeholder":
                self.env[node] = next(given)
            elif isinstance(node.target, ControlFlow) and node.target.op == "yield":
                return self.fetch_args_kwargs_from_env(node)[0]
            else:
                self.env[node] = self._run_located(node)
        return ()

    # ---- kinds of nodes ----------------------------------------------------------------------------------

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The next argument, or the default."""
        if target.startswith("*") and not target.startswith("**"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            if target.startswith("**"):
                return {}
            raise RuntimeError(f"run: the argument for parameter '{target}' is missing") from None

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What the function gives."""
        return target(*args, **kwargs)

    def call_method(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What the method of the first argument gives."""
        own, *rest = args
        return getattr(own, target)(*rest, **kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What the submodule gives."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What the graph gives."""
        return args[0]

    # ---- values ------------------------------------------------------------------------------------------

    def fetch_attr(self, target: str) -> Any:
        """The attribute of the module at a path."""
        return get_path(self.module, target)

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a node with values for nodes."""
        call = n._call()
        return self.map_nodes_to_values(call.args, n), self.map_nodes_to_values(dict(call.kwargs), n)

    def map_nodes_to_values(self, args: Argument, n: Node) -> Any:
        """An argument with values for nodes."""

        def value(node: Node) -> Any:
            if node not in self.env:
                raise RuntimeError(f"node {n} uses {node}, which has no value yet; graph.lint() says more")
            return self.env[node]

        return _plain(map_arg(args, value))


def _plain(value: Any) -> Any:
    """Lists and dicts that can be changed, as the called functions may expect."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(_plain(item) for item in value)
    return value


class _TransformerTracer(GraphAppendingTracer):
    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        return True


class Transformer(Interpreter):
    """Makes a new graph module by running the graph on symbolic values; derive from it to change nodes on the way.

    Example:
        >>> import operator
        >>> from tensorwright import fx
        >>> class Double(fx.Transformer):
        ...     def call_function(self, target, args, kwargs):
        ...         return super().call_function(operator.mul if target is operator.add else target, args, kwargs)
        >>> print(Double(fx.symbolic_trace(lambda x: x + 2)).transform().code.strip())
        def forward(self, x):
            mul = x * 2;  x = None
            return mul
    """

    new_graph: Graph
    tracer: _TransformerTracer

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(copy.copy(module.graph._codegen))
        self.tracer = _TransformerTracer(self.new_graph)

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Proxy:
        """A placeholder of the new graph."""
        default = () if not args else (args[0],)
        return self.tracer.create_proxy("placeholder", target, default, {})

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Proxy:
        """A node of the new graph that reads the attribute."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_function(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """A node of the new graph that calls the function."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """A node of the new graph that calls the method."""
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """A node of the new graph that calls the submodule."""
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def run_node(self, n: Node) -> Any:
        """A node of the new graph takes over name, annotation and meta where nothing else was made of it."""
        value = super().run_node(n)
        if isinstance(value, Proxy) and value.node.graph is self.new_graph:
            if value.node.op == n.op and value.node.target == n.target and not value.node.meta:
                value.node.meta = dict(n.meta)
            value.node.type = n.type if value.node.type is None else value.node.type
        return value

    def transform(self) -> GraphModule:
        """The new module."""
        result = super().run(enable_io_processing=False)
        self.new_graph.output(map_aggregate(result, lambda leaf: leaf.node if isinstance(leaf, Proxy) else leaf))
        return GraphModule(self.module, self.new_graph, type(self.module).__name__)
