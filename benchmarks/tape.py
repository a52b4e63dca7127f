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

import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import functional as F

BAR = 0.03


class Block(nn.Module):
    """The basic block of ResNet-18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.short = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.short(x))


def resnet18() -> Callable[[], tw.Tensor]:
    """The loss of ResNet-18 on eight images of 64 x 64."""
    widths = [64, 64, 128, 256, 512]
    blocks = [
        Block(widths[i] if k == 0 else widths[i + 1], widths[i + 1], 2 if i and k == 0 else 1)
        for i in range(4)
        for k in range(2)
    ]
    stem = nn.Sequential(nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU())
    net = nn.Sequential(stem, nn.MaxPool2d(3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    x, y = tw.randn(8, 3, 64, 64), tw.randint(0, 10, (8,))
    return lambda: F.cross_entropy(net(x), y)


class Encoder(nn.Module):
    """A layer of a transformer, normalised before its parts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def transformer() -> Callable[[], tw.Tensor]:
    """The loss of a transformer of four layers of width 256 on eight sequences of 128."""
    net = nn.Sequential(*(Encoder(256, 8) for _ in range(4)), nn.Linear(256, 64))
    x, y = tw.randn(8, 128, 256), tw.randint(0, 64, (8 * 128,))
    return lambda: F.cross_entropy(net(x).flatten(0, 1), y)


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
