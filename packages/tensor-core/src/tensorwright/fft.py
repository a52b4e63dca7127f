"""Discrete Fourier transforms."""

from tensorwright import _C

globals().update(_C.module_functions["fft"])
