"""Optimizers: ``tw.optim``; their schedules: ``tw.optim.lr_scheduler``; averages: ``tw.optim.swa_utils``."""

from tensorwright.optim import lr_scheduler as lr_scheduler
from tensorwright.optim import swa_utils as swa_utils
from tensorwright.optim._adam import Adam as Adam
from tensorwright.optim._adam import AdamW as AdamW
from tensorwright.optim._adam_family import Adamax as Adamax
from tensorwright.optim._adam_family import NAdam as NAdam
from tensorwright.optim._adam_family import RAdam as RAdam
from tensorwright.optim._adaptive import Adadelta as Adadelta
from tensorwright.optim._adaptive import Adagrad as Adagrad
from tensorwright.optim._adaptive import RMSprop as RMSprop
from tensorwright.optim._averaged import ASGD as ASGD
from tensorwright.optim._averaged import Rprop as Rprop
from tensorwright.optim._lbfgs import LBFGS as LBFGS
from tensorwright.optim._matrix import Adafactor as Adafactor
from tensorwright.optim._matrix import Muon as Muon
from tensorwright.optim._optimizer import Optimizer as Optimizer
from tensorwright.optim._sgd import SGD as SGD
