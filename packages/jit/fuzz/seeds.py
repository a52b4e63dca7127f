"""Write inputs to begin with for the fuzzer of the loader: texts and archives of programs of every kind.

python seeds.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorwright as tw
from tensorwright import nn


@tw.jit.script
def control(x: tw.Tensor, n: int) -> tw.Tensor:
    with tw.no_grad():
        total = x * 2
    for i in range(n):
        if i % 2 == 0:
            total = total + x * float(i)
        else:
            total = total - 1
    names = {"a": n, "b": n // 3}
    assert names["a"] >= 0, f"n is {n}"
    return total


def captured() -> Iterator[Any]:
    """Programs: straight ones, with regions, with sizes that differ, with writes, with fusions."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    yield tw.jit.trace(model, tw.randn(2, 1, 8, 8), check_trace=False)
    yield tw.jit.optimize_for_inference(model.eval(), tw.randn(2, 1, 8, 8), fuse=True)
    planned = tw.jit.optimize_for_inference(
        nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Softmax(-1)).eval(), tw.randn(4, 8)
    )
    tw.jit.run_passes(planned.program, ["memory"])
    yield planned
    yield control
    yield tw.jit.make_graph(tw.func.grad(lambda x: (x.softmax(-1) * x).sum()), tw.randn(3, 4))
    yield tw.jit.trace(lambda x: {"y": x[:, 1:], "z": [x.max(1)[0], x > 0]}, tw.randn(3, 4))
    rows = tw.export.Dim("rows", max=64)
    yield tw.export(nn.LSTM(3, 2), (tw.randn(4, 2, 3),), dynamic_shapes=({0: rows},)).captured


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, program in enumerate(captured()):
        (folder / f"text{number}").write_text("t" + program.program.text())
        tw.jit.save(program, folder / f"archive{number}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
