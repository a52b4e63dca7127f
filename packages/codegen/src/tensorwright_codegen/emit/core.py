"""Everything that tensor-core's build needs, from one folder of facets."""

from __future__ import annotations

from pathlib import Path

from ..facets import load_ops
from .adapters import emit_adapters
from .bindings import emit_bindings
from .kernels import emit_kernels
from .output import Output
from .rule_functions import emit_rule_functions
from .specs import emit_specs
from .wrappers import emit_wrappers


def core_output(folder: Path) -> Output:
    """The generated files of the facets in a folder. Raises FacetError or ExpressionError naming file and line."""
    ops = load_ops([folder])
    output = Output()
    emit_specs(ops, output)
    emit_rule_functions(ops, output)
    emit_adapters(ops, output)
    emit_wrappers(ops, output)
    emit_bindings(ops, output)
    emit_kernels(ops, folder, output)
    return output
