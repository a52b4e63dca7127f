"""Switching the recording of gradients off and on, under PyTorch's name of its module."""

from tensorwright import enable_grad as enable_grad
from tensorwright import inference_mode as inference_mode
from tensorwright import no_grad as no_grad
from tensorwright import set_grad_enabled as set_grad_enabled
from tensorwright.autograd._threads import set_multithreading_enabled as set_multithreading_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]
