"""Modules on several devices and in several processes, where PyTorch has them: there is one of each here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from tensorwright.nn._module import Module
from tensorwright.nn._parameter_containers import DataParallel as DataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Iterable[int] | None = None,
    output_device: int | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """What the module gives for ``inputs``, a tensor or a tuple of arguments.

    Raises:
        ValueError: if devices are named: there are none to choose from.

    Example:
        >>> import tensorwright as tw
        >>> tw.nn.parallel.data_parallel(tw.nn.ReLU(), tw.tensor([-1.0, 1.0])).tolist()
        [0.0, 1.0]
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    devices = None if device_ids is None else list(device_ids)
    return DataParallel(module, devices, output_device, dim)(*given, **(module_kwargs or {}))


class DistributedDataParallel(Module):
    """Refused: it needs a group of processes.

    Raises:
        RuntimeError: always.
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError("DistributedDataParallel: there are no groups of processes; train the module itself")
