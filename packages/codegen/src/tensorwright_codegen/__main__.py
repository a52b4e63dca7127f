"""Command line: `core`, `autograd`, `graph`, `updates` write what builds need; `stubs`, `reference`, `coverage` too."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from .autograd import autograd_output
from .emit.core import core_output
from .emit.coverage import coverage, coverage_table, is_complete
from .emit.reference import reference_output
from .emit.stubs import stubs_output
from .expression import ExpressionError
from .facets import FacetError, load_ops
from .graph import expressions_output
from .lint.arithmetic import check_packages
from .updates import updates_output


def _core(args: argparse.Namespace) -> int:
    output = core_output(args.ops)
    if args.list_outputs:
        print("\n".join(str(args.out / path) for path in sorted(output.files)))
        return 0
    touched = output.write(args.out)
    print(f"codegen: {len(output.files)} files, {len(touched)} changed")
    return 0


def _autograd(args: argparse.Namespace) -> int:
    output = autograd_output([args.ops], [args.derivatives], [args.batching])
    touched = output.write(args.out)
    print(f"codegen: {len(output.files)} files, {len(touched)} changed")
    return 0


def _graph(args: argparse.Namespace) -> int:
    output = expressions_output(args.ops)
    touched = output.write(args.out)
    print(f"codegen: {len(output.files)} files, {len(touched)} changed")
    return 0


def _updates(args: argparse.Namespace) -> int:
    output = updates_output(args.rules, args.ops)
    touched = output.write(args.out)
    print(f"codegen: {len(output.files)} files, {len(touched)} changed")
    return 0


def _stubs(args: argparse.Namespace) -> int:
    output = stubs_output(load_ops([args.ops]))
    if not args.check:
        output.write(args.out)
        return 0
    stale = output.changed(args.out)
    for path in stale:
        print(f"{path} is stale; run `python -m tensorwright_codegen stubs`", file=sys.stderr)
    return 1 if stale else 0


def _reference(args: argparse.Namespace) -> int:
    reference_output(load_ops([args.ops])).write(args.out)
    return 0


def _coverage(args: argparse.Namespace) -> int:
    lines = coverage(load_ops([args.packages / "tensor-core" / "ops"]), args.packages, _sampled(args.samples))
    print(coverage_table(lines))
    return 0 if is_complete(lines) else 1


def _arithmetic(args: argparse.Namespace) -> int:
    findings = check_packages(args.packages, load_ops([args.packages / "tensor-core" / "ops"]))
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


def _sampled(folder: Path | None) -> set[str] | None:
    """The names in the package `samples` of a folder: rows, and what is tested elsewhere."""
    if folder is None:
        return None
    sys.path.insert(0, str(folder))
    rows = importlib.import_module("samples").all_rows()
    return {row.name for row in rows} | set(importlib.import_module("samples.elsewhere").ELSEWHERE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tensorwright-codegen", description=__doc__)
    commands = parser.add_subparsers(required=True)
    core = commands.add_parser("core", help="generated C++ of tensor-core")
    core.add_argument("--ops", type=Path, required=True, help="folder of facet files")
    core.add_argument("--out", type=Path, required=True, help="folder to write to; only changed files are touched")
    core.add_argument("--list-outputs", action="store_true", help="print the paths instead of writing")
    core.set_defaults(run=_core)
    autograd = commands.add_parser("autograd", help="generated C++ of autograd: one node per derivative facet")
    autograd.add_argument("--ops", type=Path, required=True, help="folder of op facets")
    autograd.add_argument("--derivatives", type=Path, required=True, help="folder of derivative facets")
    autograd.add_argument("--batching", type=Path, required=True, help="folder of batching facets")
    autograd.add_argument("--out", type=Path, required=True, help="folder to write to; only changed files are touched")
    autograd.set_defaults(run=_autograd)
    graph = commands.add_parser("graph", help="tables of jit: the expressions that its compiler reads")
    graph.add_argument("--ops", type=Path, required=True, help="folder of op facets")
    graph.add_argument("--out", type=Path, required=True, help="folder to write to; only changed files are touched")
    graph.set_defaults(run=_graph)
    updates = commands.add_parser("updates", help="generated C++ of optim: kernels of the optimizers' update rules")
    updates.add_argument("--rules", type=Path, required=True, help="folder of update rules")
    updates.add_argument("--ops", type=Path, required=True, help="folder of op facets, for their scalar functions")
    updates.add_argument("--out", type=Path, required=True, help="folder to write to; only changed files are touched")
    updates.set_defaults(run=_updates)
    stubs = commands.add_parser("stubs", help=".pyi stubs of the ops and of Tensor")
    stubs.add_argument("--ops", type=Path, default=Path("packages/tensor-core/ops"))
    stubs.add_argument("--out", type=Path, default=Path("packages/tensor-core/src/tensorwright"))
    stubs.add_argument("--check", action="store_true", help="write nothing; fail if a committed stub is stale")
    stubs.set_defaults(run=_stubs)
    reference = commands.add_parser("reference", help="one Markdown page per op")
    reference.add_argument("--ops", type=Path, default=Path("packages/tensor-core/ops"))
    reference.add_argument("--out", type=Path, required=True)
    reference.set_defaults(run=_reference)
    arithmetic = commands.add_parser("arithmetic", help="finds unchecked arithmetic on callers' numbers in C++")
    arithmetic.add_argument("--packages", type=Path, default=Path("packages"))
    arithmetic.set_defaults(run=_arithmetic)
    facets = commands.add_parser("coverage", help="which op lacks which facet")
    facets.add_argument("--packages", type=Path, default=Path("packages"))
    facets.add_argument("--samples", type=Path, help="folder of the package `samples`, whose rows are counted too")
    facets.set_defaults(run=_coverage)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        result: int = args.run(args)
    except (FacetError, ExpressionError) as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1
    return result


if __name__ == "__main__":
    sys.exit(main())
