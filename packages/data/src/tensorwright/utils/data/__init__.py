"""``tw.data`` under the name that PyTorch has for it."""

from tensorwright.data import BatchSampler as BatchSampler
from tensorwright.data import ChainDataset as ChainDataset
from tensorwright.data import ConcatDataset as ConcatDataset
from tensorwright.data import DataLoader as DataLoader
from tensorwright.data import Dataset as Dataset
from tensorwright.data import DistributedSampler as DistributedSampler
from tensorwright.data import IterableDataset as IterableDataset
from tensorwright.data import RandomSampler as RandomSampler
from tensorwright.data import Sampler as Sampler
from tensorwright.data import SequentialSampler as SequentialSampler
from tensorwright.data import StackDataset as StackDataset
from tensorwright.data import Subset as Subset
from tensorwright.data import SubsetRandomSampler as SubsetRandomSampler
from tensorwright.data import TensorDataset as TensorDataset
from tensorwright.data import WeightedRandomSampler as WeightedRandomSampler
from tensorwright.data import default_collate as default_collate
from tensorwright.data import default_convert as default_convert
from tensorwright.data import get_worker_info as get_worker_info
from tensorwright.data import random_split as random_split
from tensorwright.utils.data import dataloader as dataloader
from tensorwright.utils.data import dataset as dataset
from tensorwright.utils.data import distributed as distributed
from tensorwright.utils.data import sampler as sampler
