"""Optimizers: ``tw.optim``."""

from tensorwright.optim._adam import Adam as Adam
from tensorwright.optim._adam import AdamW as AdamW
from tensorwright.optim._optimizer import Optimizer as Optimizer
from tensorwright.optim._sgd import SGD as SGD
