"""Automatic differentiation: gradients by reverse mode, functions with gradients of one's own, and checks of both.

Loading this part gives tensors ``requires_grad``, ``grad``, ``backward()`` and the rest; using one of these loads it.

Example:
    >>> import tensorwright as tw
    >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.tolist()
    [2.0, 4.0]
"""

from typing import TYPE_CHECKING

from tensorwright import enable_grad as enable_grad
from tensorwright import inference_mode as inference_mode
from tensorwright import is_grad_enabled as is_grad_enabled
from tensorwright import no_grad as no_grad
from tensorwright import set_grad_enabled as set_grad_enabled
from tensorwright.autograd import _tensor
from tensorwright.autograd import forward_ad as forward_ad
from tensorwright.autograd import functional as functional
from tensorwright.autograd import graph as graph
from tensorwright.autograd._anomaly import detect_anomaly as detect_anomaly
from tensorwright.autograd._anomaly import is_anomaly_enabled as is_anomaly_enabled
from tensorwright.autograd._anomaly import set_detect_anomaly as set_detect_anomaly
from tensorwright.autograd._engine import backward as backward
from tensorwright.autograd._engine import grad as grad
from tensorwright.autograd._engine import queue_callback as queue_callback
from tensorwright.autograd._function import Function as Function
from tensorwright.autograd._function import FunctionCtx as FunctionCtx
from tensorwright.autograd._function import once_differentiable as once_differentiable
from tensorwright.autograd._gradcheck import GradcheckError as GradcheckError
from tensorwright.autograd._gradcheck import gradcheck as gradcheck
from tensorwright.autograd._gradcheck import gradgradcheck as gradgradcheck
from tensorwright.autograd._threads import is_multithreading_enabled as is_multithreading_enabled
from tensorwright.autograd._threads import set_multithreading_enabled as set_multithreading_enabled
from tensorwright.autograd.graph import SavedTensor as SavedTensor

if TYPE_CHECKING:  # what loads on first use; type checkers follow these lines
    from tensorwright.autograd import anomaly_mode as anomaly_mode
    from tensorwright.autograd import function as function
    from tensorwright.autograd import grad_mode as grad_mode
    from tensorwright.autograd import profiler as profiler
    from tensorwright.autograd import variable as variable
    from tensorwright.autograd._visualize import Tape as Tape
    from tensorwright.autograd._visualize import visualize as visualize
    from tensorwright.autograd.variable import Variable as Variable

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "SavedTensor",
    "Tape",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_multithreading_enabled",
    "no_grad",
    "once_differentiable",
    "profiler",
    "queue_callback",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
    "visualize",
]

_tensor.extend_tensor()

_LAZY = {"Tape": "_visualize", "Variable": "variable", "visualize": "_visualize"}
_LAZY_MODULES = ("anomaly_mode", "function", "grad_mode", "profiler", "variable")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _LAZY_MODULES:
            return import_module(f"tensorwright.autograd.{name}")
        if name in _LAZY:
            return getattr(import_module(f"tensorwright.autograd.{_LAZY[name]}"), name)
        raise AttributeError(f"module 'tensorwright.autograd' has no attribute {name!r}")
