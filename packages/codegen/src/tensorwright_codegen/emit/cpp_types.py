"""How schema types look in C++: arguments, results, default values."""

from __future__ import annotations

import math

from ..facets import Arg, Default, Dtype, Op, Ret, Type
from ..rules.cpp import cpp_dtype, cpp_name, cpp_string

_VALUE_TYPES: dict[Type, str] = {
    Type.SCALAR: "Scalar",
    Type.INT: "int64_t",
    Type.FLOAT: "double",
    Type.BOOL: "bool",
    Type.STR: "std::string_view",
    Type.DTYPE: "tw_dtype",
    Type.DEVICE: "tw_device",
    Type.INTS: "IntList",
    Type.FLOATS: "FloatList",
}
_RESULT_TYPES: dict[Type, str] = {
    Type.TENSOR: "Tensor",
    Type.TENSORS: "std::vector<Tensor>",
    Type.SCALAR: "Scalar",
    Type.INT: "int64_t",
    Type.FLOAT: "double",
    Type.BOOL: "bool",
    Type.STR: "std::string",
    Type.INTS: "std::vector<int64_t>",
    Type.DTYPE: "tw_dtype",
    Type.OBJECT: "tw_object*",
}


def read_type(arg: Arg) -> str:
    """The type of a local that holds the argument (what tw::From<> is asked for)."""
    fixed = {
        Type.TENSOR: "TensorRef",
        Type.OPERAND: "Operand",
        Type.TENSORS: "TensorList",
        Type.OBJECT: "tw_object*",
    }
    if arg.type in fixed:
        return fixed[arg.type]
    return f"std::optional<{_VALUE_TYPES[arg.type]}>" if arg.optional else _VALUE_TYPES[arg.type]


def parameter_type(arg: Arg) -> str:
    """The type of the parameter of a hand-written kernel or of a typed wrapper."""
    base = read_type(arg)
    return f"const {base}&" if base in ("Operand", "Scalar") else base


def parameter(arg: Arg) -> str:
    return f"{parameter_type(arg)} {cpp_name(arg.name)}"


def result_type(rets: tuple[Ret, ...]) -> str:
    types = [_RESULT_TYPES[ret.type] for ret in rets]
    if not types:
        return "void"
    return types[0] if len(types) == 1 else f"std::tuple<{', '.join(types)}>"


def argument(arg: Arg, index: int, call: str = "c") -> str:
    """Reading argument `index` of a call."""
    return f"From<{read_type(arg)}>::get({call}->args[{index}])"


def arguments(op: Op, call: str = "c") -> list[str]:
    return [argument(arg, i, call) for i, arg in enumerate(op.schema.args)]


def cpp_float(value: float) -> str:
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}__builtin_inf()"
    return '__builtin_nan("")' if math.isnan(value) else repr(value)


def default_expression(arg: Arg) -> str:
    """A default as the C++ default argument of a typed wrapper."""
    assert arg.default is not None
    value = arg.default.value
    if value is None:
        empty = {Type.TENSOR: "TensorRef()", Type.OBJECT: "nullptr", Type.OPERAND: "Operand(value_none())"}
        return empty.get(arg.type, "std::nullopt")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and arg.type is Type.INTS:
        return f"IntList({{{', '.join([str(value)] * arg.list_length)}}})"
    if isinstance(value, tuple):
        return f"{read_type(arg)}({{{', '.join(map(str, value))}}})" if value else f"{_VALUE_TYPES[arg.type]}()"
    if isinstance(value, str):
        return cpp_string(value)
    if isinstance(value, Dtype):
        return cpp_dtype(value.name)
    if isinstance(value, int) and arg.type in (Type.SCALAR, Type.OPERAND):
        return f"int64_t{{{value}}}"
    return cpp_float(value) if isinstance(value, float) else str(value)


def default_value(default: Default | None, arg: Arg, statics: list[str], prefix: str) -> str:
    """A default as a static tw_value; lists it points at are appended to `statics`."""
    value = None if default is None else default.value
    if value is None:
        return "{TW_NONE, 0, {0}}"
    if isinstance(value, bool):
        return f"{{TW_BOOL, 0, {{{int(value)}}}}}"
    if isinstance(value, int) and arg.type is Type.INTS:
        value = (value,) * arg.list_length
    if isinstance(value, int):
        return f"{{TW_INT, 0, {{{value}}}}}"
    if isinstance(value, float):
        return f"{{TW_FLOAT, 0, {{.f = {cpp_float(value)}}}}}"
    if isinstance(value, str):
        return f"{{TW_STR, {len(value.encode())}, {{.p = const_cast<char*>({cpp_string(value)})}}}}"
    if isinstance(value, Dtype):
        return f"{{TW_DTYPE, 0, {{.dt = {cpp_dtype(value.name)}}}}}"
    tag, kind = ("TW_INTS", "int64_t") if arg.type is Type.INTS else ("TW_FLOATS", "double")
    if not value:
        return f"{{{tag}, 0, {{0}}}}"
    name = f"{prefix}_{arg.name}"
    statics.append(f"{kind} {name}[] = {{{', '.join(map(repr, value))}}};")
    return f"{{{tag}, {len(value)}, {{.p = {name}}}}}"
