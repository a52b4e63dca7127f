"""Modules that run a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
import weakref
from collections.abc import Mapping
from typing import Any

from tensorwright.fx._code import PythonCode
from tensorwright.fx._modules import Module, get_path, is_module, set_path
from tensorwright.fx.graph import Graph

_numbers = itertools.count()


def _compiled(code: PythonCode) -> Any:
    """The function ``forward`` of generated code, with the lines that tracebacks show."""
    name = f"<tensorwright.fx.graph {next(_numbers)}>"
    linecache.cache[name] = (len(code.src), None, code.src.splitlines(keepends=True), name)
    scope = dict(code.globals)
    exec(compile(code.src, name, "exec"), scope)
    forward = scope["forward"]
    weakref.finalize(forward, linecache.cache.pop, name, None).atexit = False
    return forward


def _copy_paths(source: Any, graph: Graph, module: Any) -> None:
    for node in graph.nodes:
        if node.op in ("get_attr", "call_module"):
            set_path(module, node.target, get_path(source, node.target))


def _set_paths(values: Mapping[str, Any], graph: Graph, module: Any) -> None:
    wanted = dict.fromkeys(node.target for node in graph.nodes if node.op in ("get_attr", "call_module"))
    for path in sorted(wanted, key=lambda path: path.count(".")):
        if path not in values:
            raise RuntimeError(f"GraphModule: the graph refers to '{path}', which is not in the dict of attributes")
        set_path(module, path, values[path])


class GraphModule(Module):
    """A module whose ``forward`` is the code of a graph.

    Each has a class of its own, so that ``forward`` is a method like any other.

    Attributes:
        graph: assigning one generates the code anew.
        code: the source that runs.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> module = fx.symbolic_trace(lambda x: tw.relu(x) + 1)
        >>> print(module.code.strip())
        def forward(self, x):
            relu = tw.relu(x);  x = None
            add = relu + 1;  relu = None
            return add
        >>> module(tw.tensor([-1.0, 2.0])).tolist()
        [1.0, 3.0]
    """

    _code: str
    meta: dict[str, Any]
    training: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        own = next(base for base in cls.__mro__ if "_fx_class_of_one" not in base.__dict__)
        single = type(own.__name__, (own,), {"_fx_class_of_one": True, "__module__": own.__module__})
        return object.__new__(single)

    def __init__(self, root: Any, graph: Graph, class_name: str = "GraphModule") -> None:
        """
        Args:
            root: the module whose parameters, buffers and submodules the graph refers to, which are taken over; or a
                dict of them by path.
            graph: what to run. The code is generated now; after changes to the graph call :meth:`recompile`.
            class_name: the name of the class, for messages.
        """
        super().__init__()
        type(self).__name__ = class_name
        if is_module(root):
            self.training = getattr(root, "training", True)
            _copy_paths(root, graph, self)
        elif isinstance(root, Mapping):
            _set_paths(root, graph, self)
        else:
            raise RuntimeError(f"GraphModule: root must be a module or a dict of attributes, got {type(root).__name__}")
        put = super().__setattr__
        put("meta", {})
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise TypeError(f"GraphModule.graph must be a Graph, got {type(graph).__name__}")
        self._graph = graph
        graph.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The source that runs."""
        return self._code

    def recompile(self) -> PythonCode:
        """Generate the code from the graph again; to be called after every change of it."""
        code = self._graph.python_code("self")
        self._code = code.src
        kind: Any = type(self)
        kind.forward = _compiled(code)
        return code

    # ---- submodules --------------------------------------------------------------------------------------

    def add_submodule(self, target: str, m: Any) -> bool:
        """Add a module at a path, with empty modules on the way; False if something else is in the way.

        Example:
            >>> from tensorwright import fx, nn
            >>> module = fx.symbolic_trace(lambda x: x)
            >>> module.add_submodule("block.0", nn.ReLU()), type(module.block).__name__
            (True, 'Module')
        """
        *way, name = target.split(".")
        at: Any = self
        for atom in way:
            if (at := getattr(at, atom, None)) is not None and not is_module(at):
                return False
            if at is None:
                break
        if at is not None and hasattr(at, name) and not is_module(getattr(at, name)):
            return False
        set_path(self, target, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take out the module at a path; False if there is none."""
        *way, name = target.split(".")
        at: Any = self
        for atom in way:
            at = getattr(at, atom, None)
        if at is None or not is_module(getattr(at, name, None)):
            return False
        delattr(at, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out every module that the graph neither calls nor reads from."""
        used: set[str] = {""}
        for node in self.graph.nodes:
            if node.op not in ("call_module", "get_attr"):
                continue
            atoms = node.target.split(".")
            used.update(".".join(atoms[:k]) for k in range(1, len(atoms) + 1))
            value: Any = get_path(self, node.target)
            if is_module(value):
                used.update(f"{node.target}.{path}" for path, _ in value.named_modules() if path)
        for path in [path for path, _ in self.named_modules() if path not in used]:
            self.delete_submodule(path)

    # ---- texts -------------------------------------------------------------------------------------------

    def print_readable(self, print_output: bool = True) -> str:
        """The code of this module and of the graph modules in it, with the places where the nodes were made.

        Args:
            print_output: print it as well.
        """
        source = self._graph.python_code("self", verbose=True).src.strip("\n")
        lines = [f"class {type(self).__name__}(tw.nn.Module):", *source.splitlines()]
        text = "\n    ".join(line.rstrip() for line in lines).replace("\n    \n", "\n\n")
        for _, child in self.named_children():
            if isinstance(child, GraphModule):
                text += "\n\n    " + child.print_readable(print_output=False).replace("\n", "\n    ")
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self._code}"

    # ---- copies ------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_graph", "_code")}

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        new = GraphModule.__new__(type(self))
        memo[id(self)] = new
        new.__dict__.update(copy.deepcopy(self._state(), memo))
        type(new).__name__ = type(self).__name__
        new.graph = copy.deepcopy(self._graph, memo)
        return new

    def __copy__(self) -> GraphModule:
        new = GraphModule.__new__(type(self))
        new.__dict__.update(self._state())
        type(new).__name__ = type(self).__name__
        new.graph = copy.deepcopy(self._graph)
        return new

    def __reduce__(self) -> Any:
        from tensorwright.fx._pickle import reduce_module

        return reduce_module(self)
