"""Tensors that a module owns: ``tw.nn.parameter``."""

from tensorwright.nn._parameter import Buffer as Buffer
from tensorwright.nn._parameter import Parameter as Parameter
from tensorwright.nn._uninitialized import UninitializedBuffer as UninitializedBuffer
from tensorwright.nn._uninitialized import UninitializedParameter as UninitializedParameter
