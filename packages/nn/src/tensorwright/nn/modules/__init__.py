"""The modules of ``tw.nn`` where PyTorch has them: ``tw.nn.modules.conv.Conv2d`` is ``tw.nn.Conv2d``."""

from __future__ import annotations

from importlib import import_module

from tensorwright import nn

_FILES = (
    "activation",
    "adaptive",
    "batchnorm",
    "channelshuffle",
    "container",
    "conv",
    "distance",
    "dropout",
    "flatten",
    "fold",
    "instancenorm",
    "linear",
    "linear_cross_entropy_options",
    "loss",
    "module",
    "normalization",
    "padding",
    "pixelshuffle",
    "pooling",
    "rnn",
    "sparse",
    "transformer",
    "upsampling",
    "utils",
)
_ELSEWHERE = frozenset(
    {"attention", "functional", "init", "modules", "parallel", "parameter", "utils", "Buffer", "Parameter"}
)

__all__ = sorted(name for name in vars(nn)["__all__"] if name not in _ELSEWHERE)


def __getattr__(name: str) -> object:
    if name in _FILES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(nn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FILES})
