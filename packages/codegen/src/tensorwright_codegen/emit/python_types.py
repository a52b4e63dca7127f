"""How schema types look in Python annotations."""

from __future__ import annotations

from dataclasses import dataclass

from ..facets import Arg, Op, OpSet, Type

_TYPES: dict[Type, str] = {
    Type.TENSOR: "Tensor",
    Type.OPERAND: "Tensor | Number",
    Type.SCALAR: "Number",
    Type.DTYPE: "DtypeLike",
    Type.DEVICE: "DeviceLike",
    Type.OBJECT: "object",
}
# In full, because ops and methods are called int, float and bool too.
_PLAIN = {Type.INT: "builtins.int", Type.FLOAT: "builtins.float", Type.BOOL: "builtins.bool", Type.STR: "builtins.str"}


def annotation(arg: Arg) -> str:
    text = _base(arg)
    return f"{text} | None" if arg.optional else text


def _base(arg: Arg) -> str:
    if arg.type in _PLAIN:
        return _PLAIN[arg.type]
    if arg.type is Type.INTS:
        return f"{'builtins.int | ' if arg.list_length else ''}Sequence[builtins.int]"
    if arg.type is Type.FLOATS:
        return "Sequence[builtins.float]"
    if arg.type is Type.TENSORS:
        return "Sequence[Tensor | None]" if arg.element_optional else "Sequence[Tensor]"
    return _TYPES[arg.type]


def result_annotation(op: Op) -> str:
    name = result_class(op)
    if name:
        return name
    types = [_result(ret.type) for ret in op.schema.rets]
    if not types:
        return "None"
    return types[0] if len(types) == 1 else f"tuple[{', '.join(types)}]"


def _result(kind: Type) -> str:
    exact = {Type.DTYPE: "dtype", Type.DEVICE: "device"}
    lists = {Type.TENSORS: "tuple[Tensor, ...]", Type.INTS: "tuple[builtins.int, ...]"}
    return {**_TYPES, **_PLAIN, **exact, **lists}[kind]


def result_class(op: Op) -> str:
    """The name of the named tuple that the op returns, or nothing."""
    rets = op.schema.rets
    if len(rets) < 2 or any(ret.name is None for ret in rets):
        return ""
    mark = "_Raw" if op.symbol.startswith("_") else "_"  # `_linalg_lstsq` is what `linalg_lstsq` is made of
    return f"{mark}{''.join(part.capitalize() for part in op.symbol.split('_'))}Result"


def result_classes(ops: OpSet) -> str:
    texts = []
    for op in ops:
        if result_class(op):
            fields = "".join(f"    {ret.name}: {_result(ret.type)}\n" for ret in op.schema.rets)
            texts.append(f"class {result_class(op)}(NamedTuple):\n{fields}")
    return "\n".join(texts)


def makes_tensors(op: Op) -> bool:
    """Factories take requires_grad= as well."""
    keyword = {arg.type for arg in op.schema.args if arg.keyword_only}
    return Type.DTYPE in keyword and (Type.DEVICE in keyword or op.base_name.endswith("_like"))


LINE = 120


@dataclass(frozen=True)
class Signature:
    parameters: tuple[str, ...]
    result: str

    def define(self, name: str, indent: str, body: str) -> str:
        """`def name(...) -> result:` with the body on the same line, wrapped as ruff's formatter does."""
        line = f"{indent}def {name}({', '.join(self.parameters)}) -> {self.result}:{body}"
        if len(line) <= LINE:
            return line
        inner = f"{indent}    {', '.join(self.parameters)}"
        if len(inner) > LINE:
            inner = "\n".join(f"{indent}    {parameter}," for parameter in self.parameters)
        return f"{indent}def {name}(\n{inner}\n{indent}) -> {self.result}:{body}"


def signature(op: Op, *, method: bool, inplace: bool) -> Signature:
    """`(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor`."""
    args = op.schema.args[1:] if method else op.schema.args
    return _signature(op, [_parameter(arg) for arg in args if not arg.keyword_only], method, inplace)


def variadic_signature(op: Op, *, method: bool, inplace: bool) -> Signature | None:
    """With the list given as separate positionals: `(self, *shape: int)`; if nothing positional follows it."""
    args = [arg for arg in (op.schema.args[1:] if method else op.schema.args) if not arg.keyword_only]
    if op.varargs is None or not args or args[-1].name != op.varargs:
        return None
    element = "Tensor" if args[-1].type is Type.TENSORS else "builtins.int"
    positional = [_parameter(arg) for arg in args[:-1]]
    return _signature(op, [*positional, f"*{op.varargs}: {element}"], method, inplace)


def _parameter(arg: Arg) -> str:
    text = f"{arg.name}: {annotation(arg)}"
    return f"{text} = ..." if arg.default is not None else text


def _signature(op: Op, positional: list[str], method: bool, inplace: bool) -> Signature:
    keywords = [_parameter(arg) for arg in op.schema.args if arg.keyword_only]
    if op.has("out") and not inplace:
        keywords.append(f"out: {_out_type(op)} | None = ...")
    if makes_tensors(op) and not inplace:
        keywords.append("requires_grad: builtins.bool = ...")
    star = ["*"] if keywords and not any(text.startswith("*") for text in positional) else []
    parts = [*(["self"] if method else []), *positional, *star, *keywords]
    result = ("Self" if method else "Tensor") if inplace else result_annotation(op)
    return Signature(tuple(parts), result)


def _out_type(op: Op) -> str:
    count = len(op.schema.rets)
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
