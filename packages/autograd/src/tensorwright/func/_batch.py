"""vmap: a function of one example, run on a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tensorwright import Tensor, cat
from tensorwright._tree import broadcast_prefix, flatten
from tensorwright.autograd._levels import add_batch, batch_dim_of, batch_level, level_of, remove_batch

Dims = Any  # int, None, or a tree of them


def vmap(
    func: Callable[..., Any],
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that runs ``func`` on every entry of a batch at once.

    Inside, tensors lack the batch dimension; a rule of each op carries it along. An op without a rule runs entry by
    entry, and says so once in a warning.

    Args:
        func: takes and gives trees of tensors of one entry.
        in_dims: which dimension of each argument is the batch; None where the argument is the same for all. One number
            for all arguments, or a tuple with an entry (a number or a tree) for each.
        out_dims: where the results have the batch; None for a result that does not depend on it.
        randomness: what random ops do: "error" refuses them, "different" draws for each entry, "same" once for all.
        chunk_size: how many entries are computed at once; None for all.

    Returns:
        A function of batched arguments. Keyword arguments are batched along dimension 0.

    Raises:
        ValueError: when called, if the batch sizes differ, or ``in_dims`` does not fit the arguments.
        IndexError: if a dimension is out of range.

    Example:
        >>> import tensorwright as tw
        >>> tw.func.vmap(tw.dot)(tw.ones(3, 2), tw.ones(3, 2)).tolist()
        [2.0, 2.0, 2.0]
        >>> tw.func.vmap(lambda x, y: x + y, in_dims=(0, None))(tw.arange(3), tw.tensor(10)).tolist()
        [10, 11, 12]
    """
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size must be at least 1, got {chunk_size}")

    @wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        dims = broadcast_prefix((_positional(in_dims, len(args)), 0 if kwargs else {}), structure, "vmap: in_dims")
        dims = [_checked(dim, leaf, in_dims) for leaf, dim in zip(leaves, dims, strict=True)]
        size = _batch_size(leaves, dims)
        call = _Call(func, structure, out_dims, randomness)
        if chunk_size is None or size <= chunk_size:
            return call.run(leaves, dims, size)
        return call.run_in_chunks(leaves, dims, size, chunk_size)

    return batched


def _positional(in_dims: Dims, count: int) -> Any:
    if isinstance(in_dims, (tuple, list)) and len(in_dims) != count:
        raise ValueError(f"vmap: in_dims has {len(in_dims)} entries for {count} positional arguments")
    return in_dims


def _checked(dim: Any, leaf: Any, in_dims: Dims) -> Any:
    """Something that is no tensor has no batch; saying that it has is an error unless one number stood for all."""
    if dim is None or isinstance(leaf, Tensor):
        return dim
    if not isinstance(in_dims, int):
        raise ValueError(f"vmap: in_dims gives dimension {dim} for an argument of type {type(leaf).__name__}")
    return None


def _batch_size(leaves: list[Any], dims: list[Any]) -> int:
    sizes: dict[int, tuple[int, ...]] = {}
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise TypeError(f"vmap: in_dims must be ints or None, got {dim!r}")
        if not -leaf.ndim <= dim < leaf.ndim:
            raise IndexError(f"vmap: in_dims {dim} is out of range for a tensor of shape {tuple(leaf.shape)}")
        sizes.setdefault(leaf.shape[dim], tuple(leaf.shape))
    if not sizes:
        raise ValueError("vmap: no argument has a batch dimension; at least one entry of in_dims must be an int")
    if len(sizes) > 1:
        shapes = " and ".join(f"{size} (shape {shape})" for size, shape in sizes.items())
        raise ValueError(f"vmap: the batch sizes of the arguments differ: {shapes}")
    return next(iter(sizes))


class _Call:
    """One call of a batched function."""

    def __init__(self, func: Callable[..., Any], structure: Any, out_dims: Dims, randomness: str) -> None:
        self._func, self._structure = func, structure
        self._out_dims, self._randomness = out_dims, randomness

    def run(self, leaves: list[Any], dims: list[Any], size: int) -> Any:
        with batch_level(size, self._randomness) as level:
            inside = [leaf if dim is None else add_batch(leaf, dim, level)
                      for leaf, dim in zip(leaves, dims, strict=True)]  # fmt: skip
            args, kwargs = self._structure.build(inside)
            results, structure = flatten(self._func(*args, **kwargs))
            places = broadcast_prefix(self._out_dims, structure, "vmap: out_dims")
            return structure.build(_outside(item, place, level) for item, place in zip(results, places, strict=True))

    def run_in_chunks(self, leaves: list[Any], dims: list[Any], size: int, chunk: int) -> Any:
        parts = []
        for start in range(0, size, chunk):
            count = min(chunk, size - start)
            part = [leaf if dim is None else leaf.narrow(dim, start, count)
                    for leaf, dim in zip(leaves, dims, strict=True)]  # fmt: skip
            parts.append(flatten(self.run(part, dims, count)))
        structure = parts[0][1]
        places = broadcast_prefix(self._out_dims, structure, "vmap: out_dims")
        columns = zip(*(items for items, _ in parts), strict=True)
        return structure.build(
            pieces[0] if place is None else cat(list(pieces), place)
            for pieces, place in zip(columns, places, strict=True)
        )


def _outside(item: Any, place: Any, level: int) -> Any:
    if not isinstance(item, Tensor):
        if place is None:
            return item
        raise TypeError(f"vmap: the function must return tensors, it returned {type(item).__name__}")
    if place is not None:
        return remove_batch(item, place, level)
    if level_of(item) == level and batch_dim_of(item) >= 0:
        raise ValueError("vmap: out_dims is None for a result that differs over the batch")
    return item
