"""Batch normalisation, where PyTorch has them: ``tw.nn.modules.batchnorm``."""

from tensorwright.nn import BatchNorm1d as BatchNorm1d
from tensorwright.nn import BatchNorm2d as BatchNorm2d
from tensorwright.nn import BatchNorm3d as BatchNorm3d
from tensorwright.nn import LazyBatchNorm1d as LazyBatchNorm1d
from tensorwright.nn import LazyBatchNorm2d as LazyBatchNorm2d
from tensorwright.nn import LazyBatchNorm3d as LazyBatchNorm3d
from tensorwright.nn import SyncBatchNorm as SyncBatchNorm
from tensorwright.nn._batch_norm import BatchNormBase as _BatchNorm  # noqa: F401
from tensorwright.nn._batch_norm import NormBase as _NormBase  # noqa: F401
