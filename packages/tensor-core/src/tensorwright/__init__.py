"""Tensors, and the root under which the sibling distributions put autograd, nn, optim and the rest."""

from pkgutil import extend_path
from typing import TYPE_CHECKING

__path__ = extend_path(__path__, __name__)  # sibling distributions installed elsewhere on sys.path

from tensorwright import _siblings

_siblings.install_finder()

if TYPE_CHECKING:  # the parts load on first use; type checkers follow these lines
    from tensorwright import autograd as autograd
    from tensorwright import nn as nn
    from tensorwright import optim as optim


def __getattr__(name: str) -> object:
    return _siblings.load_part(name)  # `tw.nn` works without `import tensorwright.nn`


def __dir__() -> list[str]:
    return sorted({*globals(), *_siblings.DISTRIBUTIONS})
