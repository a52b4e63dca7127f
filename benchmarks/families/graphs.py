"""Cases of the graph: capture, save, load and run of 24 blocks (LayerNorm, Linear, GELU, Linear, residual sum)."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from case import Case, Family, Library, Run


def network(lib: Library) -> tuple[Any, Any]:
    """The network in evaluation mode, and an input of four rows."""
    nn = lib.nn
    lib.manual_seed(0)

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(16)
            self.widen, self.gelu, self.narrow = nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16)

        def forward(self, x: Any) -> Any:
            return x + self.narrow(self.gelu(self.widen(self.norm(x))))

    return nn.Sequential(*(Block() for _ in range(24))).eval(), lib.randn(4, 16)


def is_ours(lib: Library) -> bool:
    return str(lib.__name__) == "tensorwright"


def capture_primitives(lib: Library) -> Run:
    """The primitive ops below autograd."""
    model, x = network(lib)
    if is_ours(lib):
        return lambda: lib.jit.make_graph(model, x)
    from torch.fx.experimental.proxy_tensor import make_fx

    return lambda: make_fx(model)(x)


def capture_calls(lib: Library) -> Run:
    """The ops as they are called, by example inputs."""
    model, x = network(lib)
    return lambda: lib.jit.trace(model, x, check_trace=False)


def save(lib: Library) -> Run:
    """To a file with the weights."""
    model, x = network(lib)
    traced = lib.jit.trace(model, x, check_trace=False)
    path = Path(tempfile.mkdtemp()) / "model"
    return lambda: lib.jit.save(traced, str(path))


def load(lib: Library) -> Run:
    """From that file."""
    save(lib)  # warms up what the first save loads
    model, x = network(lib)
    path = Path(tempfile.mkdtemp()) / "model"
    lib.jit.save(lib.jit.trace(model, x, check_trace=False), str(path))
    return lambda: lib.jit.load(str(path))


def export(lib: Library) -> Run:
    """One graph for any number of rows."""
    model, x = network(lib)
    lib.export.export(model, (x,))  # warms up what the first export loads
    rows = lib.export.Dim("rows", min=2)
    return lambda: lib.export.export(model, (x,), dynamic_shapes=({0: rows},))


def exported_load(lib: Library) -> Run:
    """The same against PyTorch's exported programs."""
    if is_ours(lib):
        return load(lib)
    model, x = network(lib)
    buffer = io.BytesIO()
    lib.export.save(lib.export.export(model, (x,)), buffer)

    def run() -> object:
        buffer.seek(0)
        return lib.export.load(buffer)

    return run


def run_captured(lib: Library) -> Run:
    """Inference on the captured graph; PyTorch's is frozen."""
    model, x = network(lib)
    with lib.no_grad():
        traced = lib.jit.trace(model, x, check_trace=False)
        if not is_ours(lib):
            traced = lib.jit.freeze(traced)

    def run() -> object:
        with lib.no_grad():
            return traced(x)

    return run


FAMILY = Family(
    "graphs of 24 blocks",
    (
        Case("capture of primitive ops", capture_primitives, bar=0.02),
        Case("capture by example", capture_calls, bar=1.0),
        Case("export for any number of rows", export, bar=0.1),
        Case("save", save, bar=1.0),
        Case("load", load, bar=1.0),
        Case("load, against exported programs", exported_load, bar=0.06),
        Case("inference of the captured graph", run_captured, bar=0.8),
    ),
    parallel=False,
)
