"""The base of all modules, where PyTorch has them: ``tw.nn.modules.module``."""

from tensorwright.nn import Module as Module
