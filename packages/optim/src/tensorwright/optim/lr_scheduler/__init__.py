"""Schedules of learning rates: ``scheduler.step()`` after each epoch or batch sets ``lr`` of the groups."""

from tensorwright.optim.lr_scheduler._base import LRScheduler as LRScheduler
from tensorwright.optim.lr_scheduler._combined import ChainedScheduler as ChainedScheduler
from tensorwright.optim.lr_scheduler._combined import SequentialLR as SequentialLR
from tensorwright.optim.lr_scheduler._cyclic import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from tensorwright.optim.lr_scheduler._cyclic import CyclicLR as CyclicLR
from tensorwright.optim.lr_scheduler._cyclic import OneCycleLR as OneCycleLR
from tensorwright.optim.lr_scheduler._decay import ConstantLR as ConstantLR
from tensorwright.optim.lr_scheduler._decay import CosineAnnealingLR as CosineAnnealingLR
from tensorwright.optim.lr_scheduler._decay import ExponentialLR as ExponentialLR
from tensorwright.optim.lr_scheduler._decay import LambdaLR as LambdaLR
from tensorwright.optim.lr_scheduler._decay import LinearLR as LinearLR
from tensorwright.optim.lr_scheduler._decay import MultiplicativeLR as MultiplicativeLR
from tensorwright.optim.lr_scheduler._decay import MultiStepLR as MultiStepLR
from tensorwright.optim.lr_scheduler._decay import PolynomialLR as PolynomialLR
from tensorwright.optim.lr_scheduler._decay import StepLR as StepLR
from tensorwright.optim.lr_scheduler._plateau import ReduceLROnPlateau as ReduceLROnPlateau

_LRScheduler = LRScheduler  # its older name
