"""Padding, where PyTorch has them: ``tw.nn.modules.padding``."""

from tensorwright.nn import CircularPad1d as CircularPad1d
from tensorwright.nn import CircularPad2d as CircularPad2d
from tensorwright.nn import CircularPad3d as CircularPad3d
from tensorwright.nn import ConstantPad1d as ConstantPad1d
from tensorwright.nn import ConstantPad2d as ConstantPad2d
from tensorwright.nn import ConstantPad3d as ConstantPad3d
from tensorwright.nn import ReflectionPad1d as ReflectionPad1d
from tensorwright.nn import ReflectionPad2d as ReflectionPad2d
from tensorwright.nn import ReflectionPad3d as ReflectionPad3d
from tensorwright.nn import ReplicationPad1d as ReplicationPad1d
from tensorwright.nn import ReplicationPad2d as ReplicationPad2d
from tensorwright.nn import ReplicationPad3d as ReplicationPad3d
from tensorwright.nn import ZeroPad1d as ZeroPad1d
from tensorwright.nn import ZeroPad2d as ZeroPad2d
from tensorwright.nn import ZeroPad3d as ZeroPad3d
