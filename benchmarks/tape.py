"""How much of a training step the tape takes: the backward pass less the ops that it runs, over the whole step.

`python benchmarks/tape.py [--threads 1 2] [--rounds N]`. The time of ops is that of the profiler's innermost events,
kernels and views; what the engine, the formulas, the dispatch of layers and the profiler itself take is the rest. The
bar is 3 percent of the step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import networks
import tensorwright as tw

BAR = 0.03


def resnet18() -> Callable[[], tw.Tensor]:
    """The loss of ResNet-18 on eight images of 64 x 64."""
    return networks.resnet18(tw, images=8, size=64, large_stem=True)[1]


def transformer() -> Callable[[], tw.Tensor]:
    """The loss of a transformer of four layers of width 256 on eight sequences of 128."""
    return networks.transformer(tw)[1]


def share(loss: Callable[[], tw.Tensor]) -> tuple[float, float, int]:
    """The tape's part of one step, the step's seconds, the number of nodes."""
    start = time.perf_counter()
    value = loss()
    forward = time.perf_counter() - start
    with tw.profiler.profile() as prof:
        value.backward()
    (whole,) = [event for event in prof.events() if event.parent is None]
    kernels = sum(event.wall_time_total for event in prof.events() if event.kind == "cpu_op" and not event.children)
    step = forward + whole.wall_time_total / 1e6
    nodes = sum(event.kind == "backward_node" for event in prof.events())
    return (whole.wall_time_total - kernels) / 1e6 / step, step, nodes


def main() -> None:
    """Print a row for each network and number of threads."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--rounds", type=int, default=11)
    options = arguments.parse_args()
    print(f"{'network':12} {'threads':>7} {'nodes':>6} {'step':>10} {'tape':>7} {'bar':>6}")
    for build in (resnet18, transformer):
        loss = build()
        share(loss)
        for threads in options.threads:
            tw.set_num_threads(threads)
            runs = [share(loss) for _ in range(options.rounds)]
            part = statistics.median(run[0] for run in runs)
            step = statistics.median(run[1] for run in runs)
            verdict = "met" if part <= BAR else "MISSED"
            row = f"{build.__name__:12} {threads:>7} {runs[0][2]:>6} {step * 1e3:>7.1f} ms {part:>7.2%} {BAR:>6.0%}"
            print(row, verdict)


if __name__ == "__main__":
    main()
