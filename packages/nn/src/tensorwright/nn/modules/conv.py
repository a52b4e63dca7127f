"""Convolutions, where PyTorch has them: ``tw.nn.modules.conv``."""

from tensorwright.nn import Conv1d as Conv1d
from tensorwright.nn import Conv2d as Conv2d
from tensorwright.nn import Conv3d as Conv3d
from tensorwright.nn import ConvTranspose1d as ConvTranspose1d
from tensorwright.nn import ConvTranspose2d as ConvTranspose2d
from tensorwright.nn import ConvTranspose3d as ConvTranspose3d
from tensorwright.nn import LazyConv1d as LazyConv1d
from tensorwright.nn import LazyConv2d as LazyConv2d
from tensorwright.nn import LazyConv3d as LazyConv3d
from tensorwright.nn import LazyConvTranspose1d as LazyConvTranspose1d
from tensorwright.nn import LazyConvTranspose2d as LazyConvTranspose2d
from tensorwright.nn import LazyConvTranspose3d as LazyConvTranspose3d
from tensorwright.nn._conv import ConvolutionBase as _ConvNd  # noqa: F401
from tensorwright.nn._conv import TransposedConvolution as _ConvTransposeNd  # noqa: F401
