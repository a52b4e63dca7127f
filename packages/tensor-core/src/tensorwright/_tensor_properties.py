"""Small questions that a tensor answers about itself, and methods that only Python has a use for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorwright import _C
from tensorwright._arguments import check_tensor
from tensorwright._C import Tensor
from tensorwright._layout import strided

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tensorwright._storage import TypedStorage, UntypedStorage

# ---- what it is ----------------------------------------------------------------------------------------------


def is_nonzero(self: Tensor) -> bool:
    """Whether the one element is not zero.

    Raises:
        ValueError: unless there is exactly one element.

    Example:
        >>> import tensorwright as tw
        >>> tw.is_nonzero(tw.tensor([0.5]))
        True
    """
    return bool(self)


def is_signed(self: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    check_tensor("is_signed", "input", self)
    return self.dtype.is_signed


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    check_tensor("is_same_size", "input", self)
    check_tensor("is_same_size", "other", other)
    return self.shape == other.shape


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same view of the same memory."""
    check_tensor("is_set_to", "tensor", tensor)
    same_view = self.shape == tensor.shape and self.stride() == tensor.stride()
    return same_view and self.shares_storage(tensor) and self.storage_offset() == tensor.storage_offset()


def is_pinned(self: Tensor) -> bool:
    """False: host memory needs no pinning here."""
    return False


def ndimension(self: Tensor) -> int:
    """Number of dimensions."""
    return self.ndim


def get_device(self: Tensor) -> int:
    """The device's number; -1 for host memory.

    Example:
        >>> import tensorwright as tw
        >>> tw.get_device(tw.ones(1))
        -1
    """
    check_tensor("get_device", "input", self)
    index = self.device.index
    return -1 if index is None else index


def dim_order(self: Tensor, *, ambiguity_check: bool = False) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost in memory.

    Args:
        ambiguity_check: refuse tensors for which several orders are right.

    Raises:
        RuntimeError: if the order is ambiguous and that is not allowed.

    Example:
        >>> import tensorwright as tw
        >>> tw.zeros(2, 3).t().dim_order()
        (1, 0)
    """
    strides = self.stride()
    order = sorted(range(self.ndim), key=lambda d: (-strides[d], d))
    if ambiguity_check and (0 in self.shape or 1 in self.shape or len(set(strides)) < self.ndim):
        raise RuntimeError(f"dim_order: a tensor of shape {list(self.shape)} and strides {self.stride()} has several")
    return tuple(order)


def const_data_ptr(self: Tensor) -> int:
    """Address of the first element, to read from."""
    return self.data_ptr()


# ---- its memory ------------------------------------------------------------------------------------------------


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes that the tensor and its views lie in.

    Example:
        >>> import tensorwright as tw
        >>> tw.ones(3)[1:].untyped_storage().nbytes()
        12
    """
    from tensorwright._storage import UntypedStorage

    return UntypedStorage(self)


def storage(self: Tensor) -> TypedStorage:
    """The elements of the memory that the tensor and its views lie in.

    Example:
        >>> import tensorwright as tw
        >>> tw.arange(3)[1:].storage().tolist()
        [0, 1, 2]
    """
    from tensorwright._storage import TypedStorage

    return TypedStorage(self)


def storage_type(self: Tensor) -> type[TypedStorage]:
    """The type of what ``storage()`` gives."""
    from tensorwright._storage import TypedStorage

    return TypedStorage


def set_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Let the tensor lie in other memory; see ``tensorwright._storage.set_``."""
    from tensorwright._storage import set_

    return set_(self, *args, **kwargs)


def share_memory_(self: Tensor) -> Tensor:
    """Move the tensor into memory that processes forked from now on share."""
    from tensorwright._storage import share_memory_

    return share_memory_(self)


def is_shared(self: Tensor) -> bool:
    """Whether other processes see what is written to the tensor."""
    from tensorwright._storage import is_shared

    return is_shared(self)


def pin_memory(self: Tensor, device: object = None) -> Tensor:
    """The tensor itself: host memory needs no pinning here."""
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: str | None = None) -> Tensor:
    """Resize the tensor to the shape of another one; see ``resize_``.

    Example:
        >>> import tensorwright as tw
        >>> tw.arange(4).resize_as_(tw.zeros(2, 2)).tolist()
        [[0, 1], [2, 3]]
    """
    check_tensor("resize_as_", "the_template", the_template)
    resized: Tensor = _C.op_functions["resize_"](self, list(the_template.shape), memory_format=memory_format)
    return resized


def new(self: Tensor, *args: Any) -> Tensor:
    """A new tensor of this one's dtype and device: of sizes (its elements are not set), or with given data.

    Example:
        >>> import tensorwright as tw
        >>> tw.zeros(1).new(2, 3).shape, tw.zeros(1).new([1, 2]).tolist()
        ((2, 3), [1.0, 2.0])
    """
    check_tensor("new", "self", self)
    if len(args) == 1 and (isinstance(args[0], (list, tuple, Tensor)) and not isinstance(args[0], _C.Size)):
        return self.new_tensor(args[0])
    size = args[0] if len(args) == 1 and isinstance(args[0], _C.Size) else args
    return self.new_empty(list(size) or [0])


def to_dense(self: Tensor, dtype: Any = None) -> Tensor:
    """The tensor, which is dense, in another dtype if one is given."""
    return self if dtype is None else self.to(dtype)


# ---- elements through Python -------------------------------------------------------------------------------------


def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor's elements where the condition is true, else those of ``other``.

    Example:
        >>> import tensorwright as tw
        >>> tw.tensor([1, 2]).where(tw.tensor([True, False]), 0).tolist()
        [1, 0]
    """
    chosen: Tensor = _C.op_functions["where"](condition, self, other)
    return chosen


def _write(self: Tensor, values: list[Any]) -> Tensor:
    new_values = _C.tensor_from_data(values, None, "apply_") if values else self
    return self.copy_(new_values.to(self.dtype).reshape(self.shape))


def _flat(name: str, self: Tensor, *tensors: Tensor) -> list[list[Any]]:
    for tensor in tensors:
        check_tensor(name, "tensor", tensor)
    for tensor in (self, *tensors):
        if _C.requires_grad(tensor):
            raise TypeError(f"{name}(): a Python function has no derivative, and a tensor requires grad")
    return [t.expand(self.shape).reshape(-1).tolist() for t in (self, *tensors)]


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by ``callable(element)``, a Python call each; write an op where speed matters.

    Example:
        >>> import tensorwright as tw
        >>> tw.tensor([1, 2]).apply_(lambda x: x * 10).tolist()
        [10, 20]
    """
    return _write(self, [callable(x) for x in _flat("apply_", self)[0]])


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by ``callable(element, element of tensor)``; ``tensor`` broadcasts."""
    return _write(self, [callable(*pair) for pair in zip(*_flat("map_", self, tensor), strict=True)])


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by ``callable(element, element of x, element of y)``; ``x`` and ``y`` broadcast."""
    return _write(self, [callable(*three) for three in zip(*_flat("map2_", self, x, y), strict=True)])


# ---- functions of tw ---------------------------------------------------------------------------------------------


def detach_(input: Tensor) -> Tensor:
    """Take the tensor out of the graph that made it, in place."""
    check_tensor("detach_", "input", input)
    return input.detach_()


def broadcast_shapes(*shapes: int | Sequence[int]) -> _C.Size:
    """The shape that shapes broadcast to together.

    Raises:
        ShapeError: if they do not.
        ValueError: for negative sizes.

    Example:
        >>> import tensorwright as tw
        >>> tw.broadcast_shapes((2, 1), (3,))
        (2, 3)
    """
    result: list[int] = []
    for shape in shapes:
        sizes = [shape] if isinstance(shape, int) else list(shape)
        if any(size < 0 for size in sizes):
            raise ValueError(f"broadcast_shapes: sizes must not be negative, got {sizes}")
        result = [1] * (len(sizes) - len(result)) + result
        for i in range(1, len(sizes) + 1):
            if result[-i] != sizes[-i] and sizes[-i] != 1:
                if result[-i] != 1:
                    raise _C.ShapeError(f"broadcast_shapes: {sizes} does not broadcast with {result} (dimension -{i})")
                result[-i] = sizes[-i]
    return _C.Size(result)


_METHODS: tuple[Callable[..., Any], ...] = (
    is_nonzero, is_signed, is_same_size, is_set_to, is_pinned, ndimension, get_device, dim_order, const_data_ptr,
    untyped_storage, storage, storage_type, set_, share_memory_, is_shared, pin_memory, resize_as_, new, to_dense,
    where, apply_, map_, map2_,
)  # fmt: skip
# What no tensor here is.
_ABSENT = (
    "is_cuda", "is_ipu", "is_maia", "is_mkldnn", "is_mps", "is_mtia", "is_nested", "is_quantized", "is_sparse",
    "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu",
)  # fmt: skip


def install() -> None:
    """Put the methods and attributes on Tensor."""
    for method in _METHODS:
        method.__qualname__ = f"Tensor.{method.__name__}"
        _C.extend_tensor(method.__name__, method)
    for name in _ABSENT:
        _C.extend_tensor(name, False)
    _C.extend_tensor("layout", strided)
    _C.extend_tensor("name", None)
