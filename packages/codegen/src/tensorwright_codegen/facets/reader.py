"""Facet files to ops. Every error names the file and line, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .errors import FacetError
from .model import (
    COMBINES,
    COMPUTE_TYPES,
    DYNAMIC,
    OPERATORS,
    VARIANTS,
    Constraint,
    Expression,
    Kind,
    Op,
    OpSet,
    Rule,
    Sample,
)  # fmt: skip
from .nodes import Node, read_entries
from .schema import Schema, Type, parse_schema

RESULT_TYPES = ("T", "bool", "real", "complex")
_EXPRESSION_KEYS = ("expression", "map", "combine", "compute", "operand_types", "result")
_OP_KEYS = ("op", "schema", "kind", "variants", "operator", "where", "shape", "dtype", "varargs", "aliases", "tags")
_DOC_KEYS = ("doc", "formula", "example", "samples", "revision")
KEYS = frozenset({*_OP_KEYS, *_EXPRESSION_KEYS, *_DOC_KEYS})


def load_ops(paths: Iterable[Path | str]) -> OpSet:
    """Reads facet files, or folders of them (`*.yaml`, sorted), into the set of ops.

    Raises FacetError for anything that cannot be read, or an op that is declared twice.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    ops = tuple(op for file in files for op in read_ops(file))
    by_name: dict[str, Op] = {}
    for op in ops:
        other = by_name.setdefault(op.name, op)
        if other is not op:
            raise FacetError(op.location, f"op {op.name!r} is already declared at {other.location}")
    return OpSet(ops)


def read_ops(path: Path) -> tuple[Op, ...]:
    return tuple(read_op(node, path.stem) for node in read_entries(path))


def read_op(node: Node, file: str = "") -> Op:
    """One entry of a facet file."""
    node.only(KEYS)
    kind = _word(node.get("kind"), [kind.value for kind in Kind])
    schema_node = node.get("schema")
    schema = parse_schema(schema_node.text(), schema_node.location)
    op = Op(
        name=_op_name(node.get("op")),
        schema=schema,
        kind=Kind(kind),
        doc=_doc(node.get("doc")),
        variants=tuple(_word(item, VARIANTS) for item in _items(node, "variants")),
        operator=_optional(node, "operator", OPERATORS),
        where=tuple(_constraint(item) for item in _items(node, "where")),
        shape=_rules(node, "shape"),
        dtype=_rules(node, "dtype"),
        expression=_expression(node, Kind(kind), schema),
        formula=_text(node, "formula"),
        example=_text(node, "example"),
        varargs=_varargs(node, schema),
        aliases=tuple(_alias(item) for item in _items(node, "aliases")),
        tags=tuple(item.text() for item in _items(node, "tags")),
        revision=_revision(node),
        samples=tuple(_sample(item, schema) for item in _items(node, "samples")),
        file=file,
        location=node.location,
    )
    _check(op, node)
    return op


def _items(node: Node, key: str) -> tuple[Node, ...]:
    found = node.find(key)
    if found is None:
        return ()
    return (found,) if found.is_text() else found.items()


def _text(node: Node, key: str) -> str | None:
    found = node.find(key)
    return None if found is None else found.text().strip()


def _word(node: Node, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    if node.text() not in allowed:
        raise node.error(f"expected one of {', '.join(allowed)}, got {node.text()!r}")
    return node.text()


def _optional(node: Node, key: str, allowed: Iterable[str]) -> str | None:
    found = node.find(key)
    return None if found is None else _word(found, allowed)


def _op_name(node: Node) -> str:
    name = node.text()
    if not all(part.isidentifier() for part in name.split(".")) or name.count(".") > 1:
        raise node.error(f"expected an op name such as `add` or `max.dim`, got {name!r}")
    return name


def _alias(node: Node) -> str:
    name = node.text()
    module, _, function = name.rpartition(".")
    if not function.isidentifier() or (module and not module.isidentifier()):
        raise node.error(f"expected a name such as `absolute` or `linalg.solve`, got {name!r}")
    return name


def _doc(node: Node) -> str:
    text = node.text().strip()
    if not text:
        raise node.error("doc is empty; expected at least one line")
    return text


def _rules(node: Node, key: str) -> tuple[Rule, ...]:
    return tuple(Rule(item.text().strip(), item.location) for item in _items(node, key))


def _constraint(node: Node) -> Constraint:
    if node.is_text():
        return Constraint(Rule(node.text().strip(), node.location))
    pairs = list(node.pairs())
    if len(pairs) != 1:
        raise node.error(f'expected `rule: "sentence"`, got {len(pairs)} keys')
    rule, sentence = pairs[0]
    return Constraint(Rule(rule.text().strip(), rule.location), sentence.text())


def _expression(node: Node, kind: Kind, schema: Schema) -> Expression | None:
    needed = {Kind.POINTWISE: "expression", Kind.REDUCTION: "map"}.get(kind)
    for key in _EXPRESSION_KEYS:
        found = node.find(key)
        allowed = needed is not None and key in (needed, "compute", "operand_types", "result")
        if found is not None and not allowed and not (key == "combine" and kind is Kind.REDUCTION):
            raise found.error(f"{key!r} has no meaning for an op of kind {kind.value}")
    if needed is None:
        return None
    texts = _items(node, needed)
    if len(texts) != len(schema.rets):
        raise node.get(needed).error(f"expected {len(schema.rets)} texts, one per result, got {len(texts)}")
    result_types = tuple(_word(item, RESULT_TYPES) for item in _items(node, "result")) or ("T",) * len(texts)
    if len(result_types) != len(texts):
        raise node.get("result").error(f"expected {len(texts)} types, one per result, got {len(result_types)}")
    return Expression(
        results=tuple(Rule(item.text(), item.location) for item in texts),
        combine=_word(node.get("combine"), COMBINES) if kind is Kind.REDUCTION else None,
        compute=_compute(node),
        operand_types=_operand_types(node, schema),
        result_types=result_types,
    )


def _compute(node: Node) -> tuple[str, ...]:
    """What is computed in i64 is computed in u64 too."""
    named = tuple(_word(item, COMPUTE_TYPES) for item in _items(node, "compute")) or ("f32", "f64")
    return (*named, "u64") if "i64" in named and "u64" not in named else named


def _operand_types(node: Node, schema: Schema) -> tuple[tuple[str, str], ...]:
    found = node.find("operand_types")
    if found is None:
        return ()
    for name, _ in found.pairs():
        if schema.arg(name.text()) is None:
            raise name.error(f"{name.text()!r} is not an argument of the schema")
    return tuple((name.text(), _word(value, ("T", "bool"))) for name, value in found.pairs())


def _varargs(node: Node, schema: Schema) -> str | None:
    found = node.find("varargs")
    if found is None:
        return None
    arg = schema.arg(found.text())
    if arg is None or arg.type not in (Type.INTS, Type.TENSORS):
        raise found.error(f"expected the name of an int[] argument, got {found.text()!r}")
    return found.text()


def _revision(node: Node) -> int:
    found = node.find("revision")
    if found is None:
        return 0
    if not found.text().isdigit():
        raise found.error(f"expected a number, got {found.text()!r}")
    return int(found.text())


def _sample(node: Node, schema: Schema) -> Sample:
    for name, _ in node.pairs():
        if schema.arg(name.text()) is None:
            raise name.error(f"{name.text()!r} is not an argument of the schema")
    return Sample(tuple((name.text(), value.text()) for name, value in node.pairs()))


def _check(op: Op, node: Node) -> None:
    """Relations between keys."""
    if op.kind is Kind.KERNEL and not op.shape:
        raise node.error(f"op {op.name!r} of kind kernel needs `shape:` (or `shape: {DYNAMIC}`)")
    if op.shape and not op.is_structured and not op.is_dynamic:
        raise node.get("shape").error(f"an op of kind {op.kind.value} makes its own results and has no shape rule")
    for key, rules in (("shape", op.shape), ("dtype", op.dtype)):
        if len(rules) not in (0, 1, len(op.schema.rets)):
            raise node.get(key).error(f"expected one rule, or {len(op.schema.rets)}, one per result")
    if op.operator and not 1 <= len(op.schema.args) <= 6:
        raise node.get("operator").error("an operator takes one or two operands")
    written = [str(arg.alias) for arg in op.schema.args if arg.alias and arg.alias.written]
    if written and op.has("inplace"):
        raise node.get("schema").error("an in-place variant is generated: the functional schema marks no argument (a!)")
