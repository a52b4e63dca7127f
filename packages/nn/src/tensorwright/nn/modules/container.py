"""Modules and parameters in lists and dictionaries, where PyTorch has them: ``tw.nn.modules.container``."""

from tensorwright.nn import Container as Container
from tensorwright.nn import ModuleDict as ModuleDict
from tensorwright.nn import ModuleList as ModuleList
from tensorwright.nn import ParameterDict as ParameterDict
from tensorwright.nn import ParameterList as ParameterList
from tensorwright.nn import Sequential as Sequential
