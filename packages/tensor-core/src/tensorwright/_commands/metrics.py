"""``metrics plot run.jsonl -o run.svg``."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("metrics", help="draw logs of metrics")
    actions = parser.add_subparsers(dest="action", required=True)
    plot = actions.add_parser("plot", help="logs of metrics as a picture: a panel for each metric, a line for each log")
    plot.add_argument("source", nargs="+", help="logs that tw.metrics.MetricsLog has written: run.jsonl")
    plot.add_argument("-o", "--output", required=True, help="the picture to write: run.svg")
    plot.add_argument("-x", default="step", help='the horizontal axis; "time" is in seconds since the first line')
    plot.add_argument("-y", action="append", help="a metric to draw, again for each; all numbers if absent")
    plot.add_argument("--log", action="append", default=[], metavar="METRIC", help="a logarithmic axis for this one")
    plot.set_defaults(run=_plot)


def _plot(options: argparse.Namespace) -> int:
    from tensorwright.metrics import plot

    names = plot(options.source, options.output, x=options.x, y=options.y, log=options.log)
    print(f"{options.output}: {', '.join(names)}")
    return 0
