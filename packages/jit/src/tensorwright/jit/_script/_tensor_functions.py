"""Functions of tensorwright that are not ops: those that read tensors, and make them of Python's numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import tensorwright as tw
from tensorwright import _arguments

from . import _types as t
from ._arguments import Args, Function, Kwargs, given, take
from ._attributes import op
from ._calls import isinstance_of
from ._values import Static, Thing, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler


def _tensor(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    data, dtype, device, grad = take(c, "tensor", args, kwargs, "data dtype device requires_grad", node, 1)
    for option in (device, grad):
        if given(option) and not (isinstance(option, Value) and option.arg in (False, "cpu", tw.device("cpu"))):
            raise c.error("tensor() takes data and dtype in a script", node, "use .to(device)")
    value = c.as_value(data, node)
    wanted = dtype_value(c, dtype, node)
    if t.is_tensor(value.type):
        copied = op(c, "clone", [op(c, "detach", [value], node)], node)
        return copied if not given(wanted) else c.b.node("tw::to.dtype", [value.arg, wanted.arg], t.TENSOR)
    mask = wanted.is_constant and wanted.arg == tw.bool
    return c.b.builtin("tensor", t.MASK if mask else t.TENSOR, value, wanted)


def dtype_value(c: Compiler, thing: Thing, node: ast.AST) -> Value:
    """A dtype, also given as one of Python's classes of numbers."""
    from ._schema import MismatchError, Parameter, fitted

    try:
        return fitted(Parameter("dtype?", "dtype", "None", True), thing)
    except MismatchError as mismatch:
        raise c.error(str(mismatch), node) from None


def _as_tensor(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    data = c.as_value(args[0], node)
    return data if t.is_tensor(data.type) and len(args) == 1 and not kwargs else _tensor(c, args, kwargs, node)


def _of_tensor(method: str) -> Function:
    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        from ._methods import tensor_method

        value = c.as_value(args[0], node)
        if not t.is_tensor(value.type):
            raise c.error(f"{method}() of {value.type}", node)
        return tensor_method(c, value, method, args[1:], kwargs, node)

    return run


def _is_tensor(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return isinstance_of(c, args[0], Static(tw.Tensor), node)


def _default_dtype(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return Value(t.DTYPE, tw.get_default_dtype())


def _checked(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """A check of types, which the compiler does itself."""
    return constant(None)


TENSOR_FUNCTIONS: dict[Any, Function] = {
    tw.tensor: _tensor,
    tw.as_tensor: _as_tensor,
    tw.is_tensor: _is_tensor,
    tw.numel: _of_tensor("numel"),
    tw.is_floating_point: _of_tensor("is_floating_point"),
    tw.is_complex: _of_tensor("is_complex"),
    tw.get_default_dtype: _default_dtype,
    _arguments.check_tensor: _checked,
    _arguments.check_tensors: _checked,
    _arguments.check_optional: _checked,
}
