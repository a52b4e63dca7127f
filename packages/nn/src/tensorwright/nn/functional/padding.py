"""Borders around a tensor, and channels exchanged for pixels."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """A copy with a border.

    Args:
        input: any tensor; for modes other than ``constant``, one with one or two dimensions more than are padded.
        pad: (before, after) of the last dimension, then of the one before it, and so on; negative numbers cut off.
        mode: ``constant`` fills with ``value`` (0 if absent), ``reflect`` mirrors at the edge without repeating it,
            ``replicate`` repeats the edge, ``circular`` continues at the other end.
        value: of a constant border.

    Example:
        >>> import tensorwright as tw
        >>> pad(tw.tensor([[1, 2, 3]]), (1, 2), "reflect").tolist()
        [[2, 1, 2, 3, 2, 1]]
    """
    return ops.pad(input, pad, mode, value)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels (dimension 1) of ``groups`` groups interleaved."""
    return ops.channel_shuffle(input, groups)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[..., C * r * r, H, W] as an image r times as large, [..., C, H * r, W * r]."""
    return ops.pixel_shuffle(input, upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[..., C, H * r, W * r] as an image r times as small, [..., C * r * r, H, W]."""
    return ops.pixel_unshuffle(input, downscale_factor)
