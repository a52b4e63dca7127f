"""Files written for PyTorch, executed with one library or the other; what they need beside it; what is watched."""

from __future__ import annotations

import contextlib
import io
import pydoc
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import tensorwright as tw
from tensorwright.compat import as_torch

Library = Any
FOLDER = Path()  # of the checkouts


class Weights(dict[str, np.ndarray]):
    """The first weights of PyTorch's model, by name; empty until it is made."""


def same_weights(model: Any, weights: Weights, lib: Library) -> None:
    """Take the weights, or give a model the taken ones."""
    if not weights:
        weights.update({name: value.detach().numpy().copy() for name, value in model.state_dict().items()})
        return
    model.load_state_dict({name: lib.from_numpy(value.copy()) for name, value in weights.items()})


def without_dropout(model: Any) -> Any:
    """Nothing is dropped any more, also in training."""
    for module in model.modules():
        for name in ("p", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model


def execute(
    file: str,
    lib: Library,
    arguments: Sequence[str] = (),
    ends_with: type[Exception] | None = None,
    name: str = "executed",
) -> Any:
    """The module of a file, in which `import torch` gave `lib`; its own neighbours are imported from its folder.

    `ends_with` is an exception that its execution ends with.
    """
    path = FOLDER / file
    module = types.ModuleType(name)
    module.__file__ = str(path)
    main, before = sys.modules["__main__"], set(sys.modules)
    context = as_torch() if lib is tw else contextlib.nullcontext()
    with context, stand_ins(lib), program_arguments(path, arguments), contextlib.redirect_stdout(io.StringIO()):
        sys.modules[module.__name__] = module  # dataclasses look there
        try:
            exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
        except Exception as error:
            if ends_with is None or not isinstance(error, ends_with):
                raise
        finally:
            sys.modules["__main__"] = main
    for name in set(sys.modules) - before:
        if str(path.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    module.print = lambda *_, **__: None  # type: ignore[attr-defined]
    return module


@contextlib.contextmanager
def program_arguments(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """As if the file were started from its folder."""
    argv, sys.argv = sys.argv, [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.argv = argv
        sys.path.remove(str(path.parent))


# --- what is watched -------------------------------------------------------------------------------------------------


def recording(function: Callable[..., Any], losses: list[float]) -> Callable[..., Any]:
    """The function; what it gives is noted."""

    def call(*args: Any, **kwargs: Any) -> Any:
        loss = function(*args, **kwargs)
        losses.append(loss.item())
        return loss

    return call


def recorded(module: Any, *watched: str, **replaced: Any) -> tuple[Any, list[float]]:
    """A view of a module with the losses that its `watched` functions give, and with some names replaced."""
    losses: list[float] = []
    view = types.SimpleNamespace()
    view.__dict__.update({name: recording(getattr(module, name), losses) for name in watched}, **replaced)

    class View:
        def __getattr__(self, name: str) -> Any:
            return view.__dict__[name] if name in view.__dict__ else getattr(module, name)

    return View(), losses


# --- what programs need beside the library ---------------------------------------------------------------------------


def patterns(count: int, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] of ten classes: bars at a place of the class, and noise."""
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 10, count)
    images = generator.random((count, size, size)) * 0.3
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 2 : 2 * label + 6, 4:-4] += 0.7
    return images, labels


@contextlib.contextmanager
def stand_ins(lib: Library) -> Iterator[None]:
    """torchvision and matplotlib, for as long as a file is executed; and torch.onnx where the library has none."""
    names = {name: MagicMock(name=name) for name in ("matplotlib", "matplotlib.pyplot")} | torchvision(lib)
    if lib is tw and not hasattr(tw, "onnx"):
        names["torch.onnx"] = MagicMock(name="torch.onnx")
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def torchvision(lib: Library) -> dict[str, Any]:
    """What the examples use of it."""

    def mnist(root: str, train: bool, download: bool = False, transform: Any = None) -> list[Any]:
        images, labels = patterns(256 if train else 64)
        return [(transform(image), int(label)) for image, label in zip(images, labels, strict=True)]

    def compose(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def apply(value: Any) -> Any:
            for function in functions:
                value = function(value)
            return value

        return apply

    transforms = types.SimpleNamespace(
        Compose=compose,
        ToTensor=lambda: lambda image: lib.from_numpy(image[None]),
        Normalize=lambda mean, std: lambda image: (image - mean[0]) / std[0],
    )
    utils = types.SimpleNamespace(save_image=lambda *_, **__: None)
    datasets = types.SimpleNamespace(MNIST=mnist)
    package = types.SimpleNamespace(datasets=datasets, transforms=transforms, utils=utils, __path__=[])
    return {"torchvision": package, "torchvision.utils": utils}


@contextlib.contextmanager
def corpus(words: int) -> Iterator[Path]:
    """A folder with the texts of a language model: what the standard library says about itself."""
    text = " ".join(pydoc.getdoc(__import__(name)) for name in ("argparse", "ast", "functools", "random", "typing"))
    found = text.split()
    needed = [found[k % len(found)] for k in range(words - 1)]
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("train", needed), ("valid", needed[:300]), ("test", needed[:300])):
            (Path(folder) / f"{name}.txt").write_text(" ".join(part) + "\n")
        yield Path(folder)
