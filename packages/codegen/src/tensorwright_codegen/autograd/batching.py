"""Batching facets to the C++ table of packages/autograd/csrc/transform/batching_rule.h."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..emit.output import Output
from ..facets import FacetError, OpSet, read_entries
from ..facets.errors import Location

KINDS = ("leading", "along", "sizes", "broadcast", "folded", "custom")


@dataclass(frozen=True)
class BatchingFacet:
    """How vmap treats one op."""

    op: str
    rule: str
    location: Location


def load_batching(paths: Iterable[Path], ops: OpSet) -> dict[str, BatchingFacet]:
    """The facets by op. FacetError, naming file and line, for an unknown op or rule, or two rules of one op."""
    facets: dict[str, BatchingFacet] = {}
    for path in paths:
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            for node in read_entries(file):
                node.only(frozenset({"op", "rule"}))
                rule = node.get("rule")
                if rule.text() not in KINDS:
                    raise rule.error(f"expected one of {', '.join(KINDS)}, got {rule.text()!r}")
                for name in node.get("op").texts():
                    if ops.find(name) is None:
                        raise node.error(f"there is no op {name!r}")
                    if name in facets:
                        raise FacetError(node.location, f"op {name!r} has a rule already at {facets[name].location}")
                    facets[name] = BatchingFacet(name, rule.text(), node.location)
    return facets


def emit_batching(facets: dict[str, BatchingFacet], output: Output) -> None:
    rows = "".join(
        f'    {{"tw::{facet.op}", BatchingKind::k{facet.rule.capitalize()}}},\n' for facet in facets.values()
    )
    text = (
        '\n#include "transform/batching_rule.h"\n\nnamespace tw::autograd {\n\n'
        f"const BatchingRule kBatchingRules[] = {{\n{rows}}};\n"
        f"const uint32_t kBatchingRuleCount = {len(facets)};\n\n}}  // namespace tw::autograd\n"
    )
    output.cpp("batching_rules.cpp", text)
