"""Mixed precision: ops that are safe and fast in 16 bits run in 16 bits, the others in float32."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tensorwright import _C
from tensorwright._grad_mode import LayerMask

if TYPE_CHECKING:
    from tensorwright._C import DtypeLike, Tensor, dtype

__all__ = ["GradScaler", "autocast", "get_autocast_dtype", "is_autocast_available", "is_autocast_enabled"]

_BIT = 1 << _C.AUTOCAST_LAYER


_ABSENT = ("cuda", "hpu", "ipu", "maia", "mps", "mtia", "xla", "xpu")  # what programs ask for that may run elsewhere


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` knows a kind of device."""
    return device_type in ("cpu", "meta")


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether ops run under ``autocast`` on this thread now."""
    included, excluded = _C.get_layer_masks()
    return bool(included & ~excluded & _BIT)


def get_autocast_dtype(device_type: str = "cpu") -> dtype:
    """The lower precision of ``autocast`` on this thread."""
    return _C.get_autocast_dtype()


def _warn_of_absent(sentence: str) -> None:
    import warnings

    warnings.warn(sentence, UserWarning, stacklevel=3)


class autocast(LayerMask):  # noqa: N801 (PyTorch's name)
    """Ops inside choose their precision: ``with tw.autocast("cpu", dtype=tw.bfloat16):`` or as a decorator.

    Products of matrices, linear maps, convolutions and attention take float32 arguments in ``dtype``. Losses, norms of
    matrices, decompositions, Fourier transforms and other ops that lose too much take theirs in float32. ``cat`` and
    ``stack`` take the widest of their arguments'. All others run in the dtypes they are given. float64 and integers are
    left alone, and so are calls in place and with ``out=``. Casts are differentiated: gradients arrive in the dtype of
    the parameters.

    Args:
        device_type: "cpu". For "cuda" and other devices that tensorwright has not the block changes nothing, which a
            warning says unless `enabled` is False.
        dtype: bfloat16 (the default) or float16.
        enabled: False switches an outer autocast off.
        cache_enabled: accepted; casts are not kept from one op to the next.

    Raises:
        ValueError: for another device or dtype.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autocast("cpu"):
        ...     (tw.ones(2, 3) @ tw.ones(3, 2)).dtype
        tensorwright.bfloat16
    """

    def __init__(
        self, device_type: str, dtype: DtypeLike | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self._given = (device_type, dtype, enabled, cache_enabled)
        self._outer: list[Any] = []
        self._dtype: DtypeLike | None = None if device_type in _ABSENT else _C.bfloat16 if dtype is None else dtype
        if self._dtype is None:
            super().__init__()
            if enabled:
                _warn_of_absent(
                    f"autocast: there is no device {device_type!r}, so ops run in the dtypes they are given"
                )
            return
        if not is_autocast_available(device_type):
            raise ValueError(f"autocast: device_type must be 'cpu', got {device_type!r}")
        if self._dtype not in (_C.bfloat16, _C.float16):
            raise ValueError(f"autocast: dtype must be bfloat16 or float16, got {dtype}")
        if enabled:
            super().__init__(include=_BIT)
        else:
            super().__init__(exclude=_BIT)

    def _renewed(self) -> autocast:
        return self if self._dtype is None else autocast(*self._given)

    def __enter__(self) -> autocast:
        self._outer.append(_C.get_autocast_dtype())
        if self._dtype is not None:
            _C.set_autocast_dtype(self._dtype)
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        _C.set_autocast_dtype(self._outer.pop())


class GradScaler:
    """Scales a loss so that gradients in float16 do not vanish, and finds the scale by itself.

    Steps whose gradients are infinite or NaN are skipped and lower the scale; after ``growth_interval`` good steps in a
    row it grows. Needs tensorwright-autograd and an optimizer.

    Args:
        device: "cpu". For "cuda" and other devices that tensorwright has not it is not enabled, which a warning says.
        init_scale: the first scale.
        growth_factor: by which it grows.
        backoff_factor: by which it shrinks.
        growth_interval: good steps before it grows.
        enabled: False makes every method pass through.

    Example:
        >>> import tensorwright as tw
        >>> scaler = tw.amp.GradScaler("cpu", init_scale=4.0)
        >>> scaler.scale(tw.tensor(2.0)).item()
        8.0
    """

    def __init__(
        self,
        device: str = "cpu",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not growth_factor > 1.0 or not 0.0 < backoff_factor < 1.0:
            raise ValueError("GradScaler: growth_factor must be above 1, and backoff_factor between 0 and 1")
        if enabled and device in _ABSENT:
            _warn_of_absent(f"GradScaler: there is no device {device!r}, so it is not enabled")
        self._enabled = enabled and device not in _ABSENT
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = float(growth_factor), float(backoff_factor)
        self._growth_interval, self._good_steps = int(growth_interval), 0
        self._found_inf: dict[int, bool] = {}  # of the optimizers unscaled since the last update
        self._stepped: set[int] = set()

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The current scale; 1 if it is not enabled."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A tensor, or the tensors of a list or tuple, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, _C.Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(item) for item in outputs)
        raise TypeError(f"GradScaler.scale: expected tensors, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, to clip them before ``step``.

        Raises:
            RuntimeError: if that was done since the last ``update``.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found_inf:
            raise RuntimeError("GradScaler.unscale_: the optimizer's gradients are unscaled already; call update()")
        self._found_inf[id(optimizer)] = self._unscale(self._gradients(optimizer))

    @staticmethod
    def _gradients(optimizer: Any) -> list[Tensor]:
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def _unscale(self, gradients: Iterable[Tensor]) -> bool:
        found = False
        isfinite, mul_ = _C.op_functions["isfinite"], _C.op_functions["mul_"]
        with LayerMask(exclude=1 << _C.AUTOGRAD_LAYER):
            for gradient in gradients:
                mul_(gradient, 1.0 / self._scale)
                found = found or not bool(isfinite(gradient).all())
        return found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)``, unless a gradient is infinite or NaN; unscales them first if nobody has.

        Raises:
            RuntimeError: if the optimizer was stepped since the last ``update``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) in self._stepped:
            raise RuntimeError("GradScaler.step: the optimizer was stepped already; call update()")
        if id(optimizer) not in self._found_inf:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._found_inf[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adjust the scale by what the steps since the last ``update`` found; or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found_inf:
            raise RuntimeError("GradScaler.update: no optimizer was stepped or unscaled since the last update")
        elif any(self._found_inf.values()):
            self._scale *= self._backoff_factor
            self._good_steps = 0
        else:
            self._good_steps += 1
            if self._good_steps == self._growth_interval:
                self._scale *= self._growth_factor
                self._good_steps = 0
        self._found_inf.clear()
        self._stepped.clear()

    def state_dict(self) -> dict[str, Any]:
        """What ``load_state_dict`` needs to go on; empty if it is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("GradScaler.load_state_dict: the state is empty: it is of a scaler that was not enabled")
        self._scale, self._good_steps = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth_factor = float(state_dict["growth_factor"])
        self._backoff_factor = float(state_dict["backoff_factor"])
        self._growth_interval = int(state_dict["growth_interval"])
