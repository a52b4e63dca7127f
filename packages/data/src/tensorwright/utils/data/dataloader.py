"""The loader, under the name that PyTorch has for its module."""

from tensorwright.data import DataLoader as DataLoader
from tensorwright.data import default_collate as default_collate
from tensorwright.data import default_convert as default_convert
from tensorwright.data import get_worker_info as get_worker_info
