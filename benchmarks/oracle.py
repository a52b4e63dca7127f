"""Every row of the table of samples in tensorwright and in torch: results, dtypes, gradients, refusals and time.

Run by `nox -s oracle`; `-- --only linalg` restricts it to names or families that contain the word, `--json FILE` keeps
the figures. The exit status is 1 if rows disagree.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorwright as tw
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests-integration"))

from sample_calls import (
    converted,
    function_of,
    good_cases,
    leaves,
    named,
    named_dtypes,
    to_array,
    to_tensor,
    tolerances,
)  # fmt: skip
from samples import all_rows
from samples.table import LOW, Array, Case, LowArray, Row

REPEATS = 5
SLICE_S = 2e-4  # seconds of one timed loop
MOST_TIMED = 1000  # elements


@dataclass
class Verdict:
    """What was found of one row."""

    row: Row
    complaints: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)  # our time over torch's, a call
    untimed: str = ""  # why there are none
    more: int = 0  # calls that torch refuses, which are not compared
    less: int = 0  # refusals that torch does not share
    derivatives: int = 0  # calls that are differentiable only here

    @property
    def ratio(self) -> float | None:
        return math.exp(sum(map(math.log, self.ratios)) / len(self.ratios)) if self.ratios else None


def torch_function(row: Row) -> Callable[..., Any] | None:
    try:
        return named(torch, row.torch or row.name)
    except AttributeError:
        return None


def to_torch(array: Array) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array))
    name = array.dtype_name if isinstance(array, LowArray) and array.dtype == np.float32 else None
    return tensor.to(getattr(torch, name)) if name else tensor


def torch_leaves(result: Any) -> Iterator[Any]:
    if isinstance(result, (list, tuple)) and not isinstance(result, torch.Size):
        for item in result:
            yield from torch_leaves(item)
    else:
        yield result


def torch_array(value: Any) -> Array:
    if isinstance(value, torch.Tensor):
        value = value.detach().resolve_conj().resolve_neg()
        return np.asarray((value.float() if value.dtype in (torch.float16, torch.bfloat16) else value).numpy())
    return np.asarray(value)


def name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


# How far torch's float64 results are from the true values, which mpmath gives with 40 digits; over the samples the
# largest errors are 3.4e-7, 4.6e-7, 1.5e-7, 5.6e-7, 7.8e-7 and twice 1.2e-9, while the largest of ours is 7e-15.
LESS_ACCURATE = {
    "special.bessel_j0": 1e-6, "special.bessel_j1": 1e-6, "special.bessel_y0": 1e-6, "special.bessel_y1": 1e-6,
    "special.airy_ai": 1e-6, "polygamma": 2e-9, "special.polygamma": 2e-9,
}  # fmt: skip

# Differences that docs/differences.md gives reasons for, by the start of the complaint.
DELIBERATE = {
    "embedding_bag": ("shape", "values"),
    "cholesky_inverse": ("backward: gradient of input 0",),
    "cholesky_solve": ("backward: gradient of input 1",),
    "ldexp": ("backward: gradient of input 0",),
    "nn.functional.grid_sample": ("values",),
}

Call = tuple[tuple[Any, ...], dict[str, Any]]


def our_call(case: Case) -> Call:
    kwargs = {name: converted(value, to_tensor) for name, value in case.kwargs.items()}
    return converted(case.args, to_tensor), named_dtypes(kwargs)


def their_call(case: Case) -> Call:
    kwargs = {name: converted(value, to_torch) for name, value in case.kwargs.items()}
    if isinstance(kwargs.get("dtype"), str):
        kwargs["dtype"] = getattr(torch, kwargs["dtype"])
    return converted(case.args, to_torch), kwargs


def compare_values(row: Row, dtype: str, ours: Any, theirs: Any) -> str | None:
    mine, other = list(leaves(ours)), list(torch_leaves(theirs))
    if len(mine) != len(other):
        return f"{len(mine)} results, torch gives {len(other)}"
    relative, absolute = tolerances(row, dtype)
    absolute = max(absolute, LESS_ACCURATE.get(row.name, 0))  # of 16-bit sums of products: also of the largest
    for one, two in zip(mine, other, strict=True):
        if isinstance(two, torch.Tensor) and isinstance(one, tw.Tensor):
            if tuple(one.shape) != tuple(two.shape):
                return f"shape {tuple(one.shape)}, torch {tuple(two.shape)}"
            if name_of(one.dtype) != name_of(two.dtype):
                return f"dtype {name_of(one.dtype)}, torch {name_of(two.dtype)}"
        elif isinstance(two, torch.Tensor) != isinstance(one, tw.Tensor):
            return f"a {type(one).__name__}, torch gives a {type(two).__name__}"
        if row.random or row.check is not None or two is None or isinstance(two, (torch.dtype, str)):
            continue
        a, b = to_array(one), torch_array(two)
        rounding = 2 * relative * float(np.nanmax(np.abs(b), initial=0)) if dtype in LOW and b.size else 0.0
        if not np.allclose(a, b, rtol=relative, atol=max(absolute, rounding), equal_nan=True):
            return f"values differ by up to {np.nanmax(np.abs(a.astype(complex) - b.astype(complex))):.3g}"
    return None


def attempt(function: Callable[..., Any], call: Call) -> tuple[Any, Exception | None]:
    try:
        return function(*call[0], **call[1]), None
    except Exception as error:  # whatever a framework raises is what is compared
        return None, error


def compare_case(verdict: Verdict, dtype: str, case: Case, function: Callable[..., Any], reference: Any) -> str | None:
    ours, our_error = attempt(function, our_call(case))
    theirs, their_error = attempt(reference, their_call(case))
    verdict.more += our_error is None and their_error is not None
    verdict.less += our_error is not None and their_error is None and case.error is not None
    if case.error is not None:
        return None if our_error is not None else "does not refuse"
    if our_error is not None:
        return f"{type(our_error).__name__}: {our_error}"
    return None if their_error is not None else compare_values(verdict.row, dtype, ours, theirs)


def weighted_sum(outputs: list[Any], is_tensor: Callable[[Any], bool]) -> Any:
    """A number that every element of the outputs changes differently."""
    total: Any = None
    for item in outputs:
        if is_tensor(item):
            parts = [item.real, item.imag] if "complex" in str(item.dtype) else [item]
            for part in parts:
                term = (part * part.cos()).sum()
                total = term if total is None else total + term
    return total


def gradients(
    function: Callable[..., Any], call: Call, flatten: Callable[[Any], Iterator[Any]], kind: type
) -> list[Array | None]:
    def differentiable(value: Any) -> bool:
        return isinstance(value, kind) and name_of(value.dtype) in ("float64", "complex128")  # type: ignore[attr-defined]

    inputs = [value for value in flatten([call[0], list(call[1].values())]) if differentiable(value)]
    for value in inputs:
        value.requires_grad_()
    outputs = [item for item in flatten(function(*call[0], **call[1])) if differentiable(item) and item.requires_grad]
    total = weighted_sum(outputs, differentiable)
    if total is None:
        return []
    total.backward()
    convert = to_array if kind is tw.Tensor else torch_array
    return [None if value.grad is None else convert(value.grad) for value in inputs]


def compare_gradients(verdict: Verdict, case: Case, function: Callable[..., Any], reference: Any) -> str | None:
    try:
        theirs = gradients(reference, their_call(case), torch_leaves, torch.Tensor)
    except Exception:  # not differentiable there
        return None
    try:
        ours = gradients(function, our_call(case), leaves, tw.Tensor)
    except Exception as error:
        return f"backward: {type(error).__name__}: {error}"
    if not theirs:
        verdict.derivatives += bool(ours)
        return None
    if not ours:
        return "backward: no gradient" if any(item is not None and np.any(item) for item in theirs) else None
    if len(ours) != len(theirs):
        return f"backward: {len(ours)} inputs have a gradient, {len(theirs)} of torch's"
    for position, (one, two) in enumerate(zip(ours, theirs, strict=True)):
        zero = two is None or not np.any(two)
        if one is None and not zero:
            return f"backward: no gradient for input {position}"
        if one is not None and two is not None and not np.allclose(one, two, rtol=1e-6, atol=1e-8, equal_nan=True):
            return f"backward: gradient of input {position} differs by {np.nanmax(np.abs(one - two)):.3g}"
    return None


def seconds_per_call(function: Callable[..., Any], call: Call, count: int) -> float:
    args, kwargs = call
    start = time.perf_counter()
    for _ in range(count):
        function(*args, **kwargs)
    return (time.perf_counter() - start) / count


def time_ratio(function: Callable[..., Any], reference: Any, case: Case) -> float | None:
    """Our time over torch's, median of interleaved loops."""
    ours, theirs = our_call(case), their_call(case)
    size = sum(value.numel() for value in leaves(list(ours[0])) if isinstance(value, tw.Tensor))
    if not 1 <= size <= MOST_TIMED:
        return None
    try:
        once = min(seconds_per_call(reference, theirs, 1) for _ in range(3))
        count = max(1, min(200, int(SLICE_S / max(once, 1e-7))))
        pairs = [
            (seconds_per_call(function, ours, count), seconds_per_call(reference, theirs, count))
            for _ in range(REPEATS)
        ]
    except Exception:
        return None
    return float(np.median([a for a, _ in pairs]) / np.median([b for _, b in pairs]))


def judge(row: Row) -> Verdict:
    verdict = Verdict(row)
    try:
        function = function_of(row)
    except AttributeError:
        verdict.complaints.append("missing")
        return verdict
    reference = torch_function(row)
    if reference is None:
        verdict.complaints.append("torch has no such name")
        return verdict
    for dtype in row.dtypes:
        for number, case in enumerate(row.cases(dtype)):
            found = compare_case(verdict, dtype, case, function, reference)
            if found is None and case.error is None and row.grad and dtype in ("float64", "complex128"):
                found = None if row.random or row.check else compare_gradients(verdict, case, function, reference)
            if found is not None and not found.startswith(DELIBERATE.get(row.name, ("\0",))):
                verdict.complaints.append(f"{dtype}, case {number}: {found}")
                break
    measure(verdict, function, reference)
    return verdict


def measure(verdict: Verdict, function: Callable[..., Any], reference: Any) -> None:
    row = verdict.row
    if "float32" not in row.dtypes or row.name.endswith("_"):
        verdict.untimed = "write in place" if row.name.endswith("_") else "have no float32"
        return
    ratios = [time_ratio(function, reference, case) for case in good_cases(row, "float32")]
    verdict.ratios = [ratio for ratio in ratios if ratio is not None]
    if not verdict.ratios:
        verdict.untimed = f"have no call of 1 to {MOST_TIMED} elements that both make"


def report(verdicts: list[Verdict]) -> int:
    bad = [verdict for verdict in verdicts if verdict.complaints]
    for verdict in bad:
        print(f"{verdict.row.name}: {'; '.join(text[:200] for text in verdict.complaints[:3])}")
    for title, counts in (
        ("calls that torch refuses, not compared", [(v.row.name, v.more) for v in verdicts]),
        ("refusals that torch does not share", [(v.row.name, v.less) for v in verdicts]),
        ("calls that have derivatives only here", [(v.row.name, v.derivatives) for v in verdicts]),
    ):
        print(f"\n{title}:", ", ".join(f"{name} {count}" for name, count in counts if count) or "none")
    report_times(verdicts)
    agree = len(verdicts) - len(bad)
    print(f"{agree} of {len(verdicts)} rows agree ({agree / len(verdicts):.1%})")
    return len(bad)


def report_times(verdicts: list[Verdict]) -> None:
    timed = [verdict.ratio for verdict in verdicts if verdict.ratio is not None]
    slow = sorted((v for v in verdicts if v.ratio and v.ratio > 1), key=lambda v: -(v.ratio or 0))
    print("\nslower than torch:", ", ".join(f"{v.row.name} {v.ratio:.2f}" for v in slow[:40]) or "none")
    mean = math.exp(sum(map(math.log, timed)) / len(timed)) if timed else float("nan")
    print(f"time over torch's: {mean:.3f}, mean of {len(timed)} rows")
    reasons = Counter(verdict.untimed for verdict in verdicts if verdict.untimed)
    print("not timed:", ", ".join(f"{count} that {reason}" for reason, count in reasons.items()) or "none")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of a name or family")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    tw.set_num_threads(1)
    rows = [row for row in all_rows() if any(options.only in name for name in (row.name, *row.families))]
    verdicts = [judge(row) for row in rows]
    if options.json:
        figures = {v.row.name: {"complaints": v.complaints, "ratio": v.ratio, "untimed": v.untimed} for v in verdicts}
        options.json.write_text(json.dumps(figures, indent=1))
    return 1 if report(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
