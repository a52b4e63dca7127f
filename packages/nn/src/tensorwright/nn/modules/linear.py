"""Affine maps, where PyTorch has them: ``tw.nn.modules.linear``."""

from tensorwright.nn import Bilinear as Bilinear
from tensorwright.nn import Identity as Identity
from tensorwright.nn import LazyLinear as LazyLinear
from tensorwright.nn import Linear as Linear

NonDynamicallyQuantizableLinear = Linear  # of attention's projection there: a Linear that quantization leaves alone
