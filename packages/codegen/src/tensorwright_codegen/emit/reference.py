"""Reference pages: one Markdown page per Python name, from the facets alone."""

from __future__ import annotations

from ..expression import formula
from ..facets import Constraint, Op, OpSet
from .docstrings import signature_text
from .output import Output
from .python_types import annotation, result_annotation

_COMPUTED_DTYPES = {
    "f32": "float16, bfloat16, float32", "f64": "float64", "i32": "int8, uint8, int16, uint16, int32",
    "i64": "int64, uint32", "u64": "uint64", "b8": "bool", "c32": "complex64", "c64": "complex128",
}  # fmt: skip
_OPERATOR_TEXT = {"neg": "-x", "pos": "+x", "abs": "abs(x)", "~": "~x"}


def reference_output(ops: OpSet) -> Output:
    """The pages of all ops, and index.md that lists them by facet file."""
    output = Output()
    for name, members in ops.overloads().items():
        sections = [_section(op) for op in members]
        output.add(page(name), "\n".join([f"# {name}", "", *(line for section in sections for line in section)]))
    output.add("index.md", _index(ops))
    return output


def page(name: str) -> str:
    """The file of a Python name; not the bare name, because there is an op `index`."""
    return f"tensorwright.{name}.md"


def _index(ops: OpSet) -> str:
    lines = ["# Ops", ""]
    for file, members in ops.files().items():
        summaries = {op.base_name: op.summary for op in reversed(members)}
        lines += [f"## {file.replace('_', ' ').capitalize()}", "", "| op | |", "|---|---|"]
        lines += [f"| [`{name}`]({page(name)}) | {text} |" for name, text in reversed(summaries.items())] + [""]
    return "\n".join(lines)


def _section(op: Op) -> list[str]:
    lines = ["```python", f"{_owner(op)}{op.display_name}{signature_text(op, method=False, inplace=False)}", "```", ""]
    lines += [op.doc.strip(), "", *_formula(op), *_arguments(op), *_constraints(op), *_dtypes(op), *_forms(op)]
    if op.example:
        lines += ["```pycon", op.example.strip(), "```", ""]
    return lines


def _owner(op: Op) -> str:
    if op.has("function") or "." in op.display_name:
        return "tensorwright."
    return "Tensor." if op.has("method") else "tensorwright.ops."


def _formula(op: Op) -> list[str]:
    """As the facet words it, else as the expression says."""
    if op.formula is None and op.expression is None:
        return []
    text = op.formula or formula([rule.text for rule in op.math.results], style="latex")
    return ["$$", text, "$$", ""]


def _arguments(op: Op) -> list[str]:
    rows = [f"| `{arg.name}` | {_cell(annotation(arg))} |" for arg in op.schema.args]
    result = f"| returns | {_cell(result_annotation(op))} |"
    return ["| argument | type |", "|---|---|", *rows, result, ""]


def _cell(text: str) -> str:
    for private, public in (("builtins.", ""), ("DtypeLike", "dtype"), ("DeviceLike", "device"), ("|", "\\|")):
        text = text.replace(private, public)
    return f"`{text}`"


def _constraints(op: Op) -> list[str]:
    if not op.where:
        return []
    return ["Refused unless:", "", *(_constraint(constraint) for constraint in op.where), ""]


def _constraint(constraint: Constraint) -> str:
    sentence = f" ({constraint.sentence})" if constraint.sentence else ""
    return f"- `{constraint.rule.text}`{sentence}"


def _dtypes(op: Op) -> list[str]:
    if op.expression is None:
        return []
    names = ", ".join(_COMPUTED_DTYPES[compute] for compute in op.expression.compute)
    note = "; integers become the default floating dtype" if op.dtype and op.dtype[0].text == "float" else ""
    return [f"Dtypes: {names}{note}.", ""]


def _forms(op: Op) -> list[str]:
    forms = [f"`Tensor.{op.base_name}`"] if op.has("method") else []
    forms += [f"`Tensor.{op.base_name}_` (in place)"] if op.has("inplace") else []
    if op.operator:
        forms.append(f"operator `{_OPERATOR_TEXT.get(op.operator, op.operator)}`")
    forms += [f"`{alias}`" for alias in op.aliases]
    return [f"Also: {', '.join(forms)}.", ""] if forms else []
