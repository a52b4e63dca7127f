"""Joined and split dimensions, where PyTorch has them: ``tw.nn.modules.flatten``."""

from tensorwright.nn import Flatten as Flatten
from tensorwright.nn import Unflatten as Unflatten
