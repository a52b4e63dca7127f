"""Switching the recording of gradients off and on, as masks over the dispatch layer of autograd.

These work without tensorwright-autograd, which re-exports them, so that inference code runs with and without it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from tensorwright import _C

_AUTOGRAD = 1 << _C.AUTOGRAD_LAYER

F = TypeVar("F", bound=Callable[..., Any])


class LayerMask(_C.LayerMask):
    """Dispatch layers switched on or off inside a ``with`` block or a decorated function.

    Args:
        include: bits of layers that run although no argument asks for them.
        exclude: bits of layers that do not run.
        release: bits taken out of those that an outer block excludes.
    """

    def _renewed(self) -> _C.LayerMask:
        """A mask like this one for one call of a decorated function, which may call itself."""
        return self

    def __call__(self, function: F) -> F:
        from inspect import isgeneratorfunction  # costs more than the rest of `import tensorwright`

        if isgeneratorfunction(function):
            return self._decorate_generator(function)

        @functools.wraps(function)
        def masked(*args: Any, **kwargs: Any) -> Any:
            with self._renewed():
                return function(*args, **kwargs)

        masked.__tensorwright_mode__ = self  # type: ignore[attr-defined]  # scripts look through decorators
        return masked  # type: ignore[return-value]

    def _decorate_generator(self, function: F) -> F:
        """The mask holds while the generator runs, not while its caller does."""

        @functools.wraps(function)
        def masked(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            send: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    with self._renewed():
                        item = send()
                except StopIteration as stop:
                    return stop.value
                try:
                    send = functools.partial(generator.send, (yield item))
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    send = functools.partial(generator.throw, error)

        return masked  # type: ignore[return-value]


class _ForOneUse(LayerMask):
    """A mask that is also a decorator without parentheses: ``@tw.no_grad``."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        mask = super().__new__(cls)
        if function is None:
            return mask
        cls.__init__(mask)
        return mask(function)

    def _renewed(self) -> _C.LayerMask:
        renewed: _C.LayerMask = type(self)()
        return renewed


class no_grad(_ForOneUse):  # noqa: N801 (PyTorch's name)
    """Operations inside record no gradients: ``with tw.no_grad():`` or ``@tw.no_grad()``.

    Example:
        >>> import tensorwright as tw
        >>> with tw.no_grad():
        ...     tw.is_grad_enabled()
        False
    """

    def __init__(self) -> None:
        super().__init__(exclude=_AUTOGRAD)


class enable_grad(_ForOneUse):  # noqa: N801
    """Operations inside record gradients, also within ``no_grad``.

    Example:
        >>> import tensorwright as tw
        >>> with tw.no_grad(), tw.enable_grad():
        ...     tw.is_grad_enabled()
        True
    """

    def __init__(self) -> None:
        super().__init__(release=_AUTOGRAD)


class inference_mode(LayerMask):  # noqa: N801
    """``no_grad`` for code that never needs gradients; ``inference_mode(False)`` does nothing.

    Example:
        >>> import tensorwright as tw
        >>> with tw.inference_mode():
        ...     tw.is_inference_mode_enabled()
        True
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        mask = super().__new__(cls)
        if isinstance(mode, bool):
            return mask
        cls.__init__(mask)
        return mask(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(exclude=_AUTOGRAD if mode else 0)
        self.mode = mode

    def _renewed(self) -> _C.LayerMask:
        return type(self)(self.mode)


class set_grad_enabled(LayerMask):  # noqa: N801
    """Recording on or off from here on; as a context manager, until the block ends.

    Example:
        >>> import tensorwright as tw
        >>> with tw.set_grad_enabled(False):
        ...     tw.is_grad_enabled()
        False
        >>> tw.is_grad_enabled()
        True
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before = _C.get_layer_masks()
        super().__init__(exclude=0 if mode else _AUTOGRAD, release=_AUTOGRAD if mode else 0)
        included, excluded = self._before
        _C.set_layer_masks(included, excluded & ~_AUTOGRAD if mode else excluded | _AUTOGRAD)

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        _C.set_layer_masks(*self._before)

    def __call__(self, function: F) -> F:
        _C.set_layer_masks(*self._before)  # as a decorator it applies to the function alone
        return super().__call__(function)

    def _renewed(self) -> _C.LayerMask:
        return type(self)(self.mode)


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded here and now."""
    return not _C.get_layer_masks()[1] & _AUTOGRAD


def is_inference_mode_enabled() -> bool:
    """Whether gradients are switched off here and now."""
    return not is_grad_enabled()
