"""Looking behind the transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright import Tensor
from tensorwright._tree import tree_map
from tensorwright.autograd._levels import level_of, lower


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor that a transformed function's tensor stands for; inside of vmap the whole batch. For debugging only.

    Args:
        tensor: inside of a transformed function.
        recurse: through all levels, or the innermost alone.

    Example:
        >>> import tensorwright as tw
        >>> seen = []
        >>> def f(x):
        ...     seen.append(tw.func.debug_unwrap(x).tolist())
        ...     return x * 2
        >>> _ = tw.func.vmap(f)(tw.tensor([1.0, 2.0]))
        >>> seen
        [[1.0, 2.0]]
    """
    found = tensor
    while level := level_of(found):
        found = lower(found, level)
        if not recurse:
            break
    return found


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """A function with the results of ``func`` that leaves its arguments as they are.

    The arguments are copied first, so writes of ``func`` reach the copies. Graphs without mutation are what ``tw.jit``
    makes of a captured function.

    Args:
        func: may write to its arguments.
        remove: ``"mutations"`` or ``"mutations_and_views"``; the results are the same.

    Raises:
        ValueError: if ``remove`` is neither.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.zeros(2)
        >>> tw.func.functionalize(lambda t: t.add_(1))(x).tolist(), x.tolist()
        ([1.0, 1.0], [0.0, 0.0])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise ValueError(f"functionalize: remove must be 'mutations' or 'mutations_and_views', got {remove!r}")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        copies = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, (args, kwargs))
        return func(*copies[0], **copies[1])

    return transformed
