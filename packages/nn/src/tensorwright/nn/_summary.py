"""A model as a table: what each layer gives, holds and computes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.profiler import observe

from ._flops import flops
from ._module import Module
from ._uninitialized import is_uninitialized


@dataclass
class LayerSummary:
    """A layer of a model, with all below it.

    Attributes:
        path: the dotted name; "" is the model.
        type: the class's name.
        output_shapes: of the tensors that its last call returned; empty if it was not called.
        calls: how often it was called.
        parameters: elements of its parameters, each counted once.
        trainable: those that require grad.
        parameter_bytes: bytes of the parameters.
        buffer_bytes: bytes of its buffers.
        flops: floating-point operations of the matrix products, convolutions and attention that ran, of all calls.
        activation_bytes: bytes of the results that its ops made; views and in-place results take none.
        shared_with: the path under which the same layer came before; all of its numbers are counted there.
    """

    path: str
    type: str
    output_shapes: list[tuple[int, ...]] = field(default_factory=list)
    calls: int = 0
    parameters: int = 0
    trainable: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    flops: int = 0
    activation_bytes: int = 0
    shared_with: str | None = None

    @property
    def depth(self) -> int:
        """How many layers it lies in."""
        return self.path.count(".") + 1 if self.path else 0


@dataclass
class Summary:
    """What ``summary`` gives; it prints as a table.

    Attributes:
        layers: the model first, then all below it in order, each with its path.
        max_depth: how deep the table goes.
    """

    layers: list[LayerSummary]
    max_depth: int | None = None

    @property
    def total(self) -> LayerSummary:
        """The model's own row."""
        return self.layers[0]

    def __getitem__(self, path: str) -> LayerSummary:
        for layer in self.layers:
            if layer.path == path:
                return layer
        raise KeyError(path)

    def __str__(self) -> str:
        shown = [layer for layer in self.layers if self.max_depth is None or layer.depth <= self.max_depth]
        rows = [("layer", "output", "parameters", "FLOPs", "activations"), *map(_cells, shown)]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, *_totals(self.total)])

    __repr__ = __str__


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]


def _cells(layer: LayerSummary) -> tuple[str, ...]:
    name = layer.path.rpartition(".")[2]
    title = (
        "  " * layer.depth
        + " ".join(filter(None, [name, layer.type]))
        + (f" x{layer.calls}" if layer.calls > 1 else "")
    )
    if layer.shared_with is not None:
        return title, f"is {layer.shared_with}", "", "", ""
    shapes = " ".join(str(list(shape)) for shape in layer.output_shapes)
    numbers = (f"{layer.parameters:,}", _scaled(layer.flops, 1000, ("", " k", " M", " G", " T", " P")))
    return title, shapes or "-", *numbers, _bytes(layer.activation_bytes)


def _scaled(value: int, base: int, units: Sequence[str]) -> str:
    amount, power = float(value), 0
    while amount >= base and power < len(units) - 1:
        amount, power = amount / base, power + 1
    return f"{value}{units[0]}" if power == 0 else f"{amount:.2f}{units[power]}"


def _bytes(value: int) -> str:
    return _scaled(value, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def _totals(total: LayerSummary) -> list[str]:
    held = f"{_bytes(total.parameter_bytes)}, and {_bytes(total.buffer_bytes)} of buffers"
    return [
        f"parameters   {total.parameters:,} ({total.trainable:,} trainable), {held}",
        f"FLOPs        {total.flops:,}",
        f"activations  {_bytes(total.activation_bytes)}",
    ]


# ---- counting --------------------------------------------------------------------------------------------


class _Watch:
    """Adds what runs to the layer that runs it, and to all around that."""

    def __init__(self, model: Module) -> None:
        self.rows = {id(module): _row(path, module) for path, module in model.named_modules()}
        self._running: list[LayerSummary] = []
        self._depth_before = 0

    def called(self, module: Module, args: Any) -> None:
        self._running.append(self.rows[id(module)])

    def returned(self, module: Module, args: Any, output: Any) -> None:
        row = self._running.pop()
        row.calls += 1
        row.output_shapes = [tuple(tensor.shape) for tensor in _tensors(output)]

    def ran(self, name: str, args: tuple[Any, ...], results: tuple[Any, ...], depth: int) -> None:
        consists_of_others = self._depth_before == depth + 1  # an op ends right after the last of those it called
        self._depth_before = depth
        counted = flops(name, args, results)
        made = 0 if consists_of_others else _bytes_made(name, args, results)
        for row in {id(row): row for row in self._running}.values():  # a layer may call itself
            row.flops += counted
            row.activation_bytes += made


def _row(path: str, module: Module) -> LayerSummary:
    row = LayerSummary(path, type(module).__name__)
    for parameter in module.parameters():
        if not is_uninitialized(parameter):
            row.parameters += parameter.numel()
            row.trainable += parameter.numel() if parameter.requires_grad else 0
            row.parameter_bytes += parameter.numel() * parameter.itemsize
    row.buffer_bytes = sum(b.numel() * b.itemsize for b in module.buffers() if not is_uninitialized(b))
    return row


def _tensors(output: Any) -> Iterator[Tensor]:
    """In nested tuples, lists and dicts."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for item in output:
            yield from _tensors(item)
    elif isinstance(output, dict):
        yield from _tensors(list(output.values()))


def _bytes_made(name: str, args: tuple[Any, ...], results: tuple[Any, ...]) -> int:
    """Of results with memory of their own: not views, nor what an op was given to write to."""
    if "view" in tw.ops.get(name).tags:
        return 0
    given = {id(tensor) for tensor in _tensors(args)}
    return sum(t.numel() * t.itemsize for t in _tensors(results) if id(t) not in given)


@contextmanager
def _watched(model: Module, watch: _Watch) -> Iterator[None]:
    with ExitStack() as hooks:
        for module in model.modules():
            hooks.enter_context(module.register_forward_pre_hook(watch.called, prepend=True))
            hooks.enter_context(module.register_forward_hook(watch.returned, always_call=True))
        hooks.enter_context(observe(watch.ran))
        yield


@contextmanager
def _unchanged(model: Module) -> Iterator[None]:
    """Buffers, such as running means, and the random state are afterwards as they were."""
    buffers = [(b, b.clone()) for b in model.buffers() if not is_uninitialized(b)]
    state = tw.get_rng_state()
    try:
        with tw.no_grad():
            yield
    finally:
        tw.set_rng_state(state)
        with tw.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def summary(model: Module, *inputs: Any, depth: int | None = None, **kwargs: Any) -> Summary:
    """Run a model once and tell what each of its layers gives, holds and computes.

    It runs as it is, in training or evaluation, without gradients; its buffers and the random state are put back. What
    is counted is what really ran. With an input on device "meta" a copy of the model without data runs, and nothing is
    computed.

    Args:
        model: the network. Lazy layers get their shapes, as by any call.
        inputs: what ``model`` is called with.
        depth: how deep the printed table goes.
        kwargs: likewise.

    Returns:
        An object with ``layers`` and ``total``, which prints as a table.

    Example:
        >>> model = tw.nn.Sequential(tw.nn.Linear(8, 16), tw.nn.ReLU(), tw.nn.Linear(16, 2))
        >>> summary(model, tw.ones(4, 8))
        layer       output   parameters   FLOPs  activations
        ----------------------------------------------------
        Sequential  [4, 2]          178  1.28 k        544 B
          0 Linear  [4, 16]         144  1.02 k        256 B
          1 ReLU    [4, 16]           0       0        256 B
          2 Linear  [4, 2]           34     256         32 B
        ----------------------------------------------------
        parameters   178 (178 trainable), 712 B, and 0 B of buffers
        FLOPs        1,280
        activations  544 B
    """
    if any(tensor.is_meta for tensor in _tensors([inputs, kwargs])) and not _is_meta(model):
        model = copy.deepcopy(model).to("meta")
    watch = _Watch(model)
    with _unchanged(model), _watched(model, watch):
        model(*inputs, **kwargs)
    return Summary(list(_in_order(model, watch)), depth)


def _is_meta(model: Module) -> bool:
    return all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def _in_order(model: Module, watch: _Watch) -> Iterator[LayerSummary]:
    """With the parameters that lazy layers have got meanwhile; a layer that occurs again refers to its first place."""
    first: dict[int, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if id(module) in first:
            yield LayerSummary(path, type(module).__name__, shared_with=first[id(module)])
            continue
        first[id(module)] = path
        ran, held = watch.rows[id(module)], _row(path, module)
        held.output_shapes, held.calls = ran.output_shapes, ran.calls
        held.flops, held.activation_bytes = ran.flops, ran.activation_bytes
        yield held
