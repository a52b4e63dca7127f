"""Inference of whole networks, prepared once: `optimize_for_inference` beside ONNX Runtime and PyTorch's frozen trace.

`python benchmarks/inference.py [--threads 1 2] [--rounds N] [--only NAME]`. The three have the same weights, and their
results are compared. The bars are 1.1 of ONNX Runtime's time and 0.8 of PyTorch's.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import numpy as np
import onnxruntime
import tensorwright as tw
import torch
from case import Library, Run
from measure import calls_in, time_of

BARS = {"onnx": 1.1, "torch": 0.8}
SLICE = 0.05  # seconds of one timed run
REST = 0.05  # seconds before a library's run on several threads: those of the one before let go of their processors


def resnet18(lib: Library) -> Any:
    """With the stem of large images."""
    return networks.resnet18(lib, images=1, large_stem=True)[0]


def gpt(lib: Library) -> Any:
    """Four causal layers of width 256 and the head over 1,000 words."""
    return networks.transformer(lib, classes=1000, causal=True)[0]


def encoder(lib: Library) -> Any:
    """The shape of MiniLM-L6: six layers of width 384, twelve heads."""
    layer = lib.nn.TransformerEncoderLayer(384, 12, 1536, 0.1, "gelu", batch_first=True)
    return lib.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)


CASES: dict[str, tuple[Callable[[Library], Any], tuple[int, ...]]] = {
    "ResNet-18, 1 image": (resnet18, (1, 3, 224, 224)),
    "ResNet-18, 16 images": (resnet18, (16, 3, 224, 224)),
    "GPT, 128 places": (gpt, (1, 128, 256)),
    "MiniLM's encoder, 128 places": (encoder, (1, 128, 384)),
}


def session(model: Any, x: Any, threads: int) -> Run:
    """ONNX Runtime on what PyTorch's exporter makes of the model."""
    path = str(Path(tempfile.mkdtemp()) / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), path, dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    run = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {run.get_inputs()[0].name: x.numpy()}
    return lambda: run.run(None, inputs)[0]


def runs(name: str, threads: int) -> dict[str, Run]:
    """The same network, ready to run, in the three."""
    build, shape = CASES[name]
    torch.manual_seed(0)
    theirs, ours = build(torch).eval(), build(tw).eval()
    ours.load_state_dict({key: tw.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    mine, its = tw.from_numpy(x), torch.from_numpy(x)
    fast = tw.jit.optimize_for_inference(ours, mine, fuse=True)
    with torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(theirs, its, check_trace=False))

    def run_torch() -> Any:
        with torch.no_grad():
            return frozen(its)

    def run_ours() -> Any:
        with tw.no_grad():
            return fast(mine)

    return {"ours": run_ours, "torch": run_torch, "onnx": session(theirs, its, threads)}


def rested(run: Run, count: int, rest: float) -> float:
    """Seconds of a call, once the threads of the library whose turn it was have let go of their processors."""
    time.sleep(rest)
    run()
    return time_of(run, count)


def compare(name: str, threads: int, rounds: int) -> None:
    """Print a row: medians, and the medians of the ratios of neighbouring runs."""
    tw.set_num_threads(threads)
    torch.set_num_threads(threads)
    ready = runs(name, threads)
    results = {key: np.asarray(run()) for key, run in ready.items()}
    for key in ("torch", "onnx"):
        np.testing.assert_allclose(results["ours"], results[key], rtol=1e-3, atol=1e-3)
    counts = {key: calls_in(run, SLICE) for key, run in ready.items()}
    rest = 0.0 if threads == 1 else REST
    times = [{key: rested(run, counts[key], rest) for key, run in ready.items()} for _ in range(rounds)]
    row = f"{name:30} {threads:>7} {statistics.median(t['ours'] for t in times) * 1e3:>8.2f} ms"
    for key, bar in BARS.items():
        ratio = statistics.median(t["ours"] / t[key] for t in times)
        row += f" {ratio:>6.2f} ({bar}) {'met   ' if ratio <= bar else 'MISSED'}"
    print(row, flush=True)


def main() -> None:
    """A row for each network and number of threads."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--rounds", type=int, default=11)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    logging.disable(logging.WARNING)  # what the exporter does not find
    print(f"{'network':30} {'threads':>7} {'ours':>11}  of ONNX Runtime's  of PyTorch's")
    for name in CASES:
        for threads in options.threads if options.only in name else ():
            compare(name, threads, options.rounds)


if __name__ == "__main__":
    main()
