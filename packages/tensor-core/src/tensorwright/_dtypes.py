"""Questions about dtypes and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorwright import _C
from tensorwright._arguments import check_tensor
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from tensorwright._C import DtypeLike, Number, dtype
    from typing_extensions import TypeIs


def is_tensor(obj: object) -> TypeIs[Tensor]:
    """Whether ``obj`` is a Tensor.

    Example:
        >>> import tensorwright as tw
        >>> tw.is_tensor([1, 2])
        False
    """
    return isinstance(obj, Tensor)


def is_storage(obj: object) -> bool:
    """Whether ``obj`` is what ``tensor.storage()`` or ``tensor.untyped_storage()`` gives."""
    from tensorwright._storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor has a real floating-point dtype."""
    check_tensor("is_floating_point", "input", input)
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether a tensor has a complex dtype."""
    check_tensor("is_complex", "input", input)
    return input.is_complex()


def numel(input: Tensor) -> int:
    """The number of elements of a tensor."""
    check_tensor("numel", "input", input)
    return input.numel()


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors; float32 unless changed."""
    return _C.get_default_dtype()


def set_default_dtype(d: DtypeLike) -> None:
    """Choose the dtype of new floating-point tensors.

    Raises:
        TypeError: if it is no floating-point dtype.

    Example:
        >>> import tensorwright as tw
        >>> tw.set_default_dtype(tw.float64)
        >>> tw.tensor(1.5).dtype
        tensorwright.float64
        >>> tw.set_default_dtype(tw.float32)
    """
    _C.set_default_dtype(d)


def promote_types(type1: DtypeLike, type2: DtypeLike) -> dtype:
    """The dtype that two tensors of these dtypes are brought to (the array API's promotion table).

    Example:
        >>> import tensorwright as tw
        >>> tw.promote_types(tw.uint8, tw.int8)
        tensorwright.int16
    """
    return _C.promote_types(type1, type2)


def result_type(*operands: Tensor | dtype | Number) -> dtype:
    """The dtype of an operation on tensors, dtypes and numbers; a number only adds its kind.

    Example:
        >>> import tensorwright as tw
        >>> tw.result_type(tw.tensor([1], dtype=tw.int8), 2.5)
        tensorwright.float32
    """
    return _C.result_type(*operands)


def can_cast(from_: Tensor | DtypeLike, to: DtypeLike) -> bool:
    """Whether results of one dtype may be stored in a tensor of another: never to a lesser kind.

    Example:
        >>> import tensorwright as tw
        >>> tw.can_cast(tw.float64, tw.float32), tw.can_cast(tw.float32, tw.int64)
        (True, False)
    """
    return _C.can_store(from_.dtype if isinstance(from_, Tensor) else from_, to)
