"""tensorwright/ops/<file>.hpp: typed C++ calls of the ops of one facet file; tensorwright/ops.hpp includes them all."""

from __future__ import annotations

from ..facets import Arg, Op, OpSet, Type
from ..rules.cpp import cpp_name
from .adapters import out_names
from .cpp_types import default_expression, parameter, result_type
from .output import Output

_HEAD = """
// Typed C++ functions over the C ABI alone: `ops::add(x, 1)`, `ops::max_dim(x, 0)` for the overload max.dim,
// `ops::add_(x, y)` in place, `ops::add_out(x, y, 1, out)`.
#pragma once

#include <tensorwright/tw.hpp>

#include <tuple>

namespace tw::ops {

"""
_ALL_HEAD = """
// Every op of tensorwright; who uses few of them compiles faster with the headers of their families.
#pragma once

"""


def emit_wrappers(ops: OpSet, out: Output) -> None:
    files = ops.files()
    for file, members in files.items():
        functions = "\n".join(text for op in members for text in _wrappers(op))
        out.cpp(f"tensorwright/ops/{file}.hpp", _HEAD + functions + "\n}  // namespace tw::ops\n")
    includes = "".join(f"#include <tensorwright/ops/{file}.hpp>\n" for file in files)
    out.cpp("tensorwright/ops.hpp", _ALL_HEAD + includes)


def _wrappers(op: Op) -> list[str]:
    texts = [_functional(op)]
    if op.has("inplace"):
        texts.append(_into(op, f"{op.symbol}_", [], ["self"]))
    if op.has("out"):
        outs = out_names(op)
        texts.append(_into(op, f"{op.symbol}_out", [f"TensorRef {name}" for name in outs], outs))
    return texts


def _parameters(args: tuple[Arg, ...]) -> list[str]:
    """Defaults only where C++ allows them: on the last arguments."""
    texts: list[str] = []
    trailing = True
    for arg in reversed(args):
        trailing = trailing and arg.default is not None
        texts.append(parameter(arg) + (f" = {default_expression(arg)}" if trailing else ""))
    return texts[::-1]


def _head(op: Op) -> str:
    values = ", ".join(f"to_value({cpp_name(arg.name)})" for arg in op.schema.args)
    args = f"  const tw_value args[] = {{{values}}};\n" if values else ""
    return f'  static const OpHandle op("{op.qualified_name}");\n{args}'


def _functional(op: Op) -> str:
    rets = op.schema.rets
    signature = f"inline {result_type(rets)} {op.symbol}({', '.join(_parameters(op.schema.args))})"
    if len(rets) == 1 and rets[0].type is Type.TENSOR and op.schema.args:
        return f"{signature} {{\n{_head(op)}  return op.call(args);\n}}"
    values = f"tw_value rets[{max(len(rets), 1)}] = {{}}"
    args, count = ("args", len(op.schema.args)) if op.schema.args else ("nullptr", 0)
    call = f"check(g_host->call(op.get(), {args}, {count}, rets, {len(rets)}))"
    taken = [_take(ret.type, i) for i, ret in enumerate(rets)]
    result = f"  return {taken[0]};\n" if len(taken) == 1 else f"  return {{{', '.join(taken)}}};\n" if taken else ""
    return f"{signature} {{\n{_head(op)}  {values};\n  {call};\n{result}}}"


def _take(kind: Type, index: int) -> str:
    value = f"rets[{index}]"
    plain = {
        Type.TENSOR: f"Tensor::steal({value}.u.t)",
        Type.TENSORS: f"take_tensors(&{value})",
        Type.SCALAR: f"Scalar({value})",
        Type.OBJECT: f"{value}.u.o",
        Type.STR: f"take_string(&{value})",
        Type.INTS: f"take_ints(&{value})",
    }
    kinds = {Type.INT: "int64_t", Type.FLOAT: "double", Type.BOOL: "bool", Type.DTYPE: "tw_dtype"}
    return plain[kind] if kind in plain else f"From<{kinds[kind]}>::get({value})"


def _into(op: Op, name: str, outs: list[str], targets: list[str]) -> str:
    """In place or out=: the results are written to `targets`."""
    parameters = _parameters(op.schema.args) if not outs else [parameter(arg) for arg in op.schema.args] + outs
    signature = f"inline void {name}({', '.join(parameters)})"
    written = [f"{t}.tensor()" if not outs and op.schema.args[0].type is Type.OPERAND else t for t in targets]
    if len(written) == 1 and op.schema.args:
        return f"{signature} {{\n{_head(op)}  op.call_into(args, {written[0]});\n}}"
    values = ", ".join(f"to_value({target})" for target in written)
    args, count = ("args", len(op.schema.args)) if op.schema.args else ("nullptr", 0)
    releases = "".join(f"  g_host->release(rets[{i}].u.t);\n" for i in range(len(written)))
    return (
        f"{signature} {{\n{_head(op)}  tw_value rets[] = {{{values}}};\n"
        f"  check(g_host->call(op.get(), {args}, {count}, rets, {len(written)}));\n{releases}}}"
    )
