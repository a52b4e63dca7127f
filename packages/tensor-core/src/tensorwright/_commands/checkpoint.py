"""``checkpoint verify|diff|repair``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("checkpoint", help="verify, compare and repair checkpoints")
    actions = parser.add_subparsers(dest="action", required=True)
    verify = actions.add_parser("verify", help="compare every byte with its checksum; 1 if something is damaged")
    verify.add_argument("source", nargs="+", help="a checkpoint, or a folder of checkpoints")
    verify.set_defaults(run=_verify)
    diff = actions.add_parser("diff", help="what differs between two states; 1 if something does")
    diff.add_argument("source", help="a checkpoint, a folder of checkpoints (the newest counts), or a safetensors file")
    diff.add_argument("other", help="likewise")
    diff.set_defaults(run=_diff)
    repair = actions.add_parser(
        "repair",
        help="mend what can be mended; 1 if something remains",
        description="Only bytes that have the checksum of what was saved are written: manifests from their copies, "
        "headers from the manifest, a flipped bit by its CRC, tensors from other checkpoints that have the same.",
    )
    repair.add_argument("source", help="a checkpoint")
    repair.add_argument("--from", dest="donors", action="append", default=[], help="another copy, or a folder of some")
    repair.set_defaults(run=_repair)


def _verify(options: argparse.Namespace) -> int:
    from tensorwright.checkpoint import verify

    bad = False
    for source in options.source:
        for path, damages in verify(source).items():
            bad = bad or bool(damages)
            print(f"{path}: {'damaged' if damages else 'good'}, {_size(path)}")
            for damage in damages:
                print(f"  {damage}")
    return int(bad)


def _size(path: Path) -> str:
    return f"{sum(file.stat().st_size for file in path.iterdir()) / 1e6:.1f} MB"


def _diff(options: argparse.Namespace) -> int:
    from tensorwright.checkpoint import diff

    differences = diff(options.source, options.other)
    for difference in differences:
        print(difference)
    return int(bool(differences))


def _repair(options: argparse.Namespace) -> int:
    from tensorwright.checkpoint import repair

    report = repair(options.source, options.donors)
    for line in report.repaired:
        print(f"repaired: {line}")
    for damage in report.remaining:
        print(f"remains: {damage}")
    if not report.repaired and not report.remaining:
        print(f"{report.path}: nothing to repair")
    return int(bool(report.remaining))
