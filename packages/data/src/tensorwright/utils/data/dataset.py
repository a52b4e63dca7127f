"""Datasets, under the name that PyTorch has for their module."""

from tensorwright.data import ChainDataset as ChainDataset
from tensorwright.data import ConcatDataset as ConcatDataset
from tensorwright.data import Dataset as Dataset
from tensorwright.data import IterableDataset as IterableDataset
from tensorwright.data import StackDataset as StackDataset
from tensorwright.data import Subset as Subset
from tensorwright.data import TensorDataset as TensorDataset
from tensorwright.data import random_split as random_split
