"""Datasets, samplers, and the loader that makes batches of them: ``tw.data``."""

from tensorwright.data._collate import default_collate as default_collate
from tensorwright.data._collate import default_convert as default_convert
from tensorwright.data._datasets import ChainDataset as ChainDataset
from tensorwright.data._datasets import ConcatDataset as ConcatDataset
from tensorwright.data._datasets import Dataset as Dataset
from tensorwright.data._datasets import IterableDataset as IterableDataset
from tensorwright.data._datasets import StackDataset as StackDataset
from tensorwright.data._datasets import Subset as Subset
from tensorwright.data._datasets import TensorDataset as TensorDataset
from tensorwright.data._errors import LoaderTimeoutError as LoaderTimeoutError
from tensorwright.data._errors import WorkerDiedError as WorkerDiedError
from tensorwright.data._errors import WorkerError as WorkerError
from tensorwright.data._loader import DataLoader as DataLoader
from tensorwright.data._samplers import BatchSampler as BatchSampler
from tensorwright.data._samplers import DistributedSampler as DistributedSampler
from tensorwright.data._samplers import RandomSampler as RandomSampler
from tensorwright.data._samplers import Sampler as Sampler
from tensorwright.data._samplers import SequentialSampler as SequentialSampler
from tensorwright.data._samplers import SubsetRandomSampler as SubsetRandomSampler
from tensorwright.data._samplers import WeightedRandomSampler as WeightedRandomSampler
from tensorwright.data._split import random_split as random_split
from tensorwright.data._worker_info import WorkerInfo as WorkerInfo
from tensorwright.data._worker_info import get_worker_info as get_worker_info
