"""Signatures and docstrings as Python shows them, shared by the bindings, the stubs and the reference pages."""

from __future__ import annotations

import math
import textwrap

from ..facets import Arg, Default, Dtype, Op


def default_text(default: Default, arg: Arg) -> str:
    """A default as Python source."""
    value = default.value
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, Dtype):
        return f"tensorwright.{value.name}"
    if isinstance(value, tuple) and len(value) == 0:
        return "()"
    return repr(value)


def parameter_text(arg: Arg) -> str:
    return arg.name if arg.default is None else f"{arg.name}={default_text(arg.default, arg)}"


def signature_text(op: Op, *, method: bool, inplace: bool) -> str:
    """`(self, other, *, alpha=1, out=None)`."""
    parts: list[str] = []
    for arg in op.schema.args:
        if arg.keyword_only and "*" not in parts:
            parts.append("*")
        parts.append(parameter_text(arg))
    if op.has("out") and not inplace and not method:
        parts += ["out=None"] if "*" in parts else ["*", "out=None"]
    return f"({', '.join(parts)})"


def text_signature(name: str, ops: tuple[Op, ...], kind: str, inplace: bool) -> str:
    """What `inspect.signature` reads; only for names of one overload, whose defaults are literals."""
    if len(ops) != 1 or any(isinstance(a.default.value, Dtype) for a in ops[0].schema.args if a.default is not None):
        return ""
    text = signature_text(ops[0], method=kind == "method", inplace=inplace)
    if 'float("' in text:
        return ""
    marked = text.replace("(", "($", 1) if kind == "method" else text  # $ marks what a method is bound to
    return f"{name}{marked}\n--\n\n"


def docstring(ops: tuple[Op, ...], inplace: bool) -> str:
    if inplace:
        return f"In-place version of `{ops[0].base_name}`."
    if len(ops) == 1:
        return ops[0].doc.strip()
    return "\n\n".join(f"{_heading(op)}\n{textwrap.indent(op.doc.strip(), '    ')}" for op in ops)


def _heading(op: Op) -> str:
    return f"{op.base_name}{signature_text(op, method=False, inplace=False)}"
