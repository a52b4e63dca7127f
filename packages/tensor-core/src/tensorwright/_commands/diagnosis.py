"""``doctor`` and ``config``."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    """Add the commands."""
    commands.add_parser("config", help="versions, instruction set, threads and plugins").set_defaults(run=_config)
    doctor = commands.add_parser(
        "doctor",
        help="what is installed, what this machine allows, and whether ops compute what they should",
        description="Look at the installation and the machine, load every plugin, and run a self-test; 1 if something "
        "is wrong.",
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(run=_doctor)


def _config(options: argparse.Namespace) -> int:
    from tensorwright import show_config

    show_config()
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from tensorwright._doctor import examine, text

    report = examine()
    print(json.dumps(report, indent=2) if options.json else text(report))
    return int(bool(report["problems"]))
