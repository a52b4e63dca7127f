"""Weights of convolutions with their channels last in memory."""

from __future__ import annotations

from typing import TypeVar

import tensorwright as tw

from .._conv import Conv2d, Conv3d, ConvolutionBase, ConvTranspose2d, ConvTranspose3d
from .._module import Module

ModuleT = TypeVar("ModuleT", bound=Module)


def _convert(module: ModuleT, kinds: tuple[type[ConvolutionBase], ...], memory_format: tw.memory_format) -> ModuleT:
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.data.contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: ModuleT, memory_format: tw.memory_format) -> ModuleT:
    """Store the weights of all ``Conv2d`` and ``ConvTranspose2d`` of a module in a memory format, in place.

    Example:
        >>> from tensorwright import nn
        >>> layer = convert_conv2d_weight_memory_format(nn.Conv2d(2, 3, 3), tw.channels_last)
        >>> layer.weight.is_contiguous(memory_format=tw.channels_last)
        True
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: ModuleT, memory_format: tw.memory_format) -> ModuleT:
    """Store the weights of all ``Conv3d`` and ``ConvTranspose3d`` of a module in a memory format, in place.

    Example:
        >>> from tensorwright import nn
        >>> layer = convert_conv3d_weight_memory_format(nn.Conv3d(2, 3, 3), tw.channels_last_3d)
        >>> layer.weight.is_contiguous(memory_format=tw.channels_last_3d)
        True
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
