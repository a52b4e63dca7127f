"""Patches of images, where PyTorch has them: ``tw.nn.modules.fold``."""

from tensorwright.nn import Fold as Fold
from tensorwright.nn import Unfold as Unfold
