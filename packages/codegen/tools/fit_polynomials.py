"""Coefficient tables of the scalar functions in packages/tensor-core/ops/functions, from their definitions.

    python fit_polynomials.py                  print every table and its error in bits
    python fit_polynomials.py LOG_F32          print one
    python fit_polynomials.py --check DIR      fail if a table in DIR/*.expr differs from its fit
    python fit_polynomials.py --write DIR      replace the tables in DIR/*.expr

The error printed is the weighted error of the polynomial alone, as log2; rounding in its evaluation comes on top.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
from exponential_tables import exponential_rests, exponential_tables
from function_fits import FITS
from piecewise_fits import piecewise_tables
from reduction_tables import TABLES, Table
from remez import Fit, fit_polynomial
from special_fits import ECONOMISED, Economised, economise


def literal(value: float, bits: int) -> str:
    """The shortest decimal that rounds to `value` in its format; an integer, if that has no bits."""
    if not bits:
        return str(int(value))
    text = repr(np.float32(value)) if bits == 24 else repr(np.float64(value))
    return re.sub(r"np\.float\d+\((.*)\)", r"\1", text)


def table_text(name: str, entries: list[str]) -> str:
    """The lines `NAME = (...)` as they stand in an .expr file."""
    lines, line = [], f"{name} = ("
    for entry in entries:
        if len(line) + len(entry) > 116:
            lines.append(line.rstrip())
            line = "    "
        line += entry + ", "
    return "\n".join([*lines, line.rstrip(", ") + ")"])


def definition(item: Fit | Table | Economised) -> tuple[str, str]:
    """What stands in the .expr file, and a remark about its accuracy."""
    if isinstance(item, Table):
        return table_text(item.name, [literal(value, item.bits) for value in item.values]), "exact to the last place"
    if isinstance(item, Economised):
        coefficients, error = economise(item)
        return table_text(item.name, [literal(value, 53) for value in coefficients]), f"{error:.1f} bits"
    fitted = fit_polynomial(item)
    entries = [literal(value, item.bits) for value in fitted.coefficients]
    return table_text(item.name, entries), f"{fitted.error_bits:.1f} bits"


def replace_table(source: str, name: str, text: str) -> tuple[str, bool]:
    """`source` with the table of that name replaced; False if it has no such table."""
    pattern = re.compile(rf"^{name} = \([^)]*\)", re.MULTILINE)
    return pattern.subn(lambda _: text, source)[0], bool(pattern.search(source))


def selected(names: list[str]) -> list[Fit | Table | Economised]:
    everything: list[Fit | Table | Economised] = [
        *FITS,
        *exponential_rests(),
        *exponential_tables(),
        *TABLES,
        *ECONOMISED,
    ]
    if not names or any(name.startswith(("NORMAL_TAIL", "TANH_PIECE")) for name in names):  # they take a minute
        everything += piecewise_tables()
    return [item for item in everything if not names or item.name in names]


def update(directory: Path, names: list[str], write: bool) -> list[str]:
    """Compare (and with `write` replace) the tables of all .expr files; returns the names of those that differ."""
    stale = []
    sources = {path: path.read_text() for path in sorted(directory.glob("*.expr"))}
    for item in selected(names):
        text, _ = definition(item)
        replaced = {path: replace_table(source, item.name, text) for path, source in sources.items()}
        updated = {path: source for path, (source, _) in replaced.items()}
        if updated != sources or not any(found for _, found in replaced.values()):
            stale.append(item.name)
        sources = updated
    if write:
        for path, source in sources.items():
            path.write_text(source)
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.check or options.write:
        stale = update(options.write or options.check, options.names, write=bool(options.write))
        print("replaced:" if options.write else "stale:", ", ".join(stale) or "none")
        return int(bool(stale) and not options.write)
    for item in selected(options.names):
        text, accuracy = definition(item)
        print(f"# {accuracy}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
