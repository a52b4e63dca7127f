"""Normalisation of layers, groups and neighbours, where PyTorch has them: ``tw.nn.modules.normalization``."""

from tensorwright.nn import CrossMapLRN2d as CrossMapLRN2d
from tensorwright.nn import GroupNorm as GroupNorm
from tensorwright.nn import LayerNorm as LayerNorm
from tensorwright.nn import LocalResponseNorm as LocalResponseNorm
from tensorwright.nn import RMSNorm as RMSNorm
