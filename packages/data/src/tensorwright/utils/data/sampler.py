"""Samplers, under the name that PyTorch has for their module."""

from tensorwright.data import BatchSampler as BatchSampler
from tensorwright.data import RandomSampler as RandomSampler
from tensorwright.data import Sampler as Sampler
from tensorwright.data import SequentialSampler as SequentialSampler
from tensorwright.data import SubsetRandomSampler as SubsetRandomSampler
from tensorwright.data import WeightedRandomSampler as WeightedRandomSampler
