"""Backward passes: gradients accumulated into leaves, or handed out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorwright import Tensor, zeros_like
from tensorwright.autograd._anomaly import add_forward_trace
from tensorwright.autograd._library import op
from tensorwright.autograd.graph import GradientEdge, tensor_of_edge

_backward = op("backward")
_backward_one = op("backward_one")
_grad = op("grad")
_queue_callback = op("queue_callback")

Tensors = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]
OptionalTensors = Tensor | Sequence[Tensor | None] | None


def _listed(tensors: Tensors, likes: Sequence[Tensor | None] = ()) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        return [tensors]
    given: Sequence[Any] = [tensors] if isinstance(tensors, GradientEdge) else list(tensors)
    return [
        tensor_of_edge(item, likes[i] if i < len(likes) else None) if isinstance(item, GradientEdge) else item
        for i, item in enumerate(given)
    ]


def _refuse_inner_edges(inputs: Tensors) -> None:
    """``backward`` accumulates into tensors; an edge inside of the graph has none."""
    for item in [inputs] if isinstance(inputs, Tensor | GradientEdge) else inputs:
        if isinstance(item, GradientEdge) and not hasattr(item.node, "variable"):
            raise ValueError(
                f"backward: inputs has an edge into {item.node.name()}, which is no leaf and has no .grad; "
                "use grad(), or give the tensor"
            )


def _listed_or_none(tensors: OptionalTensors) -> list[Tensor | None]:
    if tensors is None:
        return []
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def backward(
    tensors: Tensors,
    grad_tensors: OptionalTensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of ``tensors`` to the ``.grad`` of the leaves they were computed from.

    Args:
        tensors: what to differentiate, tensors or edges of the graph; together they count as the sum of their products
            with ``grad_tensors``.
        grad_tensors: one for each tensor, of its shape; None stands for 1, for a single number only.
        retain_graph: keep what the graph has saved, for another pass; by default as ``create_graph``.
        create_graph: record the pass itself, so that gradients can be differentiated again.
        inputs: accumulate only into these tensors, which need not be leaves.

    Raises:
        RuntimeError: if a tensor does not require grad, or the graph's saved values were freed or modified.
        ShapeError: if a gradient's shape is not its tensor's, or is missing for more than one number.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
        >>> tw.autograd.backward([x * x, 3 * x], [tw.ones(2), tw.ones(2)])
        >>> x.grad.tolist()
        [5.0, 7.0]
    """
    retain = create_graph if retain_graph is None else retain_graph
    chosen = [] if inputs is None else _listed(inputs)
    if inputs is not None:
        _refuse_inner_edges(inputs)
    if inputs is not None and not chosen:
        raise ValueError("backward: inputs is empty; leave it away to accumulate into all leaves")
    try:
        seeds = _listed_or_none(grad_tensors)
        _backward(_listed(tensors, seeds), seeds, chosen, retain, create_graph)
    except Exception as error:
        add_forward_trace(error)
        raise


def tensor_backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradient of this tensor to the ``.grad`` of the leaves it was computed from.

    Args:
        gradient: of this tensor's shape; None stands for 1, for a single number only.
        retain_graph: keep what the graph has saved, for another pass; by default as ``create_graph``.
        create_graph: record the pass itself, so that gradients can be differentiated again.
        inputs: accumulate only into these tensors, which need not be leaves.

    Raises:
        RuntimeError: if the tensor does not require grad, or the graph's saved values were freed or modified.
        ShapeError: if the gradient's shape is not the tensor's, or is missing for more than one number.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward(tw.tensor([1.0, 10.0]))
        >>> x.grad.tolist()
        [2.0, 40.0]
    """
    if inputs is not None:
        return backward(self, gradient, retain_graph, create_graph, inputs)
    try:
        _backward_one(self, gradient, create_graph if retain_graph is None else retain_graph, create_graph)
    except Exception as error:
        add_forward_trace(error)
        raise
    return None


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: OptionalTensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``; no ``.grad`` changes.

    Args:
        outputs: what to differentiate, tensors or edges of the graph (``graph.get_gradient_edge``); together they count
            as the sum of their products with ``grad_outputs``.
        inputs: tensors that require grad, or edges; they need not be leaves.
        grad_outputs: one for each output, of its shape; None stands for 1, for a single number only.
        retain_graph: keep what the graph has saved, for another pass; by default as ``create_graph``.
        create_graph: record the pass itself, so that gradients can be differentiated again.
        allow_unused: give None for an input that the outputs do not depend on; by default as ``materialize_grads``.
        is_grads_batched: ``grad_outputs`` have one more dimension, their first: gradients are computed for each of its
            entries, at once, and have it too.
        materialize_grads: give zeros instead of None.

    Returns:
        One gradient for each input, of its shape and dtype.

    Raises:
        RuntimeError: if an input is unused and that is not allowed, or does not require grad, or the graph's saved
            values were freed or modified.
        ShapeError: if a gradient's shape is not its output's.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor(3.0, requires_grad=True)
        >>> (first,) = tw.autograd.grad(x**3, x, create_graph=True)
        >>> (second,) = tw.autograd.grad(first, x)
        >>> first.item(), second.item()
        (27.0, 18.0)
    """
    wanted = _listed(inputs)
    if not wanted:
        raise ValueError("grad: inputs is empty")
    if is_grads_batched:
        return _batched(outputs, wanted, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    retain = create_graph if retain_graph is None else retain_graph
    try:
        seeds = _listed_or_none(grad_outputs)
        found: list[Tensor | None] = list(_grad(_listed(outputs, seeds), wanted, seeds, retain, create_graph))
    except Exception as error:
        add_forward_trace(error)
        raise
    if None in (gradient if gradient is None else 0 for gradient in found):
        _settle_unused(wanted, found, allow_unused, materialize_grads)
    return tuple(found)


def _batched(
    outputs: Tensors, inputs: list[Tensor], grad_outputs: OptionalTensors, *options: Any
) -> tuple[Tensor | None, ...]:
    from tensorwright.func import vmap

    seeds = _listed_or_none(grad_outputs)
    if not seeds or None in (seed if seed is None else 0 for seed in seeds):
        raise ValueError("grad: is_grads_batched needs grad_outputs, one for each output")
    retain, create, allow_unused, materialize = options
    used: list[int] = []

    def of_one(*given: Tensor) -> tuple[Tensor, ...]:
        found = grad(outputs, inputs, given, retain, create, allow_unused, materialize_grads=materialize)
        used[:] = [i for i, gradient in enumerate(found) if gradient is not None]
        return tuple(gradient for gradient in found if gradient is not None)

    gradients: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(used, vmap(of_one)(*seeds), strict=True):
        gradients[i] = gradient
    return tuple(gradients)


def _settle_unused(
    inputs: list[Tensor], grads: list[Tensor | None], allow_unused: bool | None, materialize: bool
) -> None:
    allowed = materialize if allow_unused is None else allow_unused
    for i, gradient in enumerate(grads):
        if gradient is not None:
            continue
        if not allowed:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i} ({inputs[i].dtype}, shape {tuple(inputs[i].shape)}); "
                "allow_unused=True gives None for it"
            )
        if materialize:
            grads[i] = zeros_like(inputs[i])


def queue_callback(callback: Callable[[], object]) -> None:
    """Call ``callback()`` when the backward pass that runs on this thread has ended; for hooks.

    Raises:
        RuntimeError: if no backward pass is running.
    """
    _queue_callback(callback)
