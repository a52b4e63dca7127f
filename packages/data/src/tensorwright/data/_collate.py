"""How samples become a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import tensorwright as tw

# The keys of the samples that are being collated, for messages; the loader sets it.
current_indices: ContextVar[Sequence[Any] | None] = ContextVar("current_indices", default=None)

# Gives memory for a batch of this shape and dtype, or None for ordinary memory; a worker process sets it.
batch_memory: Callable[[tuple[int, ...], tw.dtype], tw.Tensor | None] | None = None

_TEXT_AND_OBJECTS = "SUOV"  # kinds of NumPy's dtypes that no tensor has


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack the samples of a batch field by field.

    Tensors, arrays and numbers become a tensor with a new first dimension; strings and bytes stay a list; mappings,
    named tuples and sequences are entered, and come back as what they are (tuples as lists).

    What is raised names the field and the samples that do not fit.

    Args:
        batch: samples of the same structure.

    Raises:
        RuntimeError: tensors of different shapes, or sequences of different lengths.
        KeyError: a mapping lacks a key of the first one.
        TypeError: something no tensor can be made of, or fields of different kinds.

    Example:
        >>> import tensorwright as tw
        >>> default_collate([{"x": tw.tensor([1, 2]), "name": "a"}, {"x": tw.tensor([3, 4]), "name": "b"}])
        {'x': tensor([[1, 2],
                [3, 4]]), 'name': ['a', 'b']}
        >>> default_collate([(tw.ones(2), 0), (tw.ones(3), 1)])
        Traceback (most recent call last):
            ...
        RuntimeError: default_collate: field [0]: sample 0 has shape [2], sample 1 has shape [3]
    """
    if not len(batch):
        raise IndexError("default_collate: expected at least one sample, got an empty batch")
    return _collated(batch, "")


def _collated(batch: Sequence[Any], field: str) -> Any:
    first = batch[0]
    if isinstance(first, tw.Tensor):
        return _stacked(batch, field)
    if isinstance(first, (np.ndarray, np.generic)) and not isinstance(first, (str, bytes)):
        return _from_arrays(batch, field)
    if isinstance(first, (float, int)):
        return _from_numbers(batch, field)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _from_mappings(batch, first, field)
    if isinstance(first, Sequence):
        return _from_sequences(batch, first, field)
    raise TypeError(
        f"default_collate: {_place(field)}{_sample(0)} is {type(first).__name__}; "
        "expected tensors, arrays, numbers, strings, mappings or sequences"
    )


def _sample(position: int) -> str:
    """How a message names a sample: its place in the batch and, inside a loader, its key."""
    keys = current_indices.get()
    return f"sample {position}" + (f" (index {keys[position]!r})" if keys is not None and position < len(keys) else "")


def _place(field: str) -> str:
    return f"field {field}: " if field else ""


def _stacked(batch: Sequence[Any], field: str) -> tw.Tensor:
    first = batch[0]
    try:
        memory = batch_memory((len(batch), *first.shape), first.dtype) if batch_memory else None
        if memory is not None and all(t.shape == first.shape and t.dtype is first.dtype for t in batch):
            for row, tensor in zip(memory.unbind(0), batch, strict=True):
                row.copy_(tensor)
            return memory
        return tw.stack(list(batch))
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _mismatch(batch, field) or error from None


def gathered(tensor: tw.Tensor, index: tw.Tensor) -> tw.Tensor:
    """The entries of ``tensor`` at the indices: what stacking them gives."""
    memory = batch_memory((len(index), *tensor.shape[1:]), tensor.dtype) if batch_memory else None
    return tw.index_select(tensor, 0, index) if memory is None else tw.index_select(tensor, 0, index, out=memory)


def _mismatch(batch: Sequence[Any], field: str) -> Exception | None:
    """What is wrong with tensors that cannot be stacked."""
    first = batch[0]
    for position, tensor in enumerate(batch):
        if not isinstance(tensor, type(first)) and not isinstance(tensor, (tw.Tensor, np.ndarray)):
            return _kinds_differ(batch, position, field)
        if tensor.shape != first.shape:
            shapes = f"{_sample(0)} has shape {list(first.shape)}, {_sample(position)} has shape {list(tensor.shape)}"
            return RuntimeError(f"default_collate: {_place(field)}{shapes}")
    return None


def _kinds_differ(batch: Sequence[Any], position: int, field: str) -> TypeError:
    kinds = f"{_sample(0)} is {type(batch[0]).__name__}, {_sample(position)} is {type(batch[position]).__name__}"
    return TypeError(f"default_collate: {_place(field)}{kinds}")


def _from_arrays(batch: Sequence[Any], field: str) -> tw.Tensor:
    for position, array in enumerate(batch):
        if not isinstance(array, (np.ndarray, np.generic, tw.Tensor)):
            raise _kinds_differ(batch, position, field)
        if not isinstance(array, tw.Tensor) and array.dtype.kind in _TEXT_AND_OBJECTS:
            kind = f"{_sample(position)} is an array of dtype {array.dtype}, which no tensor has"
            raise TypeError(f"default_collate: {_place(field)}{kind}")
    if all(isinstance(array, np.generic) for array in batch):
        return tw.as_tensor(np.asarray(batch))
    return _stacked([tw.as_tensor(array) for array in batch], field)


def _from_numbers(batch: Sequence[Any], field: str) -> tw.Tensor:
    try:
        return tw.tensor(list(batch), dtype=tw.float64 if isinstance(batch[0], float) else None)
    except (TypeError, ValueError, OverflowError) as error:
        for position, number in enumerate(batch):
            if not isinstance(number, (int, float, np.generic)):
                raise _kinds_differ(batch, position, field) from None
        raise type(error)(f"default_collate: {_place(field)}{error}") from None


def _from_mappings(batch: Sequence[Any], first: Mapping[Any, Any], field: str) -> Any:
    columns = {}
    for key in first:
        try:
            column = [sample[key] for sample in batch]
        except (KeyError, TypeError, IndexError):
            raise _lacks(batch, key, field) from None
        columns[key] = _collated(column, f"{field}[{key!r}]")
    try:
        if isinstance(first, MutableMapping):  # a copy keeps what else a subclass holds
            made = copy.copy(first)
            made.update(columns)
            return made
        return type(first)(columns)  # type: ignore[call-arg]
    except TypeError:
        return columns


def _lacks(batch: Sequence[Any], key: Any, field: str) -> Exception:
    for position, sample in enumerate(batch):
        if not isinstance(sample, Mapping):
            return _kinds_differ(batch, position, field)
        if key not in sample:
            keys = f"{_sample(0)} has key {key!r}, {_sample(position)} has keys {list(sample)}"
            return KeyError(f"default_collate: {_place(field)}{keys}")
    return KeyError(key)


def _from_sequences(batch: Sequence[Any], first: Sequence[Any], field: str) -> Any:
    for position, sample in enumerate(batch):
        if not isinstance(sample, Sequence):
            raise _kinds_differ(batch, position, field)
        if len(sample) != len(first):
            lengths = f"{_sample(0)} has length {len(first)}, {_sample(position)} has length {len(sample)}"
            raise RuntimeError(f"default_collate: {_place(field)}{lengths}")
    names = getattr(first, "_fields", None) if isinstance(first, tuple) else None
    columns = [
        _collated(column, f"{field}.{names[place]}" if names else f"{field}[{place}]")
        for place, column in enumerate(zip(*batch, strict=True))
    ]
    return type(first)(*columns) if names else _like(first, columns)


def _like(first: Sequence[Any], columns: list[Any]) -> Any:
    """``columns`` as the kind of sequence that ``first`` is, if that can hold them; tuples become lists."""
    if isinstance(first, (tuple, range, memoryview)):
        return columns
    try:
        if isinstance(first, MutableSequence):
            made = copy.copy(first)
            for place, column in enumerate(columns):
                made[place] = column
            return made
        return type(first)(columns)  # type: ignore[call-arg]
    except TypeError:
        return columns


def default_convert(data: Any) -> Any:
    """Turn arrays into tensors, also inside mappings and sequences, and leave the rest as it is.

    Example:
        >>> import numpy as np
        >>> default_convert({"x": np.array([1, 2]), "name": "a"})
        {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, (tw.Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in _TEXT_AND_OBJECTS else tw.as_tensor(data)
    if isinstance(data, Mapping):
        return _converted_mapping(data)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(part) for part in data])
    if isinstance(data, Sequence):
        return _like(data, [default_convert(part) for part in data])
    return data


def _converted_mapping(data: Mapping[Any, Any]) -> Any:
    converted = {key: default_convert(value) for key, value in data.items()}
    try:
        if isinstance(data, MutableMapping):
            made = copy.copy(data)
            made.update(converted)
            return made
        return type(data)(converted)  # type: ignore[call-arg]
    except TypeError:
        return converted
