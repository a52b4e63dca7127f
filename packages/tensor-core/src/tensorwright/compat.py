"""Code written for PyTorch under its own import: ``as_torch``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import tensorwright

_NAME = "torch"
VERSION = "2.13.0"  # of PyTorch, whose names and arguments tensorwright has: what code asks before it uses them


class _Torch(ModuleType):
    """The module ``tensorwright`` under PyTorch's name and version; what is set on it stays here."""

    __version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        value = getattr(tensorwright, name)
        setattr(self, name, value)  # models ask for the same names in every call
        return value

    def __dir__(self) -> list[str]:
        return dir(tensorwright)


class _Finder:
    """Finds ``torch.<part>`` as ``tensorwright.<part>``, for as long as it stands on ``sys.meta_path``."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        root, _, _ = fullname.partition(".")
        return ModuleSpec(fullname, self, is_package=True) if root == _NAME else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return _Torch(_NAME) if spec.name == _NAME else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module itself in place of the empty one: it keeps its own name and is never executed twice."""
        name = module.__name__
        if name == _NAME:
            return
        ours = tensorwright.__name__ + name.removeprefix(_NAME)
        try:
            sys.modules[name] = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name != ours:
                raise
            raise ModuleNotFoundError(f"No module named {name!r}: there is no {ours}", name=name) from None


@contextmanager
def as_torch() -> Iterator[ModuleType]:
    """Let ``import torch`` give tensorwright, also in modules of others that are imported meanwhile.

    ``torch.__version__`` is that of the PyTorch whose names tensorwright has, for code that asks for a least one.

    ``import torch.nn.functional as F``, ``from torch.utils.data import DataLoader`` and the like work too. Modules keep
    what they imported, so a model whose module was imported here trains on tensorwright afterwards as well; an import
    statement inside a function counts when it runs. At the end no name of PyTorch is left in ``sys.modules`` but those
    that were there before: an installed PyTorch is hidden only inside. Contexts may nest; other threads' imports are
    affected, too.

    Yields:
        the module ``tensorwright``.

    Raises:
        ModuleNotFoundError: from an import inside, of a part of PyTorch that tensorwright has not.

    Example:
        >>> from tensorwright.compat import as_torch
        >>> with as_torch():
        ...     import torch
        ...     from torch.nn import functional as F
        >>> torch.Tensor is tensorwright.Tensor, F is tensorwright.nn.functional
        (True, True)
    """
    finder, hidden = _Finder(), _take_modules()
    sys.meta_path.insert(0, finder)
    try:
        yield tensorwright
    finally:
        sys.meta_path.remove(finder)
        _take_modules()
        sys.modules.update(hidden)


def _take_modules() -> dict[str, ModuleType]:
    """Remove everything of that name from ``sys.modules``."""
    names = [name for name in sys.modules if name == _NAME or name.startswith(f"{_NAME}.")]
    return {name: sys.modules.pop(name) for name in names}
