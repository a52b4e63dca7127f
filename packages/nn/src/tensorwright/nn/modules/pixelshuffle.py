"""Channels as pixels, where PyTorch has them: ``tw.nn.modules.pixelshuffle``."""

from tensorwright.nn import PixelShuffle as PixelShuffle
from tensorwright.nn import PixelUnshuffle as PixelUnshuffle
