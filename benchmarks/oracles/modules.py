"""Every class of torch.nn beside its counterpart: keys of state_dict, text, results, gradients, buffers, in both modes.

Both begin with torch's weights, in float64. Run by `nox -s oracle`; the exit status is 1 if rows disagree or a class
has none.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorwright as tw
import torch
from module_rows import ROWS, Fixed, Library, Row

# Differences that docs/differences.md gives reasons for, by the start of the complaint.
DELIBERATE = {"CrossMapLRN2d": ("result", "gradient")}


def as_tensor(lib: Library, value: Any, leaves: list[Any]) -> Any:
    """Arrays as tensors; those of floats require gradients, and are noted."""
    if isinstance(value, Fixed):
        return lib.from_numpy(value.array.copy())
    if isinstance(value, tuple):
        return tuple(as_tensor(lib, item, leaves) for item in value)
    if not isinstance(value, np.ndarray):
        return value
    tensor = lib.from_numpy(value.copy())
    if value.dtype.kind == "f" and np.isfinite(value).all():
        leaves.append(tensor.requires_grad_())
    return tensor


def tensors(result: Any) -> Iterator[Any]:
    if isinstance(result, (torch.Tensor, tw.Tensor)):
        yield result
    elif isinstance(result, (list, tuple)):
        for item in result:
            yield from tensors(item)


def run(lib: Library, row: Row, module: Any) -> tuple[list[Any], list[Any]]:
    """What the module gives, and the gradients of its inputs; those of parameters are left in them."""
    leaves: list[Any] = []
    outputs = list(tensors(module(*as_tensor(lib, row.inputs, leaves)))) if row.inputs else []
    parts = [(item * item.detach().cos()).sum() for item in outputs if item.requires_grad]
    if parts:
        sum(parts[1:], parts[0]).backward()
    return outputs, [leaf.grad for leaf in leaves]


def differ(what: str, one: Any, two: Any, tolerance: float) -> Iterator[str]:
    """Complaints about our tensor `one`."""
    if one is None or two is None:
        present = one if two is None else two
        if present is not None and np.any(present.detach().numpy()):
            yield f"{what}: only {'ours' if two is None else 'theirs'} is there"
        return
    a, b = one.detach().numpy(), two.detach().numpy()
    if a.shape != b.shape or a.dtype != b.dtype:
        yield f"{what}: {a.dtype} {a.shape}, theirs {b.dtype} {b.shape}"
    elif not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
        yield f"{what}: off by {np.nanmax(np.abs(a - b)):.2g}"


def made(lib: Library, row: Row) -> Any:
    """The module; a lazy one has seen an input of the right shape."""
    lib.manual_seed(0)
    module = row.make(lib)
    if row.name.startswith("Lazy"):
        with lib.no_grad():
            module(*as_tensor(lib, row.inputs, []))
        getattr(module, "reset_running_stats", lambda: None)()
    return module


def compare_state(ours: Any, theirs: Any) -> Iterator[str]:
    mine, other = ours.state_dict(), theirs.state_dict()
    if list(mine) != list(other):
        yield f"state_dict: {list(mine)}, theirs {list(other)}"
        return
    for name, value in other.items():
        same_kind = str(mine[name].dtype).rpartition(".")[2] == str(value.dtype).rpartition(".")[2]
        if tuple(mine[name].shape) != tuple(value.shape) or not same_kind:
            yield f"state_dict: {name} is {mine[name].dtype} {tuple(mine[name].shape)}, theirs {tuple(value.shape)}"


def compare(row: Row, training: bool) -> list[str]:
    """What is different in one mode."""
    theirs, ours = made(torch, row), made(tw, row)
    found = list(compare_state(ours, theirs))
    if found:
        return found
    if row.text and str(ours) != str(theirs).replace("NonDynamicallyQuantizableLinear", "Linear"):
        return [f"prints {str(ours)!r}, theirs {str(theirs)!r}"]
    ours.load_state_dict({name: tw.from_numpy(value.numpy().copy()) for name, value in theirs.state_dict().items()})
    for module in (ours, theirs):
        module.train(training)
    (outputs, gradients), (others, other_gradients) = run(tw, row, ours), run(torch, row, theirs)
    if len(outputs) != len(others):
        return [f"gives {len(outputs)} tensors, theirs {len(others)}"]
    if row.random and training:
        return [] if [a.shape for a in outputs] == [b.shape for b in others] else ["results have other shapes"]
    pairs = [(f"result {k}", a, b) for k, (a, b) in enumerate(zip(outputs, others, strict=True))]
    pairs += [(f"gradient of input {k}", a, b) for k, (a, b) in enumerate(zip(gradients, other_gradients, strict=True))]
    parameters = dict(theirs.named_parameters())
    pairs += [(f"gradient of {name}", p.grad, parameters[name].grad) for name, p in ours.named_parameters()]
    buffers = dict(theirs.named_buffers())
    pairs += [(f"buffer {name}", value, buffers[name]) for name, value in ours.named_buffers()]
    return [text for pair in pairs for text in differ(*pair, row.tolerance)]


def judge(row: Row) -> list[str]:
    """What is different, with the mode."""
    complaints = []
    for training in (True, False):
        mode = "training" if training else "eval"
        if training and row.name == "SyncBatchNorm":
            continue  # refused there without a GPU
        try:
            found = [text for text in compare(row, training) if not text.startswith(DELIBERATE.get(row.name, ("\0",)))]
            complaints += [f"{mode}: {text}" for text in found]
        except Exception as error:  # whatever either raises is a difference
            complaints.append(f"{mode}: {type(error).__name__}: {error}")
    return complaints


def classes() -> set[str]:
    """The public classes of torch.nn."""
    return {name for name in dir(torch.nn) if isinstance(getattr(torch.nn, name), type)}


def main(select: Callable[[str], bool] = lambda name: True) -> int:
    """Compare the rows whose names are selected; the number of complaints."""
    warnings.simplefilter("ignore")
    for lib in (tw, torch):
        lib.set_default_dtype(lib.float64)
    rows = [row for row in ROWS if select(row.name)]
    bad = {}
    for number, row in enumerate(rows):
        complaints = judge(row)
        if complaints:
            bad[number] = row.name
            print(f"nn.{row.name}: {'; '.join(text[:300] for text in complaints[:3])}")
    missing = sorted(classes() - {row.name for row in ROWS})
    names = {row.name for row in rows}
    print(
        f"{len(names - set(bad.values()))} of {len(names)} module classes agree in {len(rows)} rows, each in training "
        f"and in eval mode; classes of torch.nn without a row: {', '.join(missing) or 'none'}"
    )
    return len(bad) + len(missing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of a class's name")
    word = parser.parse_known_args()[0].only.lower()  # the others are oracle.py's
    sys.exit(1 if main(lambda name: word in name.lower()) else 0)
