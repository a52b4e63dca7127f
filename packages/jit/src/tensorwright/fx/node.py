"""One node of a graph, as Python sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorwright.fx import _targets
from tensorwright.fx.immutable_collections import immutable_dict, immutable_list

if TYPE_CHECKING:
    from tensorwright.fx.graph import Graph

Target = Any  # a callable of call_function, else a str
Argument = Any  # a node, a constant, or a list, tuple, dict or slice of them

KINDS = ("placeholder", "get_attr", "call_function", "call_module", "call_method", "output")
_impure_functions: set[Any] = set()
_CHANGES_ARGUMENT = frozenset(
    {"setitem", "delitem", "iand", "ior", "ixor", "ilshift", "irshift", "iconcat"}
    | {f"i{name}" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")}
)  # fmt: skip


class Call(NamedTuple):
    """What a node does."""

    op: str
    target: Target
    args: tuple[Argument, ...]
    kwargs: Mapping[str, Argument]


def has_side_effect(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep calls of the function although nothing uses what they give; also a decorator.

    Example:
        >>> @has_side_effect
        ... def log(x):
        ...     print(x)
    """
    _impure_functions.add(function)
    return function


def map_aggregate(arg: Argument, function: Callable[[Any], Any]) -> Argument:
    """The argument with every leaf of its tuples, lists, dicts and slices replaced.

    Example:
        >>> map_aggregate((1, [2, {"k": 3}]), lambda leaf: leaf * 10)
        (10, [20, {'k': 30}])
    """
    if isinstance(arg, tuple):
        items = [map_aggregate(item, function) for item in arg]
        return type(arg)(*items) if hasattr(arg, "_fields") else tuple(items)
    if isinstance(arg, list):
        return immutable_list([map_aggregate(item, function) for item in arg])
    if isinstance(arg, dict):
        return immutable_dict({key: map_aggregate(item, function) for key, item in arg.items()})
    if isinstance(arg, slice):
        return slice(*(map_aggregate(part, function) for part in (arg.start, arg.stop, arg.step)))
    return function(arg)


def map_arg(arg: Argument, function: Callable[[Node], Argument]) -> Argument:
    """The argument with every node in it replaced.

    Example:
        >>> from tensorwright import fx
        >>> x = fx.Graph().placeholder("x")
        >>> fx.map_arg([x, 2], lambda node: node.name)
        ['x', 2]
    """
    return map_aggregate(arg, lambda leaf: function(leaf) if isinstance(leaf, Node) else leaf)


class Node:
    """One node of a graph: what it calls, with which arguments, and who uses what it gives.

    A node is a handle: it holds no copy of the graph. There is one handle for each node, so nodes compare by ``is``.

    Attributes:
        graph: the graph that it belongs to.
        meta: notes of passes, by name; never part of what the graph means.
        type: the annotation of the value, or None.

    Example:
        >>> import operator
        >>> from tensorwright import fx
        >>> graph = fx.Graph()
        >>> x = graph.placeholder("x")
        >>> y = graph.call_function(operator.add, (x, 1))
        >>> y.args, list(x.users)
        ((x, 1), [add])
    """

    _fx_node_ = True

    def __init__(self, graph: Graph, number: int, name: str) -> None:
        self.graph = graph
        self.meta: dict[str, Any] = {}
        self.type: Any = None
        self._number = number
        self._name = name
        self._erased = False
        self._pending: tuple[str, Target] | None = None  # while op and target are being changed one after the other
        self._last: Call | None = None

    # ---- what it does ------------------------------------------------------------------------------------

    def _call(self) -> Call:
        if self._last is not None:
            return self._last
        call = self.graph._read(self._number)
        return call if self._pending is None else call._replace(op=self._pending[0], target=self._pending[1])

    def _change(self, call: Call) -> None:
        if self._erased:
            raise RuntimeError(f"node {self._name} was erased from its graph and cannot be changed")
        if callable(call.target) == (call.op == "call_function"):
            self._pending = None
            self.graph._write(self, call)
        else:
            self._pending = (call.op, call.target)

    @property
    def op(self) -> str:
        """``placeholder``, ``get_attr``, ``call_function``, ``call_module``, ``call_method`` or ``output``."""
        if self._last is not None or self._pending is not None:
            return self._call().op
        return self.graph._kind(self._number)

    @op.setter
    def op(self, op: str) -> None:
        if op not in KINDS:
            raise ValueError(f"node {self._name}: op must be one of {', '.join(KINDS)}, got {op!r}")
        self._change(self._call()._replace(op=op))

    @property
    def target(self) -> Target:
        """What is called: a function, or the name of a method, module, attribute or parameter."""
        return self._call().target

    @target.setter
    def target(self, target: Target) -> None:
        self._change(self._call()._replace(target=target))

    @property
    def args(self) -> tuple[Argument, ...]:
        """Positional arguments."""
        return self._call().args

    @args.setter
    def args(self, args: Iterable[Argument]) -> None:
        self._change(self._call()._replace(args=tuple(args)))

    @property
    def kwargs(self) -> Mapping[str, Argument]:
        """Arguments by name."""
        return immutable_dict(self._call().kwargs)

    @kwargs.setter
    def kwargs(self, kwargs: Mapping[str, Argument]) -> None:
        self._change(self._call()._replace(kwargs=dict(kwargs)))

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Replace one positional argument."""
        args = list(self.args)
        if not -len(args) <= idx < len(args):
            raise IndexError(f"node {self._name} has {len(args)} positional arguments, not number {idx}")
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Add a positional argument before another, or after the last."""
        args = self.args
        if not 0 <= idx <= len(args):
            raise IndexError(f"insert_arg: the position must be between 0 and {len(args)}, got {idx}")
        self.args = (*args[:idx], arg, *args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Add or replace an argument by name."""
        self.kwargs = {**self.kwargs, key: arg}

    @property
    def regions(self) -> list[Graph]:
        """The parts of control flow: both sides of ``if``, condition and body of ``while``, the body of ``for``."""
        if self._erased:
            return []
        return [self.graph._view(number) for number in self.graph._native("regions", self._number)]

    # ---- who uses whom -----------------------------------------------------------------------------------

    @property
    def users(self) -> dict[Node, None]:
        """The nodes that use this one's value, each once, in the order in which they came to."""
        if self._erased:
            return {}
        handle = self.graph._handle
        return {handle(number): None for number in self.graph._native("users", self._number)}

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes whose values this one uses, each once, in the order of the arguments."""
        found: dict[Node, None] = {}
        call = self._call()
        map_arg((call.args, dict(call.kwargs)), lambda node: found.setdefault(node))
        return list(found)

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Let the users of this node use another instead.

        Args:
            replace_with: the other node of this graph.
            delete_user_cb: says for each user whether it changes over.
            propagate_meta: hand on ``meta`` to the other node, whose own must be empty.

        Returns:
            Those that changed over.
        """
        if propagate_meta:
            if replace_with.meta:
                raise ValueError(
                    f"replace_all_uses_with: {replace_with} has meta already ({', '.join(replace_with.meta)}), which "
                    f"propagate_meta would overwrite with that of {self}"
                )
            replace_with.meta.update(self.meta)
        self.graph._number_of(replace_with)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            self.graph._replace_input(user, self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use `new_input` wherever this node uses `old_input`."""
        self.graph._number_of(new_input)
        self.graph._replace_input(self, old_input, new_input)

    # ---- where it stands ---------------------------------------------------------------------------------

    @property
    def prev(self) -> Node:
        """The node before; the root before the first."""
        return self.graph._handle_or_root(self.graph._native("previous", self._number))

    @property
    def next(self) -> Node:
        """The node after; the root after the last."""
        return self.graph._handle_or_root(self.graph._native("next", self._number))

    def prepend(self, x: Node) -> None:
        """Move `x` to stand before this node."""
        self.graph._move(x, self)

    def append(self, x: Node) -> None:
        """Move `x` to stand after this node."""
        if x is not self:
            self.graph._move(x, self.next)

    def __lt__(self, other: Node) -> bool:
        return bool(self.graph._native("before", self._number, other._number))

    def __gt__(self, other: Node) -> bool:
        return other < self

    def __le__(self, other: Node) -> bool:
        return self is other or self < other

    def __ge__(self, other: Node) -> bool:
        return self is other or other < self

    # ---- names and texts ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name in the graph, which generated code uses for the value."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._rename(name)

    def _rename(self, candidate: str) -> None:
        if candidate != self._name:
            self.graph._rename(self, candidate)

    @property
    def stack_trace(self) -> str | None:
        """Where in Python the node was made: of the trace if it recorded that, else file and line, or None."""
        if "stack_trace" in self.meta:
            return str(self.meta["stack_trace"])
        place = None if self._erased else self.graph._native("location", self._number)
        return None if place is None else f'  File "{place[0]}", line {place[1]}\n'

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the node does something besides giving a value, so that it stays although nothing uses it.

        Args:
            impure_random: drawing random numbers, which moves on the generator, counts as well.
        """
        call = self._call()
        if call.op in ("placeholder", "output"):
            return True
        if call.op == "call_module":
            module = self.graph.owning_module
            found = None if module is None else _submodule(module, call.target)
            return bool(getattr(found, "_is_impure", False))
        if call.op == "call_method":
            return call.target == "__setitem__" or (call.target.endswith("_") and not call.target.endswith("__"))
        return call.op == "call_function" and self._calls_impure(call, impure_random)

    def _calls_impure(self, call: Call, impure_random: bool) -> bool:
        try:
            if call.target in _impure_functions:
                return True
        except TypeError:  # not hashable
            return False
        module, name = getattr(call.target, "__module__", ""), getattr(call.target, "__name__", "")
        if (module == "_operator" and name in _CHANGES_ARGUMENT) or "out" in call.kwargs:
            return True
        if module.startswith("tensorwright") and name.endswith("_") and not name.startswith("_"):
            return True
        return self.graph._is_effect(self._number) or (impure_random and _targets.is_random(call.target))

    def format_node(
        self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None
    ) -> str | None:
        """One line that says what the node is.

        Args:
            placeholder_names: gets a placeholder's name and annotation, for which then None is returned.
            maybe_return_typename: gets the annotation of the output.
        """
        call = self._call()
        annotation = "" if self.type is None else f"{_type_text(self.type)} "
        if call.op == "output":
            if self.type is not None and maybe_return_typename is not None:
                maybe_return_typename[0] = f" -> {_type_text(self.type)}"
            return f"return {call.args[0]}"
        head = f"%{self._name} : {annotation}[num_users={len(self.users)}] = {call.op}"
        if call.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(self._name + (f": {annotation.strip()}" if annotation else ""))
                return None
            default = f"(default={_text(call.args[0])})" if call.args else ""
            return f"{head}[target={call.target}]{default}"
        if call.op == "get_attr":
            return f"{head}[target={call.target}]"
        target = call.target if isinstance(call.target, str) else _targets.qualified_name(call.target)
        return f"{head}[target={target}](args = {_text(call.args)}, kwargs = {_text(dict(call.kwargs))})"

    def __repr__(self) -> str:
        return self._name

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> Any:
        raise TypeError(f"node {self._name} is a handle into its graph; pickle or copy the graph, or its GraphModule")


def _submodule(module: Any, path: str) -> Any:
    for atom in filter(None, path.split(".")):
        module = getattr(module, atom, None)
    return module


def _type_text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _text(arg: Argument) -> str:
    """An argument with its nodes as %name."""
    if isinstance(arg, Node):
        return f"%{arg.name}"
    if isinstance(arg, list):
        return f"[{', '.join(map(_text, arg))}]"
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{key}: {_text(value)}' for key, value in arg.items())}}}"
    if isinstance(arg, tuple) and not hasattr(arg, "_fields"):
        return f"({', '.join(map(_text, arg))}{',' if len(arg) == 1 else ''})"
    return str(arg)
