"""The whole state of a training run: what it learns, what drives it, and where it stands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tensorwright import _C
from tensorwright._C import Tensor
from tensorwright._random import Generator, default_generator

from ._store import Checkpoint, Checkpoints

VERSION = 1


class RunState:
    """All that a training run needs to go on bit for bit as if it had not stopped.

    The parts are anything with ``state_dict`` and ``load_state_dict``: model, optimizer, schedules, gradient scaler,
    averaged weights, data loader; and generators: ``tw.Generator``, ``random.Random``, ``numpy.random.Generator``.
    The global generators of tensorwright, ``random`` and (if it is in use) NumPy belong to the state as well.

    Args:
        gradients: keep the gradients of the optimizers' parameters too, for runs that save while they accumulate.
        parts: by name.

    Attributes:
        step: how many steps the run has made; the loop counts it up.
        epoch: how many epochs it has finished; likewise.

    Raises:
        TypeError: if a part has no state.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> source = tw.Generator().manual_seed(1)
        >>> run = RunState(noise=source)
        >>> checkpoints = Checkpoints(tempfile.mkdtemp())
        >>> run.step = 7
        >>> saved = run.save(checkpoints)
        >>> a = tw.rand(3), tw.rand(3, generator=source)
        >>> run.step = 8
        >>> run.resume(checkpoints)
        True
        >>> b = tw.rand(3), tw.rand(3, generator=source)
        >>> run.step, all(x.equal(y) for x, y in zip(a, b))
        (7, True)
    """

    step: int
    epoch: int

    def __init__(self, *, gradients: bool = False, **parts: Any) -> None:
        self.step, self.epoch = 0, 0
        self._gradients = gradients
        self._parts = parts
        for name, part in parts.items():
            _kind(name, part)

    def state_dict(self) -> dict[str, Any]:
        """The state as dicts, lists, tensors, numbers and strings."""
        state = {
            "version": VERSION,
            "step": self.step,
            "epoch": self.epoch,
            "parts": {name: _state_of(name, part) for name, part in self._parts.items()},
            "random": _global_randomness(),
        }
        if self._gradients:
            state["gradients"] = {name: _gradients(part) for name, part in self._parts.items() if _steps(part)}
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state that ``state_dict`` gave.

        Raises:
            ValueError: if it has other parts; nothing is changed then.
        """
        if state_dict.get("version") != VERSION:
            raise ValueError(f"RunState: the state is of version {state_dict.get('version')!r}, expected {VERSION}")
        states = state_dict["parts"]
        if set(states) != set(self._parts):
            raise ValueError(f"RunState: the state has parts {sorted(states)}, this run has {sorted(self._parts)}")
        if self._gradients and "gradients" not in state_dict:
            raise ValueError("RunState: the state was saved without gradients=True")
        for name, part in self._parts.items():
            _restore(name, part, states[name])
        for name, gradients in state_dict.get("gradients", {}).items():
            _set_gradients(self._parts[name], gradients)
        self.step, self.epoch = state_dict["step"], state_dict["epoch"]
        _set_global_randomness(state_dict["random"])  # last: what was loaded may have drawn numbers

    def save(self, checkpoints: Checkpoints, metrics: Mapping[str, float] | None = None) -> Checkpoint:
        """Write a checkpoint of this step."""
        return checkpoints.save(self.state_dict(), step=self.step, metrics=metrics)

    def resume(self, checkpoints: Checkpoints, *, step: int | None = None) -> bool:
        """Go on from the newest good checkpoint, or that of a step; False if there is none yet.

        Raises:
            CheckpointError: if there are some, and all are damaged.
            FileNotFoundError: if there is none of ``step``.
        """
        if step is None and len(checkpoints) == 0:
            return False
        self.load_state_dict(checkpoints.load(step=step))
        return True

    def __repr__(self) -> str:
        return f"RunState(step={self.step}, epoch={self.epoch}, parts={list(self._parts)})"


# ---- parts -----------------------------------------------------------------------------------------------


def _kind(name: str, part: Any) -> str:
    if isinstance(part, Generator):
        return "generator"
    if hasattr(part, "state_dict") and hasattr(part, "load_state_dict"):
        return "stateful"
    if hasattr(part, "getstate") and hasattr(part, "setstate"):
        return "python"
    if hasattr(part, "bit_generator"):
        return "numpy"
    raise TypeError(
        f"RunState: {name} is a {type(part).__name__}; a part has state_dict and load_state_dict, or is a generator of "
        "random numbers"
    )


def _state_of(name: str, part: Any) -> Any:
    kind = _kind(name, part)
    if kind == "stateful":
        return part.state_dict()
    if kind == "generator":
        return part.get_state()
    return _python_state(part) if kind == "python" else part.bit_generator.state


def _restore(name: str, part: Any, state: Any) -> None:
    kind = _kind(name, part)
    if kind == "stateful":
        part.load_state_dict(state)
    elif kind == "generator":
        part.set_state(state)
    elif kind == "python":
        _set_python_state(part, state)
    else:
        part.bit_generator.state = state


def _steps(part: Any) -> bool:
    return hasattr(part, "param_groups")


def _parameters(optimizer: Any) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _gradients(optimizer: Any) -> list[Tensor | None]:
    return [parameter.grad for parameter in _parameters(optimizer)]


def _set_gradients(optimizer: Any, gradients: list[Tensor | None]) -> None:
    for parameter, gradient in zip(_parameters(optimizer), gradients, strict=True):
        parameter.grad = None if gradient is None else gradient.clone()


# ---- global random generators ----------------------------------------------------------------------------


def _global_randomness() -> dict[str, Any]:
    import random

    state = {"tensorwright": default_generator.get_state(), "python": _python_state(random)}
    numpy = sys.modules.get("numpy.random")  # whoever has drawn from it has imported it
    if numpy is not None:
        state["numpy"] = numpy.get_state(legacy=False)
    return state


def _set_global_randomness(state: Mapping[str, Any]) -> None:
    import random

    default_generator.set_state(state["tensorwright"])
    _set_python_state(random, state["python"])
    if "numpy" in state:
        import numpy as np

        np.random.set_state(state["numpy"])


def _python_state(source: Any) -> dict[str, Any]:
    version, words, gauss = source.getstate()
    return {"version": version, "words": _C.tensor_from_data(list(words), _C.int64, "getstate"), "gauss": gauss}


def _set_python_state(source: Any, state: Mapping[str, Any]) -> None:
    source.setstate((state["version"], tuple(state["words"].tolist()), state["gauss"]))
