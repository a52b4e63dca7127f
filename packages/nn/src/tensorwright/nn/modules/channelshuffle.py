"""Shuffled channels, where PyTorch has them: ``tw.nn.modules.channelshuffle``."""

from tensorwright.nn import ChannelShuffle as ChannelShuffle
