"""A tree of modules for where tensorwright.nn is not installed: what GraphModule needs of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorwright import Tensor


class Module:
    """Holds tensors and modules as attributes, and runs ``forward`` when called."""

    def __init__(self) -> None:
        self.training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward``."""
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module gives; each subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The modules that are attributes of this one, by name."""
        for name, value in vars(self).items():
            if hasattr(value, "named_modules"):
                yield name, value

    def named_modules(self, memo: set[int] | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """This module and all below it, by path."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """There are none: tensors of a plain module are not trained."""
        return iter(())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors in the tree, by path."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):
                    yield (f"{path}.{name}" if path else name), value

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor."""
        setattr(self, name, tensor)

    def add_module(self, name: str, module: Any) -> None:
        """Add a module."""
        setattr(self, name, module)
