"""Where NaN comes from: the first op that gives one, and the layer that ran it, forwards or backwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.nn._module import Module

_UNINITIALIZED = frozenset(("tw::empty_like", "tw::new_empty", "tw::new_empty_strided"))


class NanError(FloatingPointError):
    """An op has given NaN.

    Attributes:
        op: its name: "tw::log".
        layer: the path of the layer that ran it, or whose backward pass did; "" is the model itself, None is outside.
        backward: whether that was in the backward pass.
    """

    op: str
    layer: str | None
    backward: bool

    def __init__(self, message: str, op: str, layer: str | None, backward: bool) -> None:
        super().__init__(message)
        self.op, self.layer, self.backward = op, layer, backward


@contextmanager
def stop_on_nan(model: Module, *, infinite: bool = False) -> Iterator[None]:
    """Raise at the first op inside the ``with`` block that gives NaN, and name the layer that it belongs to.

    NaN that the program writes as a number, as in ``x.masked_fill(mask, math.nan)``, does not count. Each floating
    result is read once more, which costs some microseconds and a pass over its memory. A run that resumes bit for bit
    can do without until its loss is NaN, and then make the last steps again inside of such a block.

    Args:
        model: whose layers are named. Ops outside of it, in the loss or the optimizer, are watched too.
        infinite: stop at infinity as well.

    Raises:
        NanError: inside the block.
        RuntimeError: if ops of this thread are observed already.

    Example:
        >>> class Root(tw.nn.Module):
        ...     def forward(self, x):
        ...         return x.sqrt()
        >>> model = tw.nn.Sequential(tw.nn.Identity(), Root())
        >>> try:
        ...     with stop_on_nan(model):
        ...         y = model(tw.tensor([4.0, -1.0]))
        ... except NanError as error:
        ...     print(error)
        tw::sqrt gave NaN in 1 of 2 elements; layer: 1 (Root); self: float32 [2], from -1 to 4
    """
    from tensorwright.profiler import observe  # costs more than all of nn to import

    watch = _Watch(model, infinite)
    with ExitStack() as hooks:
        for module in model.modules():
            hooks.enter_context(module.register_forward_pre_hook(watch.called, prepend=True, with_kwargs=True))
            hooks.enter_context(module.register_forward_hook(watch.returned, always_call=True))
        hooks.enter_context(observe(watch.ran))
        yield


class _Watch:
    """Follows which layer runs.

    In a backward pass that is told by hooks of tensors: when the gradient of what a layer returned is there, the
    layer's part of the pass begins; when that of what it was given is there, it has ended.
    """

    def __init__(self, model: Module, infinite: bool) -> None:
        self._names = {id(module): (path, type(module).__name__) for path, module in model.named_modules()}
        self._parameters = {id(p): name for name, p in model.named_parameters()}
        self._infinite = infinite
        self._running: list[int] = []
        self._backward: int | None = None  # the layer whose part of a backward pass runs
        self._in_backward = False
        self._marked: dict[int, Tensor] = {}  # tensors that have a hook, kept so that their ids stay theirs

    # ---- layers ----

    def called(self, module: Module, args: Any, kwargs: Any) -> None:
        if not self._running and not self._in_backward:
            self._marked.clear()
        outer = self._running[-1] if self._running else None
        for tensor in _tensors([args, list(kwargs.values())]):
            self._mark(tensor, outer)
        self._running.append(id(module))

    def returned(self, module: Module, args: Any, output: Any) -> None:
        self._running.pop()
        for tensor in _tensors(output):
            self._mark(tensor, id(module))

    def _mark(self, tensor: Tensor, layer: int | None) -> None:
        """The first mark of a tensor counts: what a layer returns is its own, whoever takes it or hands it on."""
        if id(tensor) in self._marked or not tw.is_grad_enabled() or not _requires_grad(tensor):
            return
        self._marked[id(tensor)] = tensor

        def reached(gradient: Tensor) -> None:
            self._in_backward, self._backward = True, layer

        tensor.register_hook(reached)

    # ---- ops ----

    def ran(self, name: str, args: tuple[Any, ...], results: tuple[Any, ...], depth: int) -> None:
        if name.startswith("autograd::backward"):
            self._in_backward, self._backward = False, None
            self._marked.clear()
        if name in _UNINITIALIZED or name.startswith("autograd::") or not self._computes(args):
            return
        for result in _tensors(results):
            if self._is_bad(result):
                raise self._error(name, args, result)

    def _computes(self, args: tuple[Any, ...]) -> bool:
        """Whether bad results would be news: there are tensors, and no number that is bad itself."""
        numbers = [value for value in args if isinstance(value, float)]
        return next(_tensors(args), None) is not None and not any(self._is_bad_number(value) for value in numbers)

    def _is_bad_number(self, value: float) -> bool:
        return math.isnan(value) or (self._infinite and math.isinf(value))

    def _is_bad(self, tensor: Tensor) -> bool:
        if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.is_meta or tensor.numel() == 0:
            return False
        total = tensor.sum()  # one pass that nearly always says no: NaN and infinity stay in a sum
        if bool(total.isfinite().item()):
            return False
        bad = tensor.isfinite().logical_not() if self._infinite else tensor.isnan()
        return bool(bad.any().item())

    def _error(self, name: str, args: tuple[Any, ...], result: Tensor) -> NanError:
        nan = int(result.isnan().sum().item())
        kind = "NaN" if nan else "infinity"
        count = nan or int(result.isinf().sum().item())
        backward = self._in_backward and not self._running
        layer = self._running[-1] if self._running else self._backward
        path, type_name = self._names.get(layer or 0, (None, ""))
        place = "outside of the model's layers" if path is None else f"layer: {path or 'the model'} ({type_name})"
        parts = [
            f"{name} gave {kind} in {count} of {result.numel()} elements",
            *(["in the backward pass"] if backward else []),
            place,
            *(
                self._described(n, value)
                for n, value in zip(_argument_names(name), args, strict=False)
                if value is not result
            ),
        ]
        return NanError("; ".join(filter(None, parts)), name, path, backward)

    def _described(self, name: str, value: Any) -> str:
        if isinstance(value, float):
            return f"{name}: {value:.6g}"
        if not isinstance(value, Tensor) or value.numel() == 0 or not value.is_floating_point():
            return ""
        known = self._parameters.get(id(value))
        title = f"{name} ({known})" if known else name
        nan = int(value.isnan().sum().item())
        finite = value[value.isfinite()]
        span = f"from {finite.min().item():.6g} to {finite.max().item():.6g}" if finite.numel() else "nothing finite"
        had = f", {nan} NaN already" if nan else ""
        return f"{title}: {value.dtype.name} {list(value.shape)}, {span}{had}"


def _requires_grad(tensor: Tensor) -> bool:
    """False where autograd is not installed."""
    return bool(getattr(tensor, "requires_grad", False))


def _tensors(values: Any) -> Iterator[Tensor]:
    """In nested tuples, lists and dicts."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for item in values:
            yield from _tensors(item)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


def _argument_names(op: str) -> list[str]:
    """From the schema: ``tw::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor``."""
    schema = tw.ops.get(op).schema
    names, nesting, word = [], 0, ""
    for character in schema[schema.index("(") + 1 : schema.rindex(") ->")] + ",":
        nesting += (character in "[(") - (character in "])")
        if character == "," and nesting == 0:
            names.append(word.partition("=")[0].split()[-1])
            word = ""
        else:
            word += character
    return [name for name in names if name != "*"]
