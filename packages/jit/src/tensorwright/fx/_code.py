"""Python source from a graph."""

from __future__ import annotations

import builtins
import cmath
import functools
import keyword
import linecache
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tensorwright as tw
from tensorwright.fx import _targets
from tensorwright.fx._control import ControlFlow
from tensorwright.fx._names import CODE_NAMES
from tensorwright.fx.node import Argument, Call, Node, map_arg

if TYPE_CHECKING:
    from tensorwright.fx.graph import Graph

Line = tuple[str, Node]  # and the node that it is of
TransformCode = Callable[[list[str]], list[str]]

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.mod: "%", operator.matmul: "@", operator.pow: "**", operator.lshift: "<<", operator.rshift: ">>",
    operator.and_: "&", operator.or_: "|", operator.xor: "^", operator.eq: "==", operator.ne: "!=",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip
_PREFIX = {operator.neg: "-", operator.pos: "+", operator.invert: "~"}


@dataclass
class PythonCode:
    """Source, and the values of the names in it.

    Attributes:
        src: the text.
        globals: what the names in it mean that are not its own.
        lines: the node that each line came from.
    """

    src: str
    globals: dict[str, Any]
    lines: dict[int, Node] = field(default_factory=dict)


class CodeGen:
    """Writes the head and the end of the code; derive from it to let a graph take or give values in another form."""

    def __init__(self) -> None:
        self.body_transform: TransformCode | None = None

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The first line, given the parameters and ``" -> annotation"`` or an empty text."""
        parameters = free_vars if free_vars[:1] == ["self"] else ["self", *free_vars]
        return f"def forward({', '.join(parameters)}){maybe_return_annotation}:"

    def generate_output(self, output_args: str) -> str:
        """The last line, given the expression of what is returned."""
        return f"return {output_args}"

    def process_inputs(self, *args: Any) -> Any:
        """The arguments as the placeholders take them."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What callers get for the output's value."""
        return outputs

    def transformed(self, make: Callable[[TransformCode | None], TransformCode]) -> AbstractContextManager[None]:
        """Change what changes the lines, from now on; what comes back puts back the former at its end."""
        outside = self.body_transform
        self.body_transform = make(outside)

        @contextmanager
        def until_end() -> Iterator[None]:
            try:
                yield
            finally:
                self.body_transform = outside

        return until_end()

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Names that the head and the end use, with their values."""
        return []


def attribute_text(base: str, path: str) -> str:
    """The expression for the attribute of `base` at a path: ``self.layer``, ``getattr(self.layer, "0")``."""
    for atom in path.split("."):
        base = f"{base}.{atom}" if is_name(atom) else f"getattr({base}, {_quoted(atom)})"
    return base


def is_name(text: str) -> bool:
    """Whether the text can be a name in source."""
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def _quoted(text: str) -> str:
    plain = text.isascii() and text.isprintable() and not set(text) & set("\"'\\")
    return f'"{text}"' if plain else repr(text)


class _Writer:
    """Writes expressions, and keeps the values of the global names that they use."""

    def __init__(self, taken: set[str], parameters: set[str]) -> None:
        self.globals: dict[str, Any] = {}
        self._taken = taken | parameters
        self._parameters = parameters
        self._names: dict[int, str] = {}

    # ---- global names ------------------------------------------------------------------------------------

    def keep(self, hint: str, value: Any) -> str:
        """A global name for the value."""
        if id(value) in self._names:
            return self._names[id(value)]
        name = stem = re.sub(r"\W+", "_", hint, flags=re.ASCII).lstrip("0123456789") or "value"
        count = 1
        while name in self._taken or keyword.iskeyword(name) or hasattr(builtins, name):
            name, count = f"{stem}_{count}", count + 1
        self._taken.add(name)
        self._names[id(value)] = name
        self.globals[name] = value
        return name

    def callee(self, target: Any) -> str:
        name = _targets.qualified_name(target)
        module, _, attribute = name.rpartition(".")
        if name.startswith("tw.") and "(" not in name:
            self.globals["tw"] = tw
            return name
        if module in ("operator", "math") and _targets.known_callable(name) is target:
            self.globals[module] = operator if module == "operator" else math
            return name
        is_builtin = module == "builtins" and getattr(builtins, attribute, None) is target
        if is_builtin and attribute not in self._parameters:
            self.globals[attribute] = target  # where a trace of the code can find it
            return attribute
        return self.keep(name, target)

    def annotation(self, annotation: Any) -> str:
        name: str = getattr(annotation, "__name__", "annotation")
        is_builtin = isinstance(annotation, type) and annotation.__module__ == "builtins"
        if is_builtin and name not in self._parameters:
            return name
        if annotation is tw.Tensor:
            self.globals["tw"] = tw
            return "tw.Tensor"
        return self.keep(name, annotation)

    # ---- values ------------------------------------------------------------------------------------------

    def value(self, arg: Argument) -> str:
        kind = type(arg)
        if isinstance(arg, Node):
            return arg.name
        if arg is None or kind in (bool, int, str):
            return repr(arg)
        if arg is Ellipsis:
            return "..."
        if kind in (float, complex):
            return self._real(arg)
        if kind is tw.dtype:
            self.globals["tw"] = tw
            return f"tw.{repr(arg).rpartition('.')[2]}"
        if kind is tw.device:
            self.globals["tw"] = tw
            return f"tw.{arg!r}"
        return self._group(arg)

    def _real(self, number: complex) -> str:
        if cmath.isfinite(number):
            return repr(number)
        if number == math.inf or number == -math.inf:
            self.globals["inf"] = math.inf
            return "inf" if number == math.inf else "-inf"
        return self.keep("nan" if isinstance(number, float) else "number", number)

    def _group(self, arg: Argument) -> str:
        if isinstance(arg, tuple) and hasattr(arg, "_fields"):
            return f"{self.keep(type(arg).__name__, type(arg))}({', '.join(map(self.value, arg))})"
        if type(arg) is tuple:
            return f"({', '.join(map(self.value, arg))}{',' if len(arg) == 1 else ''})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.value, arg))}]"
        if isinstance(arg, dict):
            return "{" + ", ".join(f"{self.value(key)}: {self.value(item)}" for key, item in arg.items()) + "}"
        if isinstance(arg, slice):
            return f"slice({self.value(arg.start)}, {self.value(arg.stop)}, {self.value(arg.step)})"
        if isinstance(arg, type) or callable(arg):
            return self.callee(arg)
        return self.keep(type(arg).__name__, arg)

    def operand(self, arg: Argument) -> str:
        """A value beside an operator."""
        text = self.value(arg)
        return f"({text})" if text.startswith("-") else text

    # ---- calls -------------------------------------------------------------------------------------------

    def arguments(self, args: tuple[Argument, ...], kwargs: Mapping[str, Argument]) -> str:
        odd = {name: value for name, value in kwargs.items() if not is_name(name)}
        parts = [self.value(arg) for arg in args]
        parts += [f"{name} = {self.value(value)}" for name, value in kwargs.items() if name not in odd]
        return ", ".join([*parts, *([f"**{self.value(odd)}"] if odd else [])])

    def call(self, call: Call, root: str) -> str:
        if call.op == "get_attr":
            return attribute_text(root, call.target)
        if call.op == "call_module":
            return f"{attribute_text(root, call.target)}({self.arguments(call.args, call.kwargs)})"
        if call.op == "call_method":
            return self._method(call)
        operation = None if call.kwargs else self._operation(call.target, call.args)
        return operation or f"{self.callee(call.target)}({self.arguments(call.args, call.kwargs)})"

    def _method(self, call: Call) -> str:
        if not is_name(call.target) or not call.args:
            raise ValueError(f"a method call needs an object and a name to call, got {call.target!r} with {call.args}")
        base = self.value(call.args[0])
        base = base if isinstance(call.args[0], Node) else f"({base})"
        return f"{base}.{call.target}({self.arguments(call.args[1:], call.kwargs)})"

    def _operation(self, target: Any, args: tuple[Argument, ...]) -> str | None:
        try:
            infix, prefix = _INFIX.get(target), _PREFIX.get(target)
        except TypeError:  # not hashable
            return None
        if infix and len(args) == 2:
            return f"{self.operand(args[0])} {infix} {self.operand(args[1])}"
        if prefix and len(args) == 1:
            return f"{prefix}{self.operand(args[0])}"
        first_is_node = len(args) == 2 and isinstance(args[0], Node)
        if target is operator.getitem and first_is_node:
            return f"{self.value(args[0])}[{self.value(args[1])}]"
        if target is getattr and first_is_node and isinstance(args[1], str) and is_name(args[1]):
            return f"{self.value(args[0])}.{args[1]}"
        return None


# ---- functions -----------------------------------------------------------------------------------------------------


def used_by(node: Node, call: Call, graph: Graph) -> list[Node]:
    """The values of the graph that a node uses, also in its regions."""
    found: list[Node] = []
    map_arg((call.args, dict(call.kwargs)), found.append)
    if isinstance(call.target, ControlFlow):
        for region in node.regions:
            for inner in region.nodes:
                found += used_by(inner, inner._call(), graph)
    return [used for used in found if used.graph is graph]


def _dying(graph: Graph, calls: dict[Node, Call]) -> dict[Node, list[Node]]:
    """For each node, the values that are not needed after it."""
    dying: dict[Node, list[Node]] = {}
    seen: set[Node] = set()

    for node, call in reversed(calls.items()):
        values = used_by(node, call, graph)
        if call.op not in ("placeholder", "output"):
            values.insert(0, node)
        for value in values:
            if value not in seen:
                seen.add(value)
                dying.setdefault(node, []).append(value)
    return dying


def _parameter_name(node: Node) -> str:
    """Its own, so that it can be passed by name; the node's where code cannot have that."""
    plain: str = node.target.lstrip("*")
    return plain if is_name(plain) and plain not in CODE_NAMES else node.name


def _parameter(node: Node, call: Call, writer: _Writer) -> tuple[str, str]:
    """A placeholder as it stands in the signature, and the line that gives it its name, or nothing."""
    stars = call.target[: len(call.target) - len(call.target.lstrip("*"))]
    name = _parameter_name(node)
    annotation = "" if node.type is None else f" : {writer.annotation(node.type)}"
    default = f" = {writer.value(call.args[0])}" if call.args else ""
    return f"{stars}{name}{annotation}{default}", "" if name == node.name else f"{node.name} = {name}"


def _comment(node: Node) -> str:
    """Where the node was made, as a comment; empty if that is not known."""
    place = node.graph._native("location", node._number)
    if place is None:
        return ""
    line = linecache.getline(*place).strip()
    return f"# {place[0]}:{place[1]}{f': {line}' if line else ''}"


def python_code(graph: Graph, root: str, verbose: bool) -> PythonCode:
    """The graph as the source of a function ``forward`` whose first parameter is the module."""
    calls = {node: node._call() for node in graph.nodes}
    named = {_parameter_name(node) for node, call in calls.items() if call.op == "placeholder"}
    writer = _Writer(graph._namespace.used | {root, "forward"} | CODE_NAMES, named)
    parameters: list[str] = []
    body: list[Line] = []
    dying = _dying(graph, calls)
    returned, last_comment = "", ""
    for node, call in calls.items():
        if verbose and (comment := _comment(node)) != last_comment:
            body += [(comment, node)] if comment else []
            last_comment = comment
        if call.op == "placeholder":
            parameter, line = _parameter(node, call, writer)
            parameters.append(parameter)
            body += [(line, node)] if line else []
        elif call.op == "output":
            returned = "" if node.type is None else f" -> {writer.annotation(node.type)}"
            body.append((graph._codegen.generate_output(writer.value(call.args[0])), node))
        else:
            body += _statement(node, call, writer, root, dying.get(node, []))
    if not body:
        body.append(("pass", graph._root))
    head = graph._codegen.gen_fn_def(parameters, returned).strip("\n").split("\n")
    return _assembled(graph, head, body, writer)


def _statement(node: Node, call: Call, writer: _Writer, root: str, dying: list[Node]) -> list[Line]:
    """The lines of one node; those values are let go of that are not needed any more."""
    ends = "".join(f"{value.name} = " for value in dying)
    if isinstance(call.target, ControlFlow):
        lines = _control(node, call, writer, root)
        return [*lines, (f"{ends}None", node)] if ends else lines
    return [(f"{node.name} = {writer.call(call, root)}{f';  {ends}None' if ends else ''}", node)]


# ---- control flow --------------------------------------------------------------------------------------------------


def _control(node: Node, call: Call, writer: _Writer, root: str) -> list[Line]:
    name, args = node.name, call.args
    if call.target.op == "call":
        run = functools.partial(node.graph.program.run, call.target.name)
        return [(f"{name} = {writer.keep(f'run_{call.target.name}', run)}({writer.arguments(args, {})})", node)]
    if call.target.op == "if":
        lines: list[Line] = []
        for word, region in zip((f"if {writer.value(args[0])}:", "else:"), node.regions, strict=True):
            inner, given = _region(region, writer, root)
            lines += [(word, node), *_indented([*inner, (f"{name} = {writer.value(given)}", node)])]
        return lines
    count, carried = ((args[0], args[1:])) if call.target.op == "for" else (None, args)
    start: Line = (f"{name} = {writer.value(carried)}", node)
    body, given = _region(node.regions[-1], writer, root)
    turn = [
        *_unpacked(node.regions[-1], name, call.target.op == "for"),
        *body,
        (f"{name} = {writer.value(given)}", node),
    ]
    if call.target.op == "for":
        index = node.regions[0]._root.next.name
        return [start, (f"for {index} in range(int({writer.value(count)})):", node), *_indented(turn)]
    asked, condition = _region(node.regions[0], writer, root)
    test: list[Line] = [(f"if not {writer.operand(condition[0])}:", node), ("    break", node)]
    turn = [*_unpacked(node.regions[0], name, False), *asked, *test, *turn]
    return [start, ("while True:", node), *_indented(turn)]


def _region(region: Graph, writer: _Writer, root: str) -> tuple[list[Line], tuple[Argument, ...]]:
    """The lines of a region, and what it yields."""
    lines: list[Line] = []
    given: tuple[Argument, ...] = ()
    for node in region.nodes:
        call = node._call()
        if isinstance(call.target, ControlFlow) and call.target.op == "yield":
            given = call.args
        elif call.op != "placeholder":
            lines += _statement(node, call, writer, root, [])
    return lines, given


def _unpacked(region: Graph, carried: str, counted: bool) -> list[Line]:
    """The carried values under the names that a region has for them."""
    parameters = [node for node in region.nodes if node.op == "placeholder"][1 if counted else 0 :]
    return [("".join(f"{node.name}, " for node in parameters) + f"= {carried}", parameters[0])] if parameters else []


def _indented(lines: list[Line]) -> list[Line]:
    return [(f"    {line}", node) for line, node in lines]


def _assembled(graph: Graph, head: list[str], body: list[Line], writer: _Writer) -> PythonCode:
    writer.globals.update(graph._codegen.additional_globals())
    lines = [line for line, _ in body]
    if graph._codegen.body_transform is not None:
        changed = graph._codegen.body_transform([f"{line}\n" for line in lines])
        lines = "".join(changed).rstrip("\n").split("\n")
        nodes: dict[int, Node] = {}
    else:
        nodes = {len(head) + 3 + k + 1: node for k, (_, node) in enumerate(body)}
    text = "\n".join(f"    {line}" if line.strip() else "" for line in lines)
    return PythonCode("\n\n\n" + "\n".join(head) + f"\n{text}\n", writer.globals, nodes)
