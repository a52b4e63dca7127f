"""The distributions that add a part to ``tensorwright``, and what happens when one is not installed."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

DISTRIBUTIONS = {
    "autograd": "tensorwright-autograd",
    "compiler": "tensorwright-jit",
    "data": "tensorwright-data",
    "export": "tensorwright-jit",
    "func": "tensorwright-autograd",
    "fx": "tensorwright-jit",
    "jit": "tensorwright-jit",
    "nn": "tensorwright-nn",
    "optim": "tensorwright-optim",
}

# Modules that a part brings to a package of the core.
SUBMODULES = {"utils.checkpoint": "tensorwright-autograd", "utils.data": "tensorwright-data"}

# Attributes of Tensor that a part brings: the first use of one imports the part.
TENSOR_ATTRIBUTES = dict.fromkeys(
    (
        "backward", "detach_", "grad", "grad_fn", "is_leaf", "output_nr", "register_hook",
        "register_post_accumulate_grad_hook", "requires_grad", "requires_grad_", "retain_grad", "retains_grad",
    ),
    "autograd",
)  # fmt: skip


def _distribution_of(part: str) -> str:
    return SUBMODULES[part] if part in SUBMODULES else DISTRIBUTIONS[part]


class PartNotInstalledError(ModuleNotFoundError):
    """A part of tensorwright that another distribution brings was asked for, and is not installed.

    ``name`` is the distribution to install, not the module: ``from tensorwright import optim`` swallows an error whose
    name is the module's, and with it the sentence that says what to do.
    """

    def __init__(self, part: str) -> None:
        distribution = _distribution_of(part)
        super().__init__(f"tensorwright.{part} is not installed; pip install {distribution}", name=distribution)


class _MissingParts:
    """Last on ``sys.meta_path``: is asked only for what no other finder has found."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> None:
        root, _, part = fullname.partition(".")
        if root == "tensorwright" and (part in DISTRIBUTIONS or part in SUBMODULES):
            raise PartNotInstalledError(part)


def install_finder() -> None:
    """Let ``import tensorwright.<part>`` say which distribution to install."""
    if not any(finder is _MissingParts for finder in sys.meta_path):
        sys.meta_path.append(_MissingParts)


def load_part(name: str) -> ModuleType:
    """Import ``tensorwright.<name>``; an absent one is an ``AttributeError``, so that ``hasattr`` answers False."""
    if name not in DISTRIBUTIONS and name not in SUBMODULES:
        parent, _, child = f"tensorwright.{name}".rpartition(".")
        raise AttributeError(f"module {parent!r} has no attribute {child!r}")
    try:
        return import_module(f"tensorwright.{name}")
    except PartNotInstalledError as error:
        if error.name != _distribution_of(name):
            raise  # this part is there; one that it needs is not
        raise AttributeError(str(error)) from None


class SiblingAttribute:
    """Stands on the Tensor type for an attribute that a part brings, until the part is imported and replaces it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _load(self) -> None:
        part = TENSOR_ATTRIBUTES[self._name]
        try:
            import_module(f"tensorwright.{part}")
        except PartNotInstalledError as error:
            if error.name != DISTRIBUTIONS[part]:
                raise
            distribution = DISTRIBUTIONS[part]
            raise AttributeError(f"`{self._name}` needs {distribution} (pip install {distribution})") from None

    def _check(self, owner: type) -> None:
        if getattr(owner, self._name, self) is self:
            raise AttributeError(f"tensorwright.{TENSOR_ATTRIBUTES[self._name]} brings no `{self._name}`")

    def __get__(self, instance: object, owner: type) -> object:
        if instance is None:
            return self
        self._load()
        self._check(owner)
        return getattr(instance, self._name)

    def __set__(self, instance: object, value: object) -> None:
        self._load()
        self._check(type(instance))
        setattr(instance, self._name, value)

    def __delete__(self, instance: object) -> None:
        self._load()
        self._check(type(instance))
        delattr(instance, self._name)
