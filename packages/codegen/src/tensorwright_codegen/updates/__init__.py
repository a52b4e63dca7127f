"""Update rules of optimizers: packages/optim/updates/*.yaml, compiled to one op and two kernels each."""

from .emit import updates_output as updates_output
from .model import Update as Update
from .reader import load_updates as load_updates
