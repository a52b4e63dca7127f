"""Graphs as torch.fx shows them, over the one graph of tensorwright."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, overload
from weakref import WeakValueDictionary

from tensorwright.fx._code import CodeGen, PythonCode, TransformCode, python_code
from tensorwright.fx._control import erased
from tensorwright.fx._copies import copy_node, copy_nodes
from tensorwright.fx._names import Namespace, name_of_target
from tensorwright.fx._node_list import InsertPoint, NodeList, Root
from tensorwright.fx._record import Record
from tensorwright.fx._table import table
from tensorwright.fx.node import KINDS, Argument, Call, Node, Target, map_arg
from tensorwright.jit import Program

_views: WeakValueDictionary[tuple[Any, str], Graph] = WeakValueDictionary()
_NO_DEFAULT = object()


class Graph:
    """Nodes in order: parameters, calls, and the output.

    A view over one function of a program of :mod:`tensorwright.jit`, which holds every node; passes and other views
    see at once what is changed here.

    Attributes:
        owning_module: the GraphModule that runs the graph, or None.
        program: holds the nodes.

    Example:
        >>> import operator
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> graph = fx.Graph()
        >>> x = graph.placeholder("x")
        >>> y = graph.call_function(tw.relu, (x,))
        >>> _ = graph.output(y)
        >>> print(graph)
        graph():
            %x : [num_users=1] = placeholder[target=x]
            %relu : [num_users=1] = call_function[target=tw.relu](args = (%x,), kwargs = {})
            return relu
        >>> fx.GraphModule({}, graph)(tw.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    owning_module: Any
    _tracer_cls: type[Any] | None
    _tracer_extras: dict[str, Any] | None

    def __init__(
        self,
        owning_module: Any = None,
        tracer_cls: type[Any] | None = None,
        tracer_extras: dict[str, Any] | None = None,
    ) -> None:
        """A graph without nodes."""
        program = Program()
        program.native("add_function", "forward")
        self._open(program, "forward")
        self.owning_module = owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras

    @classmethod
    def over(cls, source: Any, function: str = "forward") -> Graph:
        """The view of a program's function, or of what :func:`tensorwright.jit.trace` captured; always the same one.

        Example:
            >>> import tensorwright as tw
            >>> captured = tw.jit.trace(lambda x: x.sin().relu(), tw.ones(2))
            >>> [node.name for node in Graph.over(captured).nodes]
            ['x', 'sin', 'relu', 'output']
        """
        program = getattr(source, "program", source)
        if function not in program.functions:
            raise ValueError(
                f"the program has no function @{function}; it has {', '.join(program.functions) or 'none'}"
            )
        known = _views.get((program.native, function))
        if known is None:
            known = cls.__new__(cls)
            known._open(program, function)
        return known

    def _open(self, program: Program, function: str) -> None:
        self._handles: dict[int, Node] = {}
        self._namespace = Namespace()
        self._views: dict[int, Graph] = {}
        self._native: Any = program.native
        self._record = Record(self._native, self._number_of, self._handle)
        self._show(program, self._native("body", function))
        _views[self._native, function] = self
        self._meet_all()

    def _show(self, program: Program, region: int) -> None:
        """Be the view of one list of nodes."""
        self.program = program
        self.owning_module = None
        self._tracer_cls = self._tracer_extras = None
        self._region = region
        self._views[region] = self
        self._place: tuple[str, int | None] = ("before", None)
        self._codegen = CodeGen()
        self._root = Root(self)

    def _meet_all(self) -> None:
        """Let names be given in order."""
        for node in self.nodes:
            for region in node.regions:
                region._meet_all()

    def _view(self, region: int) -> Graph:
        """The view of a region inside of a node; shares handles and names with this one."""
        known = self._views.get(region)
        if known is None:
            known = type(self).__new__(type(self))
            known._handles, known._namespace, known._views = self._handles, self._namespace, self._views
            known._native, known._record = self._native, self._record
            known._show(self.program, region)
        return known

    # ---- handles -----------------------------------------------------------------------------------------

    def _handle(self, number: int) -> Node:
        node = self._handles.get(number)
        return self._meet(number) if node is None else node

    def _meet(self, number: int) -> Node:
        """The handle of a node that something else than this view made."""
        label = self._native("label", number)
        call = self._record.read(number)
        name = self._namespace.create(label or name_of_target(call.target))
        node = self._handles[number] = Node(self._view(self._native("parent", number)), number, name)
        return node

    def _handle_or_root(self, number: int | None) -> Node:
        return self._root if number is None else self._handle(number)

    def _number_of(self, node: Node) -> int:
        if node.graph._handles is not self._handles:
            raise RuntimeError(
                f"node {node.name} belongs to another graph; node_copy and graph_copy bring nodes over, with their "
                "arguments replaced by nodes of this graph"
            )
        if node._erased:
            raise RuntimeError(f"node {node.name} was erased from the graph and cannot be used")
        return node._number

    def _kind(self, number: int) -> str:
        try:
            return self._record.kind(number)
        except ValueError:
            return self._read(number).op

    def _read(self, number: int) -> Call:
        try:
            return self._record.read(number)
        except ValueError:
            if self._native("alive", number):
                raise
            node = self._handles.pop(number)
            node._erased = True
            node._last = Call("call_function", erased, (), {})
            return node._last

    def _write(self, node: Node, call: Call) -> None:
        self._native("rewrite", node._number, *self._record.write(call))

    def _replace_input(self, user: Node, old: Node, new: Node) -> None:
        self._native("replace_uses_in", user._number, old._number, new._number)

    def _move(self, node: Node, anchor: Node) -> None:
        if node is anchor:
            return
        number = self._number_of(node)
        if anchor is not self._root:
            self._native("move_before", number, self._number_of(anchor))
        elif (last := self._native("last", self._region)) != number:
            self._native("move_before", number, last)
            self._native("move_before", last, number)

    def _rename(self, node: Node, candidate: str) -> None:
        self._namespace.release(node._name)
        node._name = self._namespace.create(candidate)
        self._native("set_label", node._number, node._name)

    def _is_effect(self, number: int) -> bool:
        return self._native("op", number) in ("yield", "call", "assert", "if", "while", "for")

    # ---- nodes -------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> NodeList:
        """The nodes in order; a loop over them may change the graph."""
        return NodeList(self)

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of this kind, and with this target where one is given; always in order."""
        found = []
        for node in self.nodes:
            call = node._call()
            if call.op == op and (target is None or call.target is target or call.target == target):
                found.append(node)
        return found

    def output_node(self) -> Node:
        """The node at the end, which says what the graph gives.

        Raises:
            RuntimeError: if the graph does not end with an output.
        """
        last = self._root.prev
        if last.op != "output":
            raise RuntimeError(f"the graph ends with {last.op} '{last}', not with an output; add one with graph.output")
        return last

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A new node at the insert point.

        Raises:
            ValueError: for an unknown kind, or a target that does not go with it.
            RuntimeError: if an argument is a node of another graph.
        """
        if op not in KINDS:
            raise ValueError(f"create_node: op must be one of {', '.join(KINDS)}, got {op!r}")
        if op == "call_function" and not callable(target):
            raise ValueError(f"create_node: the target of call_function is a callable, got {type(target).__name__}")
        if op != "call_function" and not isinstance(target, str):
            raise ValueError(f"create_node: the target of {op} is a str, got {type(target).__name__}")
        written = self._record.write(Call(op, target, tuple(args or ()), dict(kwargs or {})))
        chosen = self._namespace.create(name or name_of_target(target))
        ir_op, ir_target, ir_args, ir_keywords = written
        ends = ir_op in ("return", "yield", "assert")
        number = self._native(
            "create", self._region, ir_op, ir_target, ir_args, ir_keywords, self._insert_before(),
            None if ends else chosen, "none" if ends else None,
        )  # fmt: skip
        node = self._handles[number] = Node(self, number, chosen)
        node.type = type_expr
        return node

    def _insert_before(self) -> int | None:
        side, anchor = self._place
        if side == "before" and (anchor is None or self._native("alive", anchor)):
            return anchor
        number: int | None = self._native(*(("first", self._region) if anchor is None else ("next", anchor)))
        return number

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = _NO_DEFAULT) -> Node:
        """A parameter; ``*name`` and ``**name`` take what is left."""
        args = () if default_value is _NO_DEFAULT else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """The attribute of the module at a path."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self,
        module_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A call of the submodule at a path."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self,
        method_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """What the graph gives: a node, or a tuple, list or dict with nodes in it."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out.

        Raises:
            RuntimeError: if something uses it.
        """
        if to_erase._erased:
            return
        number = self._number_of(to_erase)
        if users := to_erase.users:
            raise RuntimeError(
                f"node {to_erase} cannot be erased: {', '.join(map(str, users))} "
                f"{'uses' if len(users) == 1 else 'use'} it; replace_all_uses_with gives them another"
            )
        to_erase._last = to_erase._call()._replace(args=(), kwargs={})
        self._native("erase", number)
        to_erase._erased = True
        self._handles.pop(number, None)

    def inserting_before(self, n: Node | None = None) -> InsertPoint:
        """Where new nodes go: before `n`, or at the beginning."""
        if n is None:
            return self.inserting_after(self._root)
        return InsertPoint(self, ("before", None if n is self._root else self._number_of(n)))

    def inserting_after(self, n: Node | None = None) -> InsertPoint:
        """Where new nodes go: right after `n`, or at the end."""
        if n is None:
            return InsertPoint(self, ("before", None))
        return InsertPoint(self, ("after", None if n is self._root else self._number_of(n)))

    # ---- copies ------------------------------------------------------------------------------------------

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Argument] = lambda node: node) -> Node:
        """A node like one of another graph, with each node among its arguments replaced.

        Example:
            >>> import operator
            >>> one, two = Graph(), Graph()
            >>> y = one.call_function(operator.neg, (one.placeholder("x"),))
            >>> z = two.placeholder("z")
            >>> two.node_copy(y, lambda node: z).args
            (z,)
        """
        return copy_node(self, node, arg_transform)

    @overload
    def graph_copy(self, g: Graph, val_map: dict[Node, Node]) -> Argument: ...
    @overload
    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool) -> Any: ...
    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Copy the nodes of another graph to the insert point.

        Args:
            g: the other graph.
            val_map: what stands for its nodes; those that have an entry are not copied, the others get one.
            return_output_node: return its output node as well.

        Returns:
            What its output gives, in nodes of this graph; None if it has no output.
        """
        for node in g.nodes:
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            if node not in val_map:
                val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        new = Graph(tracer_cls=self._tracer_cls, tracer_extras=self._tracer_extras)
        new._codegen = copy.copy(self._codegen)
        copy_nodes(self, new)
        if memo is not None:
            memo[id(self)] = new
        return new

    def __reduce__(self) -> Any:
        from tensorwright.fx._pickle import reduce_graph

        return reduce_graph(self)

    # ---- the whole ---------------------------------------------------------------------------------------

    def lint(self) -> None:
        """Check that the graph is well formed: nodes are used after they are made, names occur once, targets exist.

        Raises:
            RuntimeError: names the node and what is wrong with it.
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is self and used not in seen:
                    raise RuntimeError(f"node {node} uses {used}, which stands after it")
            if node.name in names:
                raise RuntimeError(f"two nodes have the name {node.name}")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                self._lint_path(node)

    def _lint_path(self, node: Node) -> None:
        module, path = self.owning_module, node.target
        for k, atom in enumerate(path.split(".")):
            if not hasattr(module, atom):
                where = ".".join(path.split(".")[:k]) or type(self.owning_module).__name__
                raise RuntimeError(f"node {node} refers to '{path}', but {where} has no attribute '{atom}'")
            module = getattr(module, atom)
        if node.op == "call_module" and not callable(module):
            raise RuntimeError(f"node {node} calls '{path}', which is no module but {type(module).__name__}")

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erase the nodes that nothing uses and that do nothing but give a value.

        Args:
            is_impure_node: says which nodes stay in any case, instead of :meth:`Node.is_impure`.

        Returns:
            Whether there were some.

        Example:
            >>> graph = Graph()
            >>> x = graph.placeholder("x")
            >>> _ = graph.call_method("sin", (x,))
            >>> _ = graph.output(x)
            >>> graph.eliminate_dead_code(), len(graph.nodes)
            (True, 2)
        """
        self.lint()
        stays = Node.is_impure if is_impure_node is None else is_impure_node
        changed = False
        for node in reversed(self.nodes):
            if not node.users and not stays(node):
                self.erase_node(node)
                changed = True
        return changed

    # ---- texts -------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        parameters: list[str] = []
        returned = [""]
        lines = [node.format_node(None, returned) for node in self.nodes]
        return "\n    ".join([f"graph({', '.join(parameters)}){returned[0]}:", *filter(None, lines)])

    def print_tabular(self) -> None:
        """Print the nodes as a table.

        Example:
            >>> graph = Graph()
            >>> _ = graph.output(graph.placeholder("x"))
            >>> graph.print_tabular()
            opcode       name    target  args  kwargs
            -----------  ------  ------  ----  ------
            placeholder  x       x       ()    {}
            output       output  output  (x,)  {}
        """
        print(table(self))

    # ---- code --------------------------------------------------------------------------------------------

    def python_code(self, root_module: str, *, verbose: bool = False) -> PythonCode:
        """The graph as the source of a function ``forward``.

        Args:
            root_module: the name by which the code refers to the module.
            verbose: with types and places as comments.
        """
        return python_code(self, root_module, verbose)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let another generator write the head and the end of the code."""
        self._codegen = codegen

    def process_inputs(self, *args: Any) -> Any:
        """The arguments as the placeholders take them."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What callers get for the output's value."""
        return self._codegen.process_outputs(out)

    def on_generate_code(self, make_transformer: Callable[[TransformCode | None], TransformCode]) -> Any:
        """Change the lines of the code before they are used.

        Args:
            make_transformer: gets the transformer in force, or None, and returns the new one, which gets and returns a
                list of lines.

        Returns:
            A context manager that puts back the former one; without ``with`` the new one stays.
        """
        return self._codegen.transformed(make_transformer)
