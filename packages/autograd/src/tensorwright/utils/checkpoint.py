"""Checkpointing: a part of a network keeps no values for its gradient; they are computed again in the backward pass.

Time is traded for memory: one more forward run of the part, for all that it would have kept. It is done by hooks over
saved tensors, so the graph is recorded as always: ``grad``, ``create_graph=True``, hooks, nested checkpoints and
several passes work inside and around of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.autograd import Function, FunctionCtx, queue_callback
from tensorwright.autograd.graph import current_pass, saved_tensors_hooks
from tensorwright.utils._selective_checkpoint import CheckpointPolicy as CheckpointPolicy
from tensorwright.utils._selective_checkpoint import SelectiveCheckpointContext as SelectiveCheckpointContext
from tensorwright.utils._selective_checkpoint import (
    create_selective_checkpoint_contexts as create_selective_checkpoint_contexts,
)

__all__ = [
    "CheckpointError", "CheckpointPolicy", "SelectiveCheckpointContext", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


class CheckpointError(RuntimeError):
    """The part did not compute the same values again."""


class _Recomputed(Exception):  # noqa: N818 (it ends a run that has done its work)
    """All that is needed has been computed; the rest of the function need not run."""

    def __init__(self, region: _Region) -> None:
        super().__init__("the recomputation of a checkpoint is complete")
        self.region = region


class _Settings:
    early_stop = True
    debug: bool | None = None


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether recomputation stops at the last value that is needed, for checkpoints called inside the block.

    It does by default. A function that must run to its end has it switched off.

    Example:
        >>> import tensorwright as tw
        >>> with tw.utils.checkpoint.set_checkpoint_early_stop(False):
        ...     y = tw.utils.checkpoint.checkpoint(tw.exp, tw.ones(1, requires_grad=True))
    """
    before, _Settings.early_stop = _Settings.early_stop, enable
    try:
        yield
    finally:
        _Settings.early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Overrule the argument ``debug`` of checkpoints called inside the block; None leaves it to them."""
    before, _Settings.debug = _Settings.debug, enabled
    try:
        yield
    finally:
        _Settings.debug = before


def noop_context_fn() -> Contexts:
    """Contexts that do nothing, for the forward run and the recomputation."""
    return nullcontext(), nullcontext()


# ---- what is compared -------------------------------------------------------------------------------------------


def _geometry(tensor: Tensor) -> tuple[object, ...]:
    return tuple(tensor.shape), tensor.dtype, tensor.device


def _nothing(tensor: Tensor) -> tuple[object, ...]:
    return ()


_DETERMINISM_CHECKS: dict[str, Callable[[Tensor], tuple[object, ...]]] = {"default": _geometry, "none": _nothing}


# ---- the state around the function --------------------------------------------------------------------------------


class _Surroundings:
    """Random state and autocast as they were when the function first ran."""

    def __init__(self, preserve_rng: bool) -> None:
        self._rng = tw.get_rng_state() if preserve_rng else None
        self._autocast = (tw.is_autocast_enabled(), tw.get_autocast_dtype())

    @contextmanager
    def restored(self) -> Iterator[None]:
        enabled, dtype = self._autocast
        before = tw.get_rng_state()
        with tw.autocast("cpu", dtype=dtype, enabled=enabled):
            try:
                if self._rng is not None:
                    tw.set_rng_state(self._rng)
                yield
            finally:
                if self._rng is not None:
                    tw.set_rng_state(before)


class _Keep(Function):
    """Keeps tensors as saved ones, so that a checkpoint around this one packs them as it packs all."""

    @staticmethod
    def forward(ctx: FunctionCtx, anchor: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return anchor.clone()

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        raise RuntimeError("nothing is computed from the tensor that keeps a checkpoint's arguments")


class _Arguments:
    """The arguments of a call. Its tensors are kept by a node of the graph, all else as it is."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        values = [*args, *kwargs.values()]
        self._count, self._names = len(args), tuple(kwargs)
        self._rest = [None if isinstance(value, Tensor) else value for value in values]
        self._places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        self._flags = [values[i].requires_grad for i in self._places]
        kept = _Keep.apply(tw.zeros(()).requires_grad_(), *(values[i] for i in self._places))
        self._node = kept.grad_fn

    def again(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, cut off from the graph that they came from."""
        values = list(self._rest)
        for place, flag, tensor in zip(self._places, self._flags, self._node.saved_tensors, strict=True):
            values[place] = tensor.detach().requires_grad_(flag)
        return tuple(values[: self._count]), dict(zip(self._names, values[self._count :], strict=True))


# ---- one call of checkpoint -----------------------------------------------------------------------------------------


class _Slot:
    """What a node keeps in place of a tensor."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, index: int) -> None:
        self.index = index


class _Region:
    """One call: how to run it again, and what its nodes are waiting for."""

    def __init__(
        self,
        run: Callable[..., Any],
        arguments: _Arguments,
        surroundings: _Surroundings,
        context: AbstractContextManager[Any],
        described_by: Callable[[Tensor], tuple[object, ...]],
        debug: bool,
    ) -> None:
        self._run, self._arguments, self._surroundings, self._context = run, arguments, surroundings, context
        self._describe, self._early_stop = described_by, _Settings.early_stop
        self._slots: list[weakref.ref[_Slot]] = []
        self._descriptions: list[tuple[object, ...]] = []
        self._values: dict[int, dict[int, Tensor]] = {}  # by pass, by slot: computed again and not fetched yet
        self.first_ops: list[str] | None = [] if debug else None

    # the forward run

    def pack(self, tensor: Tensor) -> _Slot:
        slot = _Slot(len(self._slots))
        self._slots.append(weakref.ref(slot))
        self._descriptions.append(self._describe(tensor))
        return slot

    # the backward pass

    def unpack(self, slot: _Slot) -> Tensor:
        number = current_pass()
        if number < 0:  # somebody looks at a saved value: nothing is kept for a later one
            return self._recompute()[slot.index]
        if slot.index not in self._values.get(number, {}):
            if number not in self._values:
                queue_callback(lambda: self._values.pop(number, None))
            self._values[number] = self._recompute()
        return self._values[number].pop(slot.index)

    def _recompute(self) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        descriptions: list[tuple[object, ...]] = []

        def pack(tensor: Tensor) -> Tensor:
            index = len(descriptions)
            descriptions.append(self._describe(tensor))
            if index < len(self._slots) and self._slots[index]() is not None:
                found[index] = tensor
            if self._early_stop and index + 1 == len(self._slots):
                raise _Recomputed(self)
            return tensor

        args, kwargs = self._arguments.again()
        ops: list[str] = []
        with self._surroundings.restored(), self._context, tw.enable_grad(), saved_tensors_hooks(pack, lambda t: t):
            try:
                with _noting(ops if self.first_ops is not None else None):
                    self._run(*args, **kwargs)
            except _Recomputed as end:
                if end.region is not self:
                    raise
        self._compare(descriptions, ops)
        return found

    def _compare(self, descriptions: list[tuple[object, ...]], ops: list[str]) -> None:
        if len(descriptions) != len(self._descriptions):
            self._fail(
                f"{len(self._descriptions)} tensors were saved in the forward run and {len(descriptions)} in the "
                "recomputation",
                ops,
            )
        different = [
            f"tensor {i}: {_shown(first)} in the forward run, {_shown(second)} in the recomputation"
            for i, (first, second) in enumerate(zip(self._descriptions, descriptions, strict=True))
            if first != second
        ]
        if different:
            self._fail("the recomputation saved other tensors than the forward run: " + "; ".join(different[:5]), ops)

    def _fail(self, what: str, ops: list[str]) -> None:
        message = f"checkpoint: {what}. The function must compute the same each time it is called"
        if self.first_ops is None:
            raise CheckpointError(f"{message}; debug=True lists the ops of both runs")
        lists = f"Ops of the forward run: {', '.join(self.first_ops)}\nOps of the recomputation: {', '.join(ops)}"
        raise CheckpointError(f"{message}.\n{lists}")


def _shown(description: tuple[object, ...]) -> str:
    shape, dtype, device = description
    return f"{dtype} {list(shape)} on {device}"  # type: ignore[call-overload]


@contextmanager
def _noting(ops: list[str] | None) -> Iterator[None]:
    """Note the names of the ops that run inside."""
    if ops is None:
        yield
        return
    recorder = tw.profiler.profile(all_threads=False)
    try:
        with recorder:
            yield
    finally:
        ops.extend(event.name for event in recorder.events() if event.kind == "cpu_op")


# ---- what users call --------------------------------------------------------------------------------------------


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call ``function(*args, **kwargs)`` without keeping what its gradient needs; the backward pass calls it again.

    Only the arguments are kept, and what the function holds by itself. The second call sees the random state, autocast
    and arguments of the first and must compute the same; it stops at the last value that is needed.

    Args:
        function: of tensors and other values, with any result. Tensors inside of lists or dictionaries among its
            arguments are kept as they are, with their graph.
        use_reentrant: without effect. PyTorch's reentrant way gives the same gradients where it works; this one also
            works where no argument requires grad, for ``autograd.grad``, and for parts of the result.
        context_fn: gives two context managers, one for the forward run and one for each recomputation;
            :func:`create_selective_checkpoint_contexts` makes such that keep the results of some ops.
        determinism_check: "default" compares shapes, dtypes and devices of what both runs save; "none" only their
            number.
        debug: note the ops of both runs, for the message if they differ.
        preserve_rng_state: give the recomputation the random state of the forward run, and restore it afterwards.

    Raises:
        CheckpointError: in the backward pass, if the recomputation saves other tensors than the forward run.
        ValueError: for another ``determinism_check``.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright.utils.checkpoint import checkpoint
        >>> weight = tw.ones(2, 2, requires_grad=True)
        >>> y = checkpoint(lambda x: (x @ weight).tanh().exp(), tw.ones(1, 2))
        >>> y.sum().backward()
        >>> tuple(weight.grad.shape)
        (2, 2)
    """
    if determinism_check not in _DETERMINISM_CHECKS:
        raise ValueError(
            f"checkpoint: determinism_check must be one of {', '.join(_DETERMINISM_CHECKS)}; got {determinism_check!r}"
        )
    forward_context, again_context = context_fn()
    if not tw.is_grad_enabled():
        with forward_context:
            return function(*args, **kwargs)
    noted = debug if _Settings.debug is None else _Settings.debug
    region = _Region(
        function,
        _Arguments(args, kwargs),
        _Surroundings(preserve_rng_state),
        again_context,
        _DETERMINISM_CHECKS[determinism_check],
        noted,
    )
    with ExitStack() as stack:
        stack.enter_context(forward_context)
        stack.enter_context(saved_tensors_hooks(region.pack, region.unpack))
        stack.enter_context(_noting(region.first_ops))
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Iterable[Callable[..., Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Call functions one after the other, in ``segments`` parts, all of them checkpointed but the last.

    With as many segments as the square root of the number of functions, about that many activations are kept.

    Args:
        functions: each takes what the one before it gave; a ``nn.Sequential`` for example.
        segments: how many parts.
        input: of the first function.
        use_reentrant: as for ``checkpoint``.
        kwargs: further arguments of ``checkpoint``: ``preserve_rng_state``, ``context_fn`` and the like.

    Raises:
        ValueError: if there are more segments than functions, or none.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(2, requires_grad=True)
        >>> y = tw.utils.checkpoint.checkpoint_sequential([tw.sin, tw.exp, tw.tanh, tw.cos], 2, x)
        >>> y.sum().backward()
    """
    steps = list(functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"checkpoint_sequential: segments must be from 1 to the number of functions, {len(steps)}; got {segments}"
        )
    size = len(steps) // segments

    def run(part: Sequence[Callable[..., Any]]) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for step in part:
                value = step(value)
            return value

        return forward

    for i in range(segments - 1):
        input = checkpoint(run(steps[i * size : (i + 1) * size]), input, use_reentrant=use_reentrant, **kwargs)
    return run(steps[(segments - 1) * size :])(input)
