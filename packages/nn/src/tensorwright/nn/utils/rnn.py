"""Sequences of different lengths as one tensor: padded, or packed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import tensorwright as tw
from tensorwright import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences, longest first, with all elements of a time side by side.

    Args:
        data: [sum of lengths, ...].
        batch_sizes: how many sequences reach each time, int64 on the CPU.
        sorted_indices: which sequences these were, in the order of the packing.
        unsorted_indices: the inverse of that.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with ``data`` converted as by ``Tensor.to``."""
        return type(self)(self.data.to(*args, **kwargs), self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cpu(self) -> PackedSequence:
        """The same on the CPU."""
        return self.to(device="cpu")

    def double(self) -> PackedSequence:
        """The same in float64."""
        return self.to(dtype=tw.float64)

    def float(self) -> PackedSequence:
        """The same in float32."""
        return self.to(dtype=tw.float32)

    def half(self) -> PackedSequence:
        """The same in float16."""
        return self.to(dtype=tw.float16)

    @property
    def is_cuda(self) -> bool:
        """Always False."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one."""
    if permutation is None:
        return None
    places = tw.arange(permutation.numel(), device=permutation.device)
    return tw.empty_like(places).scatter(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences [T, N, ...], or [N, T, ...] with ``batch_first``.

    Args:
        input: the sequences.
        lengths: of each sequence.
        batch_first: whether N comes before T.
        enforce_sorted: the sequences are sorted, longest first, and that is checked; otherwise they are sorted here.

    Raises:
        ValueError: a length below 1 or above T, or lengths that are not sorted.

    Example:
        >>> packed = pack_padded_sequence(tw.tensor([[1, 2, 3], [4, 5, 0]]), [3, 2], batch_first=True)
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 5, 3], [2, 2, 1])
    """
    sizes = [int(n) for n in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]
    rows = input if batch_first else input.transpose(0, 1)
    if len(sizes) != rows.shape[0] or not sizes:
        raise ValueError(f"pack_padded_sequence: expected {rows.shape[0]} lengths, got {len(sizes)}")
    if min(sizes) < 1 or max(sizes) > rows.shape[1]:
        raise ValueError(f"pack_padded_sequence: lengths must be between 1 and {rows.shape[1]}, got {sizes}")
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    indices = None
    if enforce_sorted:
        if any(a < b for a, b in pairwise(sizes)):
            raise ValueError(f"pack_padded_sequence: lengths must not rise (or pass enforce_sorted=False), got {sizes}")
    else:
        indices = tw.tensor(order, dtype=tw.int64, device=input.device)
        rows, sizes = rows.index_select(0, indices), [sizes[i] for i in order]
    batch_sizes = [sum(1 for size in sizes if size > t) for t in range(sizes[0])]
    data = tw.cat([rows[:count, t] for t, count in enumerate(batch_sizes)])
    return PackedSequence(data, tw.tensor(batch_sizes, dtype=tw.int64), indices)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo ``pack_padded_sequence``: the padded sequences, and their lengths.

    Args:
        sequence: packed sequences.
        batch_first: give [N, T, ...] instead of [T, N, ...].
        padding_value: what is behind the sequences.
        total_length: T; the longest length by default.

    Raises:
        ValueError: ``total_length`` is too short.
    """
    batch_sizes = [int(n) for n in sequence.batch_sizes.tolist()]
    longest = len(batch_sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(f"pad_packed_sequence: total_length={total_length} is below the longest length {longest}")
    lengths = [sum(1 for size in batch_sizes if size > i) for i in range(batch_sizes[0])]
    samples, times = batch_sizes[0], longest if total_length is None else total_length
    steps = sequence.data.split(batch_sizes)
    filler = tw.full(
        (samples, *sequence.data.shape[1:]), padding_value, dtype=sequence.data.dtype, device=sequence.data.device
    )
    columns = [tw.cat([step, filler[step.shape[0] :]]) for step in steps] + [filler] * (times - longest)
    output, dim = tw.stack(columns, 1 if batch_first else 0), 0 if batch_first else 1
    sizes = tw.tensor(lengths, dtype=tw.int64)
    if sequence.unsorted_indices is not None:
        output = output.index_select(dim, sequence.unsorted_indices)
        sizes = sizes.index_select(0, sequence.unsorted_indices.cpu())
    return output, sizes


def pad_sequence(
    sequences: Sequence[Tensor] | Tensor,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences [*, ...] of different lengths, filled up to the longest.

    Example:
        >>> pad_sequence([tw.tensor([1, 2]), tw.tensor([3])], batch_first=True).tolist()
        [[1, 2], [3, 0]]
    """
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side must be 'left' or 'right', got {padding_side!r}")
    items = list(sequences)
    if not items:
        raise ValueError("pad_sequence: there are no sequences")
    longest = max(t.shape[0] for t in items)

    def padded(t: Tensor) -> Tensor:
        filler = tw.full((longest - t.shape[0], *t.shape[1:]), padding_value, dtype=t.dtype, device=t.device)
        return tw.cat([t, filler] if padding_side == "right" else [filler, t])

    return tw.stack([padded(t) for t in items], 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Undo ``pad_sequence``, given the lengths."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows.unbind(0), lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences [*, ...] of different lengths."""
    return pack_padded_sequence(pad_sequence(sequences), [t.shape[0] for t in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo ``pack_sequence``."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
