"""Derivative facets: YAML to DerivativeFacet, checked against the ops."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..facets import FacetError, Node, Op, OpSet, Type, read_entries
from .model import DerivativeFacet, Formula

_KEYS = frozenset(
    {
        "op", "not_differentiable", "detaches", "results", "broadcast", "unchecked", "samples", "domain", "holomorphic",
        "linear", "factors", "refused",
    }
)  # fmt: skip
TENSOR_TYPES = frozenset({Type.TENSOR, Type.OPERAND, Type.TENSORS})


def load_derivatives(paths: Iterable[Path | str], ops: OpSet) -> dict[str, DerivativeFacet]:
    """Reads facet files, or folders of them, by op name; refuses what does not fit the op's schema."""
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    found: dict[str, DerivativeFacet] = {}
    for facet in (facet for file in files for facet in read_derivatives(file, ops)):
        other = found.setdefault(facet.op, facet)
        if other is not facet:
            raise FacetError(facet.location, f"the derivative of {facet.op!r} is already at {other.location}")
    return found


def read_derivatives(path: Path, ops: OpSet) -> tuple[DerivativeFacet, ...]:
    return tuple(facet for node in read_entries(path) for facet in _read_entry(node, ops, path.stem))


def _read_entry(node: Node, ops: OpSet, file: str) -> list[DerivativeFacet]:
    """One entry; `op: [eq, ne]` stands for an entry each."""
    facets = []
    for name in node.get("op").texts():
        op = ops.find(name)
        if op is None:
            raise node.get("op").error(f"there is no op {name!r}")
        facets.append(_read_facet(node, op, file))
    return facets


def _read_facet(node: Node, op: Op, file: str) -> DerivativeFacet:
    facet = DerivativeFacet(
        op=op.name,
        formulas=tuple(_formula(key, value, op) for key, value in node.pairs() if key.text() not in _KEYS),
        not_differentiable=_flag(node, "not_differentiable"),
        detaches=_flag(node, "detaches"),
        refused=_flag(node, "refused"),
        holomorphic=_flag(node, "holomorphic"),
        linear=_flag(node, "linear"),
        factors=_names(node, "factors") or (),
        results=_names(node, "results"),
        broadcast=_names(node, "broadcast") or (),
        unchecked=_names(node, "unchecked") or (),
        samples=tuple(_sample(item, op) for item in _list(node, "samples")),
        domain=domain.text() if (domain := node.find("domain")) else None,
        file=file,
        location=node.location,
    )
    _check(facet, op, node)
    return facet


def _flag(node: Node, key: str) -> bool:
    found = node.find(key)
    if found is None:
        return False
    if found.text() != "true":
        raise found.error(f"{key} is `true` or absent")
    return True


def _list(node: Node, key: str) -> tuple[Node, ...]:
    found = node.find(key)
    return () if found is None else found.items()


def _names(node: Node, key: str) -> tuple[str, ...] | None:
    found = node.find(key)
    return None if found is None else found.texts()


def _formula(key: Node, value: Node, op: Op) -> Formula:
    inputs = tuple(name.strip() for name in key.text().split(","))
    for name in inputs:
        arg = op.schema.arg(name)
        if arg is None:
            known = ", ".join(arg.name for arg in op.schema.args if arg.type in TENSOR_TYPES)
            raise key.error(f"{op.name} has no argument {name!r}; its tensors are {known}")
        if arg.type not in TENSOR_TYPES:
            raise key.error(f"{name!r} of {op.name} is {arg.type_text}; only tensors have a gradient")
    return Formula(inputs, value.text().strip(), value.location)


def _sample(node: Node, op: Op) -> tuple[tuple[str, str], ...]:
    for name, _ in node.pairs():
        if op.schema.arg(name.text()) is None:
            raise name.error(f"{name.text()!r} is not an argument of {op.name}")
    return tuple((name.text(), value.text()) for name, value in node.pairs())


def _check(facet: DerivativeFacet, op: Op, node: Node) -> None:
    if sum((bool(facet.formulas), facet.not_differentiable, facet.detaches, facet.refused)) != 1:
        raise node.error(
            f"{op.name}: expected formulas, or one of `not_differentiable: true`, `detaches: true`, `refused: true`"
        )
    names = [name for formula in facet.formulas for name in formula.inputs]
    if facet.linear and (not facet.formulas or facet.results is not None):
        raise node.get("linear").error(f"{op.name}: all results of a linear op have a gradient, given by formulas")
    for name in names:
        if names.count(name) > 1:
            raise node.error(f"{op.name}: the gradient of {name!r} is given twice")
    for key, listed in (("broadcast", facet.broadcast), ("factors", facet.factors)):
        for name in listed:
            if name not in names:
                raise node.get(key).error(f"{name!r} has no formula")
    if facet.linear and facet.factors:
        raise node.get("factors").error(f"{op.name}: a linear op has no factors")
    results = {ret.name or "result" for ret in op.schema.rets}
    for name in facet.results or ():
        if name not in results:
            raise node.get("results").error(
                f"{op.name} has no result {name!r}; expected one of {', '.join(sorted(results))}"
            )
