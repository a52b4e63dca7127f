"""The graph of a backward pass: its nodes, hooks over the tensors that they save, and hooks over several gradients.

A tensor's ``grad_fn`` is a node; ``next_functions`` leads on to the nodes that get its gradients:

Example:
    >>> import tensorwright as tw
    >>> x = tw.ones(2, requires_grad=True)
    >>> node = (x * 3).exp().grad_fn
    >>> node.name(), [following.name() for following, _ in node.next_functions]
    ('ExpBackward', ['MulBackward'])
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from tensorwright import Op, Tensor, ones
from tensorwright.autograd._library import op

__all__ = [
    "GradientEdge", "Node", "SavedTensor", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
    "get_gradient_edge", "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip

_push_hooks = op("push_saved_hooks")
_pop_hooks = op("pop_saved_hooks")
_hooks_depth = op("saved_hooks_depth")
_gradient_node = op("gradient_node")
_edge_tensor = op("edge_tensor")
current_pass: Op = op("current_pass")  # the number of the pass that runs on this thread, or -1
_will_run = op("will_run")
_bump_version = op("bump_version")
op("set_metadata_factory")(dict)
_NATIVE = type(_gradient_node(op("requires_grad_")(ones(1))))  # nodes are objects of the native part


class _NodeType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) is _NATIVE and hasattr(instance, "next_functions")


class _SavedType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) is _NATIVE and hasattr(instance, "register_hooks")


class Node(metaclass=_NodeType):
    """What ``grad_fn`` of a tensor is; for ``isinstance`` and annotations, not for subclassing.

    Asking twice gives two Python objects that compare equal and have one hash: compare nodes by ``==``.

    Attributes:
        next_functions: pairs of the node that gets the gradient of an input and which result of that node the input
            was; ``(None, 0)`` for inputs without gradient.
        metadata: a dictionary for notes of any kind; it lives as long as the graph.
        sequence_nr: grows from node to node in the order of the forward operations.

    The values that the operation saved are attributes too: ``_saved_<argument>`` gives the value, ``_saved_result`` a
    result, and ``_raw_saved_<argument>`` what keeps it, which has ``register_hooks(pack, unpack)``. Nodes of a
    :class:`Function` have ``saved_tensors`` and ``_raw_saved_tensors``. An accumulator has its leaf as ``variable``.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([2.0], requires_grad=True)
        >>> y = x * x
        >>> isinstance(y.grad_fn, tw.autograd.graph.Node), y.grad_fn == y.grad_fn
        (True, True)
        >>> y.grad_fn._saved_self.tolist()
        [2.0]
        >>> y.grad_fn.metadata["seen"] = True
        >>> y.grad_fn.metadata
        {'seen': True}
    """

    next_functions: tuple[tuple[Node | None, int], ...]
    metadata: dict[Any, Any]
    sequence_nr: int

    def name(self) -> str:
        """What the node is called: "MulBackward"."""
        raise NotImplementedError

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node ran; what it returns replaces ``grad_inputs``."""
        raise NotImplementedError

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_outputs)`` before the node runs; what it returns replaces ``grad_outputs``."""
        raise NotImplementedError


class SavedTensor(metaclass=_SavedType):
    """What ``_raw_saved_<argument>`` of a node is: a tensor as the node keeps it. For ``isinstance``."""

    def register_hooks(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        """Keep ``pack_hook(tensor)`` in its place from now on, as ``saved_tensors_hooks`` does.

        Raises:
            RuntimeError: if it has hooks, was freed, or is None; or if ``pack_hook`` modifies the tensor in place.
            TypeError: if a hook is not callable.
        """
        raise NotImplementedError


class GradientEdge(NamedTuple):
    """Where a gradient goes: result ``output_nr`` of ``node``. Stands for the tensor in ``grad`` and ``backward``."""

    node: Any
    output_nr: int
    ownership_token: Tensor | None = None  # knows the tensor's shape and dtype, but does not keep it alive


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place in the graph where the gradient of ``tensor`` goes, without keeping the tensor's memory.

    For a leaf that is the node that accumulates into its ``.grad``.

    Raises:
        RuntimeError: if the tensor does not require grad.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
        >>> hidden = x * 2
        >>> edge = tw.autograd.graph.get_gradient_edge(hidden)
        >>> tw.autograd.grad((hidden * hidden).sum(), edge)[0].tolist()
        [4.0, 8.0]
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"get_gradient_edge: expected a Tensor, got {type(tensor).__name__}")
    node, slot = _gradient_node(tensor), tensor.output_nr
    return GradientEdge(node, slot, _edge_tensor(node, slot, list(tensor.shape), tensor.dtype))


def tensor_of_edge(edge: GradientEdge, like: Tensor | None = None) -> Tensor:
    """A tensor that the engine takes for the edge's, of the shape of ``like`` if the edge does not know its own."""
    leaf = getattr(edge.node, "variable", None)
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(edge.ownership_token, Tensor):
        return edge.ownership_token
    shape, dtype = ([], None) if like is None else (list(like.shape), like.dtype)
    from tensorwright import get_default_dtype

    made: Tensor = _edge_tensor(edge.node, edge.output_nr, shape, get_default_dtype() if dtype is None else dtype)
    return made


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Say that tensors were modified in place by something that autograd does not see.

    A backward pass that needs their old values then refuses to run.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(2)
        >>> tw.autograd.graph.increment_version(x)
        >>> x._version
        1
    """
    for item in [tensor] if isinstance(tensor, Tensor) else tensor:
        _bump_version(item)


# ---- hooks over saved tensors -----------------------------------------------------------------------------------


class _Disabled(threading.local):
    message: str | None = None


_disabled = _Disabled()


class saved_tensors_hooks:  # noqa: N801 (PyTorch's name)
    """Operations inside the ``with`` block keep ``pack(tensor)`` for their gradients instead of the tensor.

    When a gradient needs the tensor, ``unpack(packed)`` must give one of the same values. ``pack`` gets every tensor
    that an operation saves, without history; it may return anything, and must not write to the tensor. The hooks belong
    to the thread, and of nested blocks the innermost counts. Whether a tensor that ``pack`` returned was modified in
    place since is not checked.

    Args:
        pack_hook: called while the operation is recorded; what it computes is not recorded.
        unpack_hook: called in the backward pass, or when ``_saved_...`` of a node is read.

    Raises:
        TypeError: if a hook is not callable; in the backward pass, if ``unpack`` returns no tensor.
        RuntimeError: inside of ``disable_saved_tensors_hooks``; or if ``pack`` modifies its tensor in place.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
        >>> with tw.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().copy(), tw.from_numpy):
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad.tolist()
        [2.0, 4.0]
    """

    pack_hook: Callable[[Tensor], Any]
    unpack_hook: Callable[[Any], Tensor]

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        for name, hook in (("pack_hook", pack_hook), ("unpack_hook", unpack_hook)):
            if not callable(hook):
                raise TypeError(f"saved_tensors_hooks: {name} must be callable, got {type(hook).__name__}")
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _disabled.message is not None:
            raise RuntimeError(_disabled.message)
        _push_hooks(self.pack_hook, _checked(self.unpack_hook))

    def __exit__(self, *exception: object) -> None:
        _pop_hooks()


def _checked(unpack: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
    def checked(packed: Any) -> Tensor:
        tensor = unpack(packed)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"saved_tensors_hooks: unpack_hook must return a Tensor, got {type(tensor).__name__}")
        return tensor

    return checked


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Operations inside keep the tensors that they save in the CPU's memory, and bring them back for the gradient.

    Args:
        pin_memory: keep them in memory that a device can read by itself; a copy also of tensors of the CPU.
        device_type: accepted; tensors go back to the device that they came from.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(2, requires_grad=True)
        >>> with tw.autograd.graph.save_on_cpu():
        ...     y = x.exp().sum()
        >>> y.backward()
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        def pack(tensor: Tensor) -> tuple[Any, Tensor]:
            kept = tensor.cpu()
            return tensor.device, kept.clone() if pin_memory and kept.device == tensor.device else kept

        def unpack(packed: tuple[Any, Tensor]) -> Tensor:
            device, kept = packed
            return kept.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Refuse ``saved_tensors_hooks`` inside the block, on this thread, with ``error_message``.

    Raises:
        RuntimeError: if hooks are active already.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
        ...     try:
        ...         with tw.autograd.graph.save_on_cpu():
        ...             pass
        ...     except RuntimeError as error:
        ...         print(error)
        no hooks here
    """
    if _hooks_depth():
        raise RuntimeError(f"disable_saved_tensors_hooks: hooks are active already. {error_message}")
    before, _disabled.message = _disabled.message, error_message
    try:
        yield
    finally:
        _disabled.message = before


class allow_mutation_on_saved_tensors:  # noqa: N801
    """Tensors that operations inside save may be modified in place: the gradients see the old values.

    Every saved tensor is copied when it is saved, so memory grows by what the graph keeps.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([2.0], requires_grad=True)
        >>> with tw.autograd.graph.allow_mutation_on_saved_tensors():
        ...     factor = tw.tensor([3.0])
        ...     y = x * factor
        ...     factor.zero_()
        ...     y.backward()
        tensor([0.])
        >>> x.grad.tolist()
        [3.0]
    """

    def __init__(self) -> None:
        self._hooks: list[saved_tensors_hooks] = []

    def __enter__(self) -> allow_mutation_on_saved_tensors:
        hooks = saved_tensors_hooks(lambda tensor: tensor.clone(), lambda kept: kept)
        hooks.__enter__()
        self._hooks.append(hooks)
        return self

    def __exit__(self, *exception: object) -> None:
        self._hooks.pop().__exit__(*exception)


# ---- hooks over several gradients -------------------------------------------------------------------------------


class _Handle:
    """Removes the hooks of several tensors."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self._handles = tuple(handles)

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class _AllGradients:
    """Collects the gradients of one hook, pass by pass; passes of several threads may interleave."""

    def __init__(self, tensors: Sequence[Tensor], call: Callable[[Sequence[Tensor | None]], object]) -> None:
        self._nodes = [_gradient_node(tensor) for tensor in tensors]
        self._call = call
        self._lock = threading.Lock()
        self._arrived: dict[int, tuple[int, list[Tensor | None]]] = {}  # by pass: how many are to come, what came

    def hook(self, index: int) -> Callable[[Tensor], None]:
        def collect(grad: Tensor) -> None:
            number = current_pass()
            with self._lock:
                if number not in self._arrived:
                    expected = sum(_will_run(node) for node in self._nodes)
                    self._arrived[number] = (expected, [None] * len(self._nodes))
                    self._forget_others(number)
                missing, grads = self._arrived[number]
                missing -= grads[index] is None
                grads[index] = grad
                self._arrived[number] = (missing, grads)
                if missing == 0:
                    del self._arrived[number]
            if missing == 0:
                self._call(grads)

        return collect

    def _forget_others(self, number: int) -> None:
        """A pass that failed never completes: its gradients must not stay for ever."""
        for old in sorted(self._arrived)[:-64]:
            if old != number:
                del self._arrived[old]


class _FirstGradient:
    """Calls once in a pass, with the first gradient that arrives."""

    def __init__(self, call: Callable[[Tensor], object]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._seen: list[int] = []

    def __call__(self, grad: Tensor) -> None:
        number = current_pass()
        with self._lock:
            if number in self._seen:
                return
            self._seen = [*self._seen[-63:], number]
        self._call(grad)


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[[Sequence[Tensor | None]], object] | Callable[[Tensor], object],
    *,
    mode: Literal["all", "any"] = "all",
) -> _Handle:
    """Call ``fn`` once in each backward pass that computes gradients of ``tensors``.

    Args:
        tensors: which require grad.
        fn: with mode "all", called with all their gradients when the last has been computed, None for tensors that the
            pass does not reach; with mode "any", called with the first.
        mode: "all" or "any".

    Returns:
        A handle: ``remove()`` takes the hook away, and so does the end of a ``with`` block over it.

    Raises:
        ValueError: for another mode.
        RuntimeError: if a tensor does not require grad.

    Example:
        >>> import tensorwright as tw
        >>> a, b = tw.ones(1, requires_grad=True), tw.ones(1, requires_grad=True)
        >>> handle = tw.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print([g.item() for g in grads]))
        >>> (2 * a + 3 * b).backward()
        [2.0, 3.0]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode must be 'all' or 'any', got {mode!r}")
    call: Callable[[Any], object] = fn
    if mode == "any":
        first = _FirstGradient(call)
        return _Handle([tensor.register_hook(first) for tensor in tensors])
    together = _AllGradients(tensors, call)
    return _Handle([tensor.register_hook(together.hook(i)) for i, tensor in enumerate(tensors)])
