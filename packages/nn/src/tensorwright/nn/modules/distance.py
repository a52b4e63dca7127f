"""Distances of rows, where PyTorch has them: ``tw.nn.modules.distance``."""

from tensorwright.nn import CosineSimilarity as CosineSimilarity
from tensorwright.nn import PairwiseDistance as PairwiseDistance
