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
from function_fits import FITS
from remez import Fit, Fitted, fit_polynomial


def literal(value: float, bits: int) -> str:
    """The shortest decimal that rounds to `value` in its format."""
    text = repr(np.float32(value)) if bits == 24 else repr(np.float64(value))
    return re.sub(r"np\.float\d+\((.*)\)", r"\1", text)


def table_text(fit: Fit, fitted: Fitted) -> str:
    """The line(s) `NAME = (...)` as they stand in an .expr file."""
    entries = [literal(c, fit.bits) for c in fitted.coefficients]
    lines, line = [], f"{fit.name} = ("
    for entry in entries:
        if len(line) + len(entry) > 116:
            lines.append(line.rstrip())
            line = "    "
        line += entry + ", "
    text = "\n".join([*lines, line.rstrip(", ") + ")"])
    for k, low in enumerate(fitted.low_parts):
        text += f"\n{fit.name}_LOW{k + len(fit.fixed)} = {literal(low, fit.bits)}"
    return text


def replace_table(source: str, fit: Fit, text: str) -> tuple[str, bool]:
    """`source` with the table of `fit` (and its low parts) replaced; False if it has no such table."""
    pattern = re.compile(rf"^{fit.name} = \([^)]*\)(\n{fit.name}_LOW\d+ = \S+)*", re.MULTILINE)
    return pattern.subn(lambda _: text, source)[0], bool(pattern.search(source))


def update(directory: Path, names: list[str], write: bool) -> list[str]:
    """Compare (and with `write` replace) the tables of all .expr files; returns the stale table names."""
    stale, missing = [], []
    sources = {path: path.read_text() for path in sorted(directory.glob("*.expr"))}
    for fit in (f for f in FITS if not names or f.name in names):
        text, found = table_text(fit, fit_polynomial(fit)), False
        for path, source in sources.items():
            sources[path], here = replace_table(source, fit, text)
            found |= here
            if sources[path] != source:
                stale.append(fit.name)
        if not found:
            missing.append(fit.name)
    if write:
        for path, source in sources.items():
            path.write_text(source)
    if missing:
        print("no such table in any .expr file:", ", ".join(missing))
    return stale + missing


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
    for fit in (f for f in FITS if not options.names or f.name in options.names):
        fitted = fit_polynomial(fit)
        print(f"# {fitted.error_bits:.1f} bits\n{table_text(fit, fitted)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
