"""What an exception of an op knows of the call: the op, its tensors, and the axes that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tensorwright._C import Tensor

_SIZE = re.compile(r"\b(\w+)\.shape\[([^\]]+)\]=(\d+)")  # the message's `self.shape[-1]=3`
_BROADCAST = re.compile(r"\(dimension (-\d+) differs\)")


class FailedCall:
    """The call of an op that raised: the attribute ``failed_call`` of its exception.

    Attributes:
        op: the op's name.
        operands: the tensors it was given, by the names of its arguments; of a list, a tuple of tensors. A pickled
            exception leaves them behind.
        message: of the exception.

    Example:
        >>> import tensorwright as tw
        >>> try:
        ...     tw.ones(4, 3) @ tw.ones(2, 5)
        ... except ValueError as error:
        ...     call = error.failed_call
        >>> call.op, sorted(call.operands), call.axes("self"), call.axes("other")
        ('matmul', ['other', 'self'], [1], [0])
    """

    op: str
    operands: dict[str, Tensor | tuple[Tensor, ...]]
    message: str

    def __init__(self, op: str, operands: Mapping[str, Tensor | tuple[Tensor, ...]], message: str) -> None:
        self.op, self.operands, self.message = op, dict(operands), message

    def __reduce__(self) -> tuple[type[FailedCall], tuple[object, ...]]:
        return FailedCall, (self.op, {}, self.message)

    def axes(self, argument: str) -> list[int]:
        """Dimensions of an argument that the message blames, counted from 0; none if it blames none of them."""
        tensor = self.operands.get(argument)
        if not isinstance(tensor, Tensor) or not self.message.startswith(f"{self.op}:"):
            return []  # a list; or the refusal is that of an op inside this one, whose arguments are others
        return sorted(set(self._named_axes(argument, tensor)))

    def _named_axes(self, argument: str, tensor: Tensor) -> Iterator[int]:
        for name, index, size in _SIZE.findall(self.message):
            if name == argument:
                yield from _axes_meant(tensor, index, int(size))
        for index in _BROADCAST.findall(self.message):
            if -int(index) <= tensor.ndim and tensor.shape[int(index)] != 1:
                yield tensor.ndim + int(index)


def _axes_meant(tensor: Tensor, index: str, size: int) -> list[int]:
    """The axis `index` of a message; one that it computes (`-len(stride) - 1`) is known by its size, if only one is."""
    try:
        axis = int(index)
    except ValueError:
        alike = [i for i, other in enumerate(tensor.shape) if other == size]
        return alike if len(alike) == 1 else []
    inside = -tensor.ndim <= axis < tensor.ndim and tensor.shape[axis] == size
    return [axis % tensor.ndim] if inside else []
