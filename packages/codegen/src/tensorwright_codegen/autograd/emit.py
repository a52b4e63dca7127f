"""Derivative facets to the C++ tables and functions that the engine reads (packages/autograd/csrc/derivative.h)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..emit.output import Output
from ..facets import FacetError, Kind, Op, OpSet, Type, load_ops
from .batching import emit_batching, load_batching
from .formulas import Compiler
from .model import ZERO, DerivativeFacet, Formula
from .reader import TENSOR_TYPES, load_derivatives
from .values import TENSOR_VECTOR, TUPLE, Save, Saves

MAX_SAVES = 24  # kMaxSaves of backward.h

_HEAD = """
{includes}
#include "backward.h"
#include "formulas.h"

namespace tw::autograd::generated {{
"""


@dataclass(frozen=True)
class Compiled:
    """A facet's C++."""

    facet: DerivativeFacet
    op: Op
    function: str
    tables: str
    row: str


def autograd_output(
    ops_paths: Iterable[Path | str], derivative_paths: Iterable[Path | str], batching_paths: Iterable[Path] = ()
) -> Output:
    """All generated files of the autograd package."""
    ops = load_ops(ops_paths)
    facets = load_derivatives(derivative_paths, ops)
    compiled = [compile_facet(facet, ops) for facet in facets.values() if not facet.refused]  # the fallback refuses
    output = Output()
    for file in sorted({one.facet.file for one in compiled}):
        body = "".join(one.function + one.tables for one in compiled if one.facet.file == file)
        head = _HEAD.format(includes=_includes(body, ops))
        output.cpp(f"derivatives_{file}.cpp", f"{head}\n{body}\n}}  // namespace tw::autograd::generated\n")
    output.cpp("derivatives.cpp", _table(compiled))
    emit_batching(load_batching(batching_paths, ops), output)
    return output


def _includes(body: str, ops: OpSet) -> str:
    """The headers of the ops that generated code calls, so that it need not wait for those of all ops."""
    called = set(re.findall(r"\bops::(\w+)\(", body))
    files = sorted({op.file for op in ops if called & {op.symbol, f"{op.symbol}_", f"{op.symbol}_out"}})
    return "".join(f"#include <tensorwright/ops/{file}.hpp>\n" for file in files)


def compile_facet(facet: DerivativeFacet, ops: OpSet) -> Compiled:
    op = ops[facet.op]
    formulas = (*_implicit(facet, op), *facet.formulas)
    names = [arg.name for arg in op.schema.args if any(arg.name in formula.inputs for formula in formulas)]
    inputs = {name: i for i, name in enumerate(names)}
    _check_lists(facet, op, names)
    saves = Saves()
    blocks = [_block(facet, op, formula, inputs, saves, ops) for formula in formulas if not formula.is_zero]
    if len(saves.wanted_by) > MAX_SAVES:
        raise FacetError(
            facet.location, f"derivative of {op.name}: saves {len(saves.wanted_by)} values, at most {MAX_SAVES}"
        )
    function = f"void {op.symbol}_formula(Backward& b) {{\n{''.join(blocks)}}}\n" if blocks else ""
    return Compiled(facet, op, function, _tables(facet, op, names, saves), _row(facet, op, inputs, saves, bool(blocks)))


def _implicit(facet: DerivativeFacet, op: Op) -> tuple[Formula, ...]:
    """An op that writes its first argument has an edge for it, even where no gradient flows."""
    first = op.schema.args[0] if op.schema.args else None
    if first is None or not op.has("inplace") or first.type not in TENSOR_TYPES or not facet.formulas:
        return ()
    return () if facet.formula_of(first.name) else (Formula((first.name,), ZERO, facet.location),)


def _check_lists(facet: DerivativeFacet, op: Op, names: list[str]) -> None:
    for name in names[:-1]:
        arg = op.schema.arg(name)
        if arg is not None and arg.type is Type.TENSORS:
            raise FacetError(
                facet.location, f"derivative of {op.name}: the list {name!r} must be its last differentiable argument"
            )


def differentiable_results(facet: DerivativeFacet, op: Op) -> list[int]:
    named = facet.results
    return [
        i
        for i, ret in enumerate(op.schema.rets)
        if ret.type in (Type.TENSOR, Type.TENSORS) and (named is None or (ret.name or "result") in named)
    ]


def _block(facet: DerivativeFacet, op: Op, formula: Formula, inputs: dict[str, int], saves: Saves, ops: OpSet) -> str:
    if formula.is_refused:
        return "".join(f'  if (b.needs({inputs[name]})) b.refuse("{name}");\n' for name in formula.inputs)
    compiler = Compiler(op, formula, inputs, saves, ops)
    compiler.several_results = len(differentiable_results(facet, op)) > 1
    compiler.unchecked = facet.unchecked
    compiler.holomorphic = facet.holomorphic
    results = {ret.name or "result" for ret in op.schema.rets} - {arg.name for arg in op.schema.args}
    if facet.linear:
        compiler.unread = frozenset(inputs) | results
    elif len(formula.inputs) == 1 and formula.inputs[0] in facet.factors:
        compiler.unread = frozenset(formula.inputs) | results
    term = compiler.compile()
    indices = [inputs[name] for name in formula.inputs]
    condition = " || ".join(f"b.needs({i})" for i in indices)
    if len(indices) == 1:
        if term.type == TUPLE:
            raise compiler.error(f"gives a tuple for {formula.inputs[0]!r} alone")
        if term.type == TENSOR_VECTOR:
            return f"  if ({condition}) b.give_list({indices[0]}, {term.text});\n"
        text = f"Tensor::retain({term.text})" if term.type == "TensorRef" else term.text
        return f"  if ({condition}) {_give(facet, op, formula.inputs[0], indices[0], text, saves)}\n"
    if term.type != TUPLE:
        raise compiler.error(f"expected a tuple of {len(indices)} gradients, got {term.type}")
    gives = "".join(
        f"    if (b.needs({i})) {_give(facet, op, name, i, f'std::move(std::get<{k}>(grads))', saves)}\n"
        for k, (name, i) in enumerate(zip(formula.inputs, indices, strict=True))
    )
    return f"  if ({condition}) {{\n    auto grads = {term.text};\n{gives}  }}\n"


def _give(facet: DerivativeFacet, op: Op, name: str, index: int, text: str, saves: Saves) -> str:
    if facet.holomorphic:
        text = f"conj({text})"
    if op.kind is not Kind.POINTWISE and name not in facet.broadcast:
        return f"b.give({index}, {text});"
    slot = saves.slot(Save("kShapeIfChanged", op.schema.index(name), name), 1 << index)
    return f"b.give_reduced({index}, {slot}, {text});"


def _input_rule(facet: DerivativeFacet, op: Op, name: str) -> str:
    index = op.schema.index(name)
    is_list, is_factor = op.schema.args[index].type is Type.TENSORS, name in facet.factors
    return f"{{{index}, {str(is_list).lower()}, {str(is_factor).lower()}}}"


def _tables(facet: DerivativeFacet, op: Op, names: list[str], saves: Saves) -> str:
    rows = []
    if names:
        inputs = ", ".join(_input_rule(facet, op, name) for name in names)
        rows.append(f"extern const InputRule {op.symbol}_inputs[] = {{{inputs}}};\n")
    if saves.wanted_by:
        items = ", ".join(f'{{SaveKind::{s.kind}, {s.index}, {w}u, "{s.name}"}}' for s, w in saves.wanted_by.items())
        rows.append(f"extern const SaveRule {op.symbol}_saves[] = {{{items}}};\n")
    return "".join(rows) + "\n"


def node_name(op: Op) -> str:
    """`MulBackward` of mul, `MaxDimBackward` of max.dim."""
    words = op.name.replace(".", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) + "Backward"


def _flags(facet: DerivativeFacet, op: Op) -> str:
    flags = []
    if op.kind is Kind.VIEW or (op.kind is Kind.COMPOSITE and op.schema.rets[0].alias):
        flags.append("kIsView")
    if op.kind in (Kind.KERNEL, Kind.COMPOSITE):
        flags.append("kMayRunOps")
    if facet.not_differentiable:
        flags.append("kNoDerivative")
    if facet.detaches:
        flags.append("kDetaches")
    if facet.linear:
        flags.append("kLinear")
    return " | ".join(flags) or "0"


def _written(op: Op) -> int:
    """The argument whose storage the first result is, by the schema: `(Tensor(a!) self, ...) -> Tensor(a!)`."""
    ret = op.schema.rets[0] if op.schema.rets else None
    return op.schema.alias_of(ret) if ret is not None and ret.alias and ret.alias.written else -1


def _row(facet: DerivativeFacet, op: Op, inputs: dict[str, int], saves: Saves, has_formula: bool) -> str:
    symbol = f"generated::{op.symbol}"
    results = sum(1 << i for i in differentiable_results(facet, op))
    if facet.detaches:  # the argument is looked at, so that the result can be told from it
        inputs = {"self": 0}
    fields = [
        f'"{op.qualified_name}"',
        f'"{node_name(op)}"',
        f"{symbol}_inputs" if inputs and not facet.detaches else "kSelfInput" if facet.detaches else "nullptr",
        f"{symbol}_saves" if saves.wanted_by else "nullptr",
        str(len(inputs)),
        str(len(saves.wanted_by)),
        str(_written(op)),
        str(len(op.schema.rets)),
        f"{results}u",
        _flags(facet, op),
        f"{symbol}_formula" if has_formula else "nullptr",
        "nullptr",
    ]
    return f"    {{{', '.join(fields)}}},\n"


def _table(compiled: list[Compiled]) -> str:
    declarations = "".join(
        (f"extern const InputRule {one.op.symbol}_inputs[];\n" if f"{one.op.symbol}_inputs" in one.tables else "")
        + (f"extern const SaveRule {one.op.symbol}_saves[];\n" if f"{one.op.symbol}_saves" in one.tables else "")
        + (f"void {one.op.symbol}_formula(Backward& b);\n" if one.function else "")
        for one in compiled
    )
    rows = "".join(one.row for one in compiled)
    return (
        '\n#include "derivative.h"\n\nnamespace tw::autograd {\n\n'
        f"namespace generated {{\n{declarations}}}  // namespace generated\n\n"
        "namespace {\nconst InputRule kSelfInput[] = {{0, false, false}};\n}  // namespace\n\n"
        f"const Derivative kDerivatives[] = {{\n{rows}}};\n"
        "const uint32_t kDerivativeCount = sizeof kDerivatives / sizeof kDerivatives[0];\n\n"
        "}  // namespace tw::autograd\n"
    )
