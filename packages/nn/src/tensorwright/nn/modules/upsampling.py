"""Larger images, where PyTorch has them: ``tw.nn.modules.upsampling``."""

from tensorwright.nn import Upsample as Upsample
from tensorwright.nn import UpsamplingBilinear2d as UpsamplingBilinear2d
from tensorwright.nn import UpsamplingNearest2d as UpsamplingNearest2d
