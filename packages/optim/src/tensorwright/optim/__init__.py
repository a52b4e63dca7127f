"""Optimizers: ``tw.optim``; their schedules: ``tw.optim.lr_scheduler``; averages: ``tw.optim.swa_utils``."""

from tensorwright.extend import lazy_exports

# swa_utils needs tensorwright-nn, which the optimizers do not: another reason to load each at its first use.
__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
