"""Writes docs/scalar-functions.md: the measured errors of the scalar functions.

    python measure_functions.py [--points N] [--output FILE]

The reference is mpmath, the values are those of the bit-exact evaluator. `--points` is how many random mantissas each
exponent gets; the arguments where scans of the whole domain with compiled kernels found the largest error come on top.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "packages" / "tensor-core" / "tests" / "functions"))

from mpmath import mp, mpf  # noqa: E402
from scalar_references import (  # noqa: E402
    BINARY,
    DTYPES,
    HARDEST,
    LIBRARY,
    PRECISION,
    UNARY,
    Worst,
    measure,
    pairs,
    run,
    samples,
    ulp_error,
)
from test_special_functions import CLAIMS  # noqa: E402

HEAD = """# Accuracy of the scalar functions

The transcendental functions are written in the [expression language](expression-language.md), in
`packages/tensor-core/ops/functions/*.expr`, with polynomials of our own
(`packages/codegen/tools/fit_polynomials.py` computes their coefficients again). They give the same bits on every
instruction set. This page lists their largest measured error in units in the last place (ulp), against
[mpmath](https://mpmath.org): arguments of every exponent and both signs, subnormals included, and those at which scans
with compiled kernels (of every eleventh float32 for most functions, fewer for some, and of random float64) found
the largest error. Half an ulp is what a correctly rounded result may be off. The bound that the tests assert is 2 ulp.

Infinities, NaN, zeros of both signs, and overflow and underflow give what C and IEEE 754 say; the odd functions are
exactly odd, the even ones exactly even. `tanh` and `erf` never leave [-1, 1], `sigmoid` and `normal_cdf` never [0, 1].
The remainders `fmod` and `remainder` are exact, however large the quotient. `logaddexp` and `logaddexp2` may cancel:
their error is at most 2 ulp of the largest of both operands and the result.

| function | | float32 ulp | at | float64 ulp | at |
|---|---|---|---|---|---|
"""


def worst_of(task: tuple[str, str, int]) -> Worst:
    """The largest error of one function in one type."""
    name, kind, points = task
    if name in BINARY:
        return measure(name, kind, *pairs(name, kind, 1000 * points))
    x = samples(name, kind, points if kind == "f32" else (points + 3) // 4)
    hardest = np.array([float.fromhex(text) for text in HARDEST.get((name, kind), ())], DTYPES[kind])
    return measure(name, kind, np.concatenate([hardest, x]))


def summary(name: str) -> str:
    """The first sentence of the documentation."""
    text = LIBRARY.definitions[name][0].doc.split("\n")[0]
    for end in (". ", "; ", ": "):
        text = text.split(end)[0]
    return text.rstrip(".").replace("|", "\\|").replace("*", "\\*")


def row(name: str, single: Worst, double: Worst) -> str:
    places = [", ".join(f"`{x!r}`" for x in map(float, worst.arguments)) for worst in (single, double)]
    return f"| `{name}` | {summary(name)} | {single.ulp:.2f} | {places[0]} | {double.ulp:.2f} | {places[1]} |\n"


BY_HAND = "\n## Complex functions\n"  # from here on the page is written by hand

SPECIAL_HEAD = """
## Special functions

In float64, on the intervals that `test_special_functions.py` tests; float32 results are these rounded, at most 0.51 ulp
off. Where a function oscillates, or vanishes between its poles, the error is given against 1 / sqrt(|x|).

| function | | on | float64 error |
|---|---|---|---|
"""


def special_row(number: int) -> str:
    """The largest error over random numbers of a claim's interval."""
    name, claim = CLAIMS[number]
    x = np.random.default_rng(0).uniform(*claim.interval, 300)
    worst = 0.0
    with mp.workprec(PRECISION):
        for argument, result in zip(x.tolist(), run(name, "f64", x).tolist(), strict=True):
            exact = mpf(mp.re(claim.reference(mpf(argument))))
            scaled = float(abs(result - exact)) * np.sqrt(abs(argument))
            worst = max(worst, scaled if claim.absolute else ulp_error(result, exact, "f64"))
    low, high = claim.interval
    error = f"{worst:.1e} / sqrt(abs(x))" if claim.absolute else f"{worst:.2f} ulp"
    return f"| `{name}` | {summary(name)} | {low:g} to {high:g} | {error} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "scalar-functions.md")
    options = parser.parse_args()
    names = [*UNARY, *BINARY]
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(worst_of, [(name, kind, options.points) for name in names for kind in ("f32", "f64")]))
        special = list(pool.map(special_row, range(len(CLAIMS))))
    rows = [row(name, found[2 * k], found[2 * k + 1]) for k, name in enumerate(names)]
    kept = options.output.read_text().partition(BY_HAND)[1:] if options.output.exists() else ()
    options.output.write_text(HEAD + "".join(rows) + SPECIAL_HEAD + "".join(special) + "".join(kept))


if __name__ == "__main__":
    main()
