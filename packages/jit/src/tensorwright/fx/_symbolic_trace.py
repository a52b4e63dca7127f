"""Graphs from running Python code on symbolic values."""

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import tensorwright
from tensorwright import Tensor
from tensorwright._tree import flatten
from tensorwright.fx import _patches
from tensorwright.fx._control import check_that
from tensorwright.fx._inputs import PH, TreeCodeGen, known_values, parameters_of, without_stars
from tensorwright.fx._modules import Module, is_module, of_nn
from tensorwright.fx._tracer_base import TracerBase
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Argument, Node, Target
from tensorwright.fx.proxy import ParameterProxy, Proxy

_SEQUENTIAL = "Sequential"
_LOADED_LATE = ("tensordot", "lobpcg")  # functions of tensors that tensorwright imports when they are first used


class Tracer(TracerBase):
    """Makes a graph of a function or module; derive from it to decide what becomes a node.

    Example:
        >>> from tensorwright import fx, nn
        >>> class Whole(fx.Tracer):
        ...     def is_leaf_module(self, m, module_qualified_name):
        ...         return isinstance(m, nn.Sequential)
        >>> model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
        >>> [node.target for node in Whole().trace(nn.Sequential(model)).nodes]
        ['input', '0', 'output']
    """

    graph: Graph

    proxy_buffer_attributes: bool = False

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        """
        Args:
            autowrap_modules: their functions become nodes when called with a symbolic value.
            autowrap_functions: these too, wherever the traced code has them as globals.
            param_shapes_constant: shapes of parameters are known while tracing, so that code may branch on them.
        """
        self._modules_to_wrap = autowrap_modules
        self._functions_to_wrap = {id(function) for function in autowrap_functions}
        self._functions_of_modules = {
            id(value) for module in autowrap_modules for value in vars(module).values() if callable(value)
        }
        self.param_shapes_constant = param_shapes_constant
        self.root: Any = None
        self.module_stack: dict[str, tuple[str, type]] = {}

    # ---- hooks -------------------------------------------------------------------------------------------

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        """Whether a module is one node (the modules of tensorwright.nn but Sequential) or traced through."""
        is_container = any(base.__name__ == _SEQUENTIAL and of_nn(base) for base in type(m).__mro__)
        return of_nn(type(m)) and not is_container

    def call_module(self, m: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call of a module gives: a node of its own, or what running it gives.

        Args:
            m: the module.
            forward: runs it.
            args: of the call.
            kwargs: of the call.
        """
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        outside = self.module_stack
        self.module_stack = {**outside, path: (path, type(m))}
        try:
            return forward(*args, **kwargs)
        finally:
            self.module_stack = outside

    def path_of_module(self, mod: Any) -> str:
        """The path of a submodule.

        Raises:
            NameError: if it is not below the module that is traced.
        """
        path: str | None = self._module_paths.get(id(mod))
        if path is None:
            raise NameError(
                f"the module {type(mod).__name__} that is called is not below the one that is traced; assign it to an "
                "attribute of that"
            )
        return path

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What the traced code gets that reads an attribute of a module: a node for a parameter, else the value."""
        if not isinstance(attr_val, Tensor):
            return attr_val
        path = self._parameter_paths.get(id(attr_val))
        if path is None and self.proxy_buffer_attributes:
            path = self._buffer_paths.get(id(attr_val))
        if path is None:
            return attr_val
        if path not in parameter_proxy_cache:
            constant = self.param_shapes_constant and path in self._parameter_paths.values()
            parameter_proxy_cache[path] = self.create_proxy(
                "get_attr", path, (), {}, proxy_factory_fn=self._parameter_factory(path, attr_val) if constant else None
            )
        return parameter_proxy_cache[path]

    def _parameter_factory(self, path: str, parameter: Tensor) -> Callable[[Node], Proxy]:
        return lambda node: ParameterProxy(self, node, path, parameter)

    def get_fresh_qualname(self, prefix: str) -> str:
        """An attribute of the module that is not taken: the prefix and a number."""
        number = self._fresh.get(prefix, 0)
        while hasattr(self.root, f"{prefix}{number}"):
            number += 1
        self._fresh[prefix] = number + 1
        return f"{prefix}{number}"

    # ---- arguments ---------------------------------------------------------------------------------------

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A node that knows the modules in which it was made."""
        node = super().create_node(kind, target, args, kwargs, name, type_expr)
        if self.module_stack:
            node.meta["nn_module_stack"] = dict(self.module_stack)
        return node

    def _other_arg(self, a: Any) -> Argument:
        if isinstance(a, Tensor):
            return self.create_node("get_attr", self._path_of_tensor(a), (), {})
        if is_module(a):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super()._other_arg(a)

    def _path_of_tensor(self, tensor: Tensor) -> str:
        for paths in (self._parameter_paths, self._buffer_paths, self._tensor_paths):
            if id(tensor) in paths:
                return paths[id(tensor)]
        if type(tensor).__name__ == "Parameter":
            raise NameError(
                "a parameter is used that is not below the module that is traced; register it there, or pass it in"
            )
        path = self.get_fresh_qualname("_tensor_constant")
        setattr(self.root, path, tensor)
        self._tensor_paths[id(tensor)] = path
        return path

    # ---- the trace ---------------------------------------------------------------------------------------

    def trace(self, root: Any, concrete_args: Any = None) -> Graph:
        """The graph of a module's ``forward``, or of a function.

        Args:
            root: what to run.
            concrete_args: values of some parameters, by name, that the graph takes for granted; containers may have
                ``fx.PH`` where they are symbolic.

        Raises:
            TraceError: where Python code needs a value that only exists when the graph runs; names the line.
        """
        with _patches.tracing:
            self._start(root)
            function = root.forward if is_module(root) else root
            to_call, args, kwargs = self.create_args_for_root(function, is_module(root), concrete_args)
            patcher = _patches.Patcher()
            try:
                self._patch(patcher, function)
                with _patches.tracing_with(self):
                    result = to_call(*args, **kwargs)
                    annotation = getattr(function, "__annotations__", {}).get("return")
                    returned = None if isinstance(annotation, str) else annotation
                    self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=returned)
            finally:
                patcher.close()
        return self.graph

    def _start(self, root: Any) -> None:
        self.graph = Graph(tracer_cls=type(self))
        self.root = root if is_module(root) else Module()
        self._fresh: dict[str, int] = {}
        self._parameter_proxies: dict[str, Any] = {}
        self.module_stack = {}
        modules = list(self.root.named_modules())
        self._module_paths = {id(module): path for path, module in reversed(modules)}
        self._parameter_paths = {id(value): path for path, value in self.root.named_parameters()}
        self._buffer_paths = {id(value): path for path, value in self.root.named_buffers()}
        self._tensor_paths: dict[int, str] = {
            id(value): f"{path}.{name}" if path else name
            for path, module in modules
            for name, value in vars(module).items()
            if isinstance(value, Tensor)
        }

    def _patch(self, patcher: _patches.Patcher, function: Callable[..., Any]) -> None:
        self._patcher = patcher
        self._seen_namespaces: set[int] = set()
        for name in _LOADED_LATE:
            getattr(tensorwright, name)
        own = [sys.modules.get(f"tensorwright{path}") for path in ("", ".nn.functional")]
        modules = [module for module in own if module is not None]
        self._known_functions = _patches.patched_functions(modules) | self._functions_of_modules
        self._known_functions |= self._functions_to_wrap | _patches.wrapped_functions
        _patches.patch_functions(patcher, [*self._modules_to_wrap, *modules])
        self._patch_globals(function)
        _patches.patch_modules(patcher, [Module(), *(module for _, module in self.root.named_modules())])

    def _patch_globals(self, function: Any) -> None:
        namespace = getattr(getattr(function, "__func__", function), "__globals__", None)
        if namespace is None or id(namespace) in self._seen_namespaces:
            return
        self._seen_namespaces.add(id(namespace))
        if not namespace.get("__name__", "").startswith("tensorwright."):
            _patches.patch_globals(self._patcher, namespace, self._known_functions)

    def _module_called(
        self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._patch_globals(getattr(module, "forward", None))
        return self.call_module(module, forward, args, kwargs)

    def _attribute_read(self, name: str, value: Any) -> Any:
        return self.getattr(name, value, self._parameter_proxies)

    # ---- parameters --------------------------------------------------------------------------------------

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        """Placeholders for the parameters of a function; what to call, and with which arguments."""
        parameters = parameters_of(root_fn)
        known = known_values(concrete_args, parameters)
        stars = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in parameters:
            value = self._parameter(parameter, known)
            if parameter.kind is parameter.KEYWORD_ONLY and not stars:
                kwargs[parameter.name] = value
            else:
                args.append(value)
        self._take_apart(parameters, known)
        return (without_stars(root_fn) if stars else root_fn), args, kwargs

    def _parameter(self, parameter: inspect.Parameter, known: Any) -> Any:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            return self.create_proxy("placeholder", f"{stars}{parameter.name}", (), {})
        if parameter.name not in known or known[parameter.name] is PH:
            default = () if parameter.default is parameter.empty else (parameter.default,)
            annotation = parameter.annotation
            untyped = annotation is parameter.empty or isinstance(annotation, str)
            return self.create_proxy(
                "placeholder", parameter.name, default, {}, type_expr=None if untyped else annotation
            )
        leaves, structure = flatten(known[parameter.name])
        return structure.build(self._leaf(parameter.name, k + 1, leaf) for k, leaf in enumerate(leaves))

    def _leaf(self, name: str, number: int, value: Any) -> Any:
        proxy = self.create_proxy("placeholder", f"{name}_{number}", (), {})
        if value is PH:
            return proxy
        if isinstance(value, (bool, int, float, str, type(None))):
            message = f"{name} was {value!r} when the graph was made and is something else now"
            same = operator.is_ if value is None else operator.eq
            holds = self.create_proxy("call_function", same, (proxy, value), {})
            self.create_proxy("call_function", check_that, (holds, message), {})
        return value

    def _take_apart(self, parameters: list[inspect.Parameter], known: Any) -> None:
        structure = flatten(tuple(known.get(p.name, PH) for p in parameters))[1]
        if any(child.kind is not None for child in structure.children):
            self.graph.set_codegen(TreeCodeGen([p.name for p in parameters], structure))


def symbolic_trace(root: Any, concrete_args: Any = None) -> GraphModule:
    """The graph of a module or function, made by running it on symbolic values, as a module.

    Args:
        root: a module, or a function of tensors.
        concrete_args: values of some parameters that the graph takes for granted, by name.

    Raises:
        TraceError: where Python code needs a value that only exists when the graph runs; names the line.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import nn
        >>> traced = symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        >>> [node.op for node in traced.graph.nodes]
        ['placeholder', 'call_module', 'call_module', 'output']
        >>> traced(tw.ones(4, 2)).shape
        (4, 3)
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if is_module(root) else getattr(root, "__name__", "GraphModule")
    return GraphModule(tracer.root, graph, name if name.isidentifier() else "GraphModule")


def wrap(fn_or_name: Any) -> Any:
    """Let calls of a global function be one node, when a trace of this module's code comes to them.

    To be called, or used as a decorator, at the top of a module.

    Args:
        fn_or_name: the function, or the name of a global or builtin such as ``"len"``.

    Raises:
        NotImplementedError: if called inside of a function.
        TypeError: for anything but a function or its name.

    Example:
        >>> from tensorwright import fx
        >>> @fx.wrap
        ... def clipped(x, limit):
        ...     return x if x.max() < limit else x * 0
        >>> [node.name for node in fx.symbolic_trace(lambda x: clipped(x, 3)).graph.nodes]
        ['x', 'clipped', 'output']
    """
    name = fn_or_name if isinstance(fn_or_name, str) else getattr(fn_or_name, "__name__", None)
    if not isinstance(name, str) or not (isinstance(fn_or_name, str) or callable(fn_or_name)):
        raise TypeError(f"wrap: takes a function or the name of one, got {type(fn_or_name).__name__}")
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    if caller is None or caller.f_code.co_name != "<module>":
        raise NotImplementedError(f"wrap('{name}') must stand at the top of a module, not inside of a function")
    if callable(fn_or_name):
        _patches.wrapped_functions.add(id(fn_or_name))
    _patches.remember(caller.f_globals, name)
    return fn_or_name
