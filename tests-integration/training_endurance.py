"""What long training must endure: no step leaves memory behind.

`python training_endurance.py --steps 1000000`; the suite takes some thousand steps.
"""

from __future__ import annotations

import argparse
import sys

import tensorwright as tw
from tensorwright import nn, optim

SETTLING = 1000  # steps in which caches fill and pools start
ALLOWED = 1 << 20  # bytes of growth after them, whatever the number of steps


def resident() -> int:
    """Bytes of this process that lie in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def growth(steps: int) -> int:
    """Bytes by which the process has grown over the steps of a tiny MLP, once it had settled."""
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    images, labels = tw.randn(4, 8), tw.randint(0, 4, (4,))
    before = 0
    for step in range(SETTLING + steps):
        if step == SETTLING:
            before = resident()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return resident() - before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    steps = parser.parse_args().steps
    grown = growth(steps)
    print(f"{steps} training steps: {grown} bytes more resident (allowed: {ALLOWED})")
    return int(grown >= ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
