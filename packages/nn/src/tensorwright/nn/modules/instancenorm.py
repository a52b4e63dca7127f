"""Normalisation of each instance, where PyTorch has them: ``tw.nn.modules.instancenorm``."""

from tensorwright.nn import InstanceNorm1d as InstanceNorm1d
from tensorwright.nn import InstanceNorm2d as InstanceNorm2d
from tensorwright.nn import InstanceNorm3d as InstanceNorm3d
from tensorwright.nn import LazyInstanceNorm1d as LazyInstanceNorm1d
from tensorwright.nn import LazyInstanceNorm2d as LazyInstanceNorm2d
from tensorwright.nn import LazyInstanceNorm3d as LazyInstanceNorm3d
from tensorwright.nn._batch_norm import InstanceNormBase as _InstanceNorm  # noqa: F401
