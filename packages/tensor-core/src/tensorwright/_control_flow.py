"""Branches and loops whose conditions are tensors: what runs is chosen when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorwright._C import Tensor


def cond(
    pred: bool | int | float | Tensor,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    operands: Sequence[Any] = (),
) -> Any:
    """``true_fn(*operands)`` where ``pred`` is true, ``false_fn(*operands)`` where it is not.

    Only the function that is chosen runs, and gradients flow through it alone.

    Args:
        pred: a number, or a tensor of one element.
        true_fn: called if ``pred`` is true.
        false_fn: called if not.
        operands: their arguments.

    Raises:
        ValueError: if ``pred`` is a tensor of several elements, or of none.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([3.0, -4.0])
        >>> tw.cond(x.sum() > 0, lambda x: x, lambda x: -x, (x,)).tolist()
        [-3.0, 4.0]
    """
    return (true_fn if _holds("cond", "pred", pred) else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., bool | Tensor], body_fn: Callable[..., Sequence[Any]], carried_inputs: Sequence[Any]
) -> tuple[Any, ...]:
    """Repeats ``carried = body_fn(*carried)`` while ``cond_fn(*carried)`` is true.

    Args:
        cond_fn: gives a truth value, or a tensor of one element.
        body_fn: gives as many values as it takes; tensors keep their shapes and dtypes.
        carried_inputs: the values before the first step.

    Returns:
        The values after the last step; ``carried_inputs`` if there was none.

    Raises:
        ValueError: if a step gives another number of values, or a tensor of another shape or dtype.

    Example:
        >>> import tensorwright as tw
        >>> steps, x = tw.while_loop(
        ...     lambda steps, x: x.sum() < 100, lambda steps, x: (steps + 1, x * 2), (tw.tensor(0), tw.ones(3))
        ... )
        >>> steps.item(), x.tolist()
        (6, [64.0, 64.0, 64.0])
    """
    carried = tuple(carried_inputs)
    while _holds("while_loop", "cond_fn's result", cond_fn(*carried)):
        given = body_fn(*carried)
        _check_carried(carried, given)
        carried = tuple(given)
    return carried


def _holds(function: str, what: str, value: Any) -> bool:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"{function}: {what} must have one element, got a tensor of shape {list(value.shape)}")
    return bool(value)


def _check_carried(before: tuple[Any, ...], after: Any) -> None:
    if not isinstance(after, (tuple, list)) or len(after) != len(before):
        got = f"{len(after)}" if isinstance(after, (tuple, list)) else type(after).__name__
        raise ValueError(f"while_loop: body_fn must give a tuple of {len(before)} values, got {got}")
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if isinstance(old, Tensor) and (
            not isinstance(new, Tensor) or new.shape != old.shape or new.dtype is not old.dtype
        ):
            raise ValueError(
                f"while_loop: value {place} must stay a tensor of shape {list(old.shape)} and dtype {old.dtype.name}, "
                f"got {_kind(new)}"
            )


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"shape {list(value.shape)} and dtype {value.dtype.name}"
    return type(value).__name__
