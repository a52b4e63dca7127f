"""``tw.jit.script``: functions, modules and classes whose source is compiled."""

from __future__ import annotations

import ast
import builtins
import inspect
import threading
from types import FunctionType
from typing import Any, NoReturn, TypeVar

from tensorwright import Tensor
from tensorwright._tree import LEAF, Structure
from tensorwright.jit import _library
from tensorwright.jit._program import Program

from . import _types as t
from ._attributes import is_module
from ._boundary import from_graph, to_graph
from ._classes import compile_class
from ._code import code_of
from ._compile import Compiled, compile_function
from ._decorators import modifier_of

T = TypeVar("T")


def _print(text: str) -> None:
    print(text, end="")


_library.op("use_host_text")(repr, _print)


def _reraise(error: RuntimeError) -> NoReturn:
    """An exception that the C ABI has no code for, by the name in front of its message."""
    name, colon, message = str(error).partition(": ")
    cls = getattr(builtins, name, None) if colon else None
    if isinstance(cls, type) and issubclass(cls, Exception):
        raise cls(_key(message) if cls is KeyError else message) from None
    raise error


def _key(text: str) -> Any:
    """The key that a KeyError names."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _structure(parts: list[Structure]) -> Structure:
    return Structure(tuple, (), tuple(parts))


def leaf_structure(kind: t.Type) -> Structure:
    """One value; what holds several has no place in an archive's signature."""
    inner = t.without_none(t.resolved(kind))
    if isinstance(inner, (t.ListType, t.DictType, t.TupleType)):
        raise ValueError(f"an archive takes and gives tensors and numbers, not {kind}: pass the parts on their own")
    return LEAF


class _Callable:
    """Calls one function of a program as Python calls it."""

    __name__: str

    def __init__(self, program: Program, compiled: Compiled) -> None:
        self._program = program
        self._compiled = compiled
        self._bound: dict[str, Tensor] = {}
        self._lock = threading.Lock()

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        compiled = self._compiled
        bound = compiled.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = [
            to_graph(kind, bound.arguments[name], f"{self.__name__}(): argument '{name}'")
            for name, kind in compiled.parameters.items()
        ]
        values += [to_graph(kind, getattr(owner, name), f"attribute '{name}'") for owner, name, kind in compiled.state]
        self._follow_tensors()
        try:
            result = self._program.run(compiled.name, *values)
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                raise
            _reraise(error)
        if not compiled.assigned:
            return from_graph(compiled.result, result)
        for (owner, name, kind), value in zip(compiled.assigned, result[1:], strict=True):
            setattr(owner, name, from_graph(kind, value))
        return from_graph(compiled.result, result[0])

    def _follow_tensors(self) -> None:
        """Parameters and buffers that were replaced since the last call."""
        for path, (owner, name) in self._compiled.tensors.items():
            tensor = getattr(owner, name)
            if self._bound.get(path) is not tensor:
                with self._lock:
                    self._program.set_attribute(path, tensor)
                    self._bound[path] = tensor

    @property
    def inputs(self) -> Structure:
        """How the arguments nest, as an archive says it."""
        return _structure([leaf_structure(kind) for kind in self._compiled.parameters.values()])

    @property
    def output(self) -> Structure:
        """How the result nests, as an archive says it."""
        if self._compiled.assigned:
            names = ", ".join(repr(name) for _, name, _ in self._compiled.assigned)
            raise ValueError(f"an archive cannot hold a module that assigns its own attributes: {names}")
        kind = t.resolved(self._compiled.result)
        if isinstance(kind, t.TupleType):
            return _structure([leaf_structure(item) for item in kind.items])
        return leaf_structure(kind)

    @property
    def graph(self) -> str:
        """The text form of the graph."""
        return self._program.text(self._compiled.name)

    @property
    def code(self) -> str:
        """The graph as lines that read like Python."""
        return code_of(self._program, self._compiled.name)


class ScriptFunction(_Callable):
    """A function as a graph; calling it runs the graph, without the function's own code.

    Attributes:
        program: holds the graph, as function ``forward``.
    """

    program: Program
    __name__: str

    def __init__(self, function: FunctionType) -> None:
        """Compile the function; :class:`FrontendError` says what cannot be."""
        name = function.__name__ if function.__name__.isidentifier() else "lambda"
        self.program = Program()
        super().__init__(self.program, compile_function(self.program, "forward", function))
        self.__tensorwright_original__ = function
        self.__name__, self.__doc__ = name, function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(args, kwargs)

    def __repr__(self) -> str:
        return f"<ScriptFunction {self.__name__}>"


class ScriptMethod(_Callable):
    """A method of a module as a graph."""

    def __init__(self, program: Program, name: str, function: FunctionType, module: Any) -> None:
        """Compile the method into the program."""
        super().__init__(program, compile_function(program, name, function, module))
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self._compiled.signature
        if "self" in bound.parameters or bound.parameters:
            args = (None, *args)
        return self._call(args, kwargs)

    def __repr__(self) -> str:
        return f"<ScriptMethod {self.__name__}>"


class ScriptModule:
    """A module as graphs, one for each method that is called.

    Parameters, buffers, ``training`` and the attributes that methods assign are the module's own: training it, loading
    into it and moving it change both. Other attributes are constants of the graphs.

    Attributes:
        program: holds the graphs, under the methods' names.
    """

    program: Program

    def __init__(self, module: Any) -> None:
        """Compile ``forward`` and what is marked ``export``; other methods when they are first asked for."""
        methods: dict[str, ScriptMethod] = {}
        self.__dict__.update(
            program=Program(), __tensorwright_original__=module, _methods=methods, _compiling=threading.RLock()
        )
        for name in _compiled_first(type(module)):
            self._method(name)

    def _method(self, name: str) -> ScriptMethod:
        with self._compiling:
            found: ScriptMethod | None = self._methods.get(name)
            if found is None:
                module = self.__tensorwright_original__
                function = getattr(type(module), name)
                found = self._methods[name] = ScriptMethod(self.program, name, function, module)
            return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("forward")(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["__tensorwright_original__"]
        if _is_own_method(module, name):
            return self._method(name)
        found = getattr(module, name)
        return found if name not in ("train", "eval") else self._switch(found)

    def _switch(self, change: Any) -> Any:
        def switched(*args: Any) -> ScriptModule:
            change(*args)
            return self

        return switched

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__tensorwright_original__, name, value)

    @property
    def graph(self) -> str:
        """The text form of ``forward``."""
        return self._method("forward").graph

    @property
    def code(self) -> str:
        """``forward`` as lines that read like Python."""
        return self._method("forward").code

    @property
    def inputs(self) -> Structure:
        """How the arguments of ``forward`` nest, as an archive says it."""
        return self._method("forward").inputs

    @property
    def output(self) -> Structure:
        """How the result of ``forward`` nests, as an archive says it."""
        return self._method("forward").output

    @property
    def original(self) -> Any:
        """The module that this was made from."""
        return self.__tensorwright_original__

    def __repr__(self) -> str:
        return f"<ScriptModule {self.__tensorwright_original__!r}>"


def _compiled_first(cls: type) -> list[str]:
    names = ["forward"]
    for base in cls.__mro__:
        names += [n for n, f in vars(base).items() if modifier_of(f) == "export" and n not in names]
    return names


def _is_own_method(module: Any, name: str) -> bool:
    """Whether a method is of the user's class, or of a layer, rather than of what all modules have."""
    for base in type(module).__mro__:
        if name in vars(base):
            method = vars(base)[name]
            plain = isinstance(method, FunctionType) and not name.startswith("__")
            return (plain and base.__name__ != "Module" and modifier_of(method) is None) or modifier_of(
                method
            ) == "export"
    return False


def script(obj: Any) -> Any:
    """Compile a function, a module or a class from its source.

    The result is a graph with ``if`` and loops in it, which runs without Python. What scripts can hold is listed in
    docs/script.md.

    Args:
        obj: a function, whose parameters are tensors unless annotated otherwise; a module, whose ``forward`` and
            exported methods are compiled; a class, whose instances other scripts may then use.

    Returns:
        A :class:`ScriptFunction` or a :class:`ScriptModule`; the class itself.

    Raises:
        FrontendError: says what cannot be compiled, where, and what to write instead.

    Example:
        >>> import tensorwright as tw
        >>> @tw.jit.script
        ... def halve(x: tw.Tensor, limit: float = 1.0) -> tw.Tensor:
        ...     while x.max() > limit:
        ...         x = x / 2
        ...     return x
        >>> halve(tw.tensor([3.0, 8.0])).tolist()
        [0.375, 1.0]
    """
    if isinstance(obj, (ScriptFunction, ScriptModule, ScriptMethod)):
        return obj
    if is_module(obj) and not isinstance(obj, type):
        return ScriptModule(obj)
    if isinstance(obj, type):
        return compile_class(obj)
    function = inspect.unwrap(obj)
    if isinstance(function, FunctionType):
        return ScriptFunction(obj if isinstance(obj, FunctionType) else function)
    raise TypeError(f"script: expected a function, a module or a class, got {type(obj).__name__}")
