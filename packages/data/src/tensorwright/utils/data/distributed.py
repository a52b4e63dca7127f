"""The sampler of one of several processes, under the name that PyTorch has for its module."""

from tensorwright.data import DistributedSampler as DistributedSampler
