"""Optimizers whose step treats every element alike: one native call for all parameters of a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tensorwright import Op, Tensor, full_like

from ._optimizer import Optimizer


class Members(NamedTuple):
    """Parameters that make the same step: lists of equal length, or no states where nothing is kept."""

    parameters: list[Tensor]
    gradients: list[Tensor]
    states: list[dict[str, Any]]


class ElementwiseOptimizer(Optimizer):
    """Subclasses say how a parameter's state begins, and make the step of parameters that are equally far.

    A step is one pass over memory: the kernel of an update rule (``updates/*.yaml``) computes new parameters and new
    state from the old ones and the gradients, for tensors of all sizes in one call, with the same bits for any number
    of threads. Tensors that do not lie densely in memory in the same order as their parameter, and those of 16 bits,
    are copied before and after the step.
    """

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step."""
        raise NotImplementedError(f"{type(self).__name__} defines no _start()")

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        """A step of parameters whose ``_progress`` is equal."""
        raise NotImplementedError(f"{type(self).__name__} defines no _step_alike()")

    def _update_group(self, group: dict[str, Any]) -> None:
        # Whole lists at a time: for small parameters the loops over them are most of a step.
        gradients = [parameter.grad for parameter in group["params"]]
        present = [gradient for gradient in gradients if gradient is not None]
        if not present:
            return
        parameters = [p for p, gradient in zip(group["params"], gradients, strict=True) if gradient is not None]
        options = {**group, "lr": float(group["lr"])}  # it may be a tensor
        for alike in self._alike(Members(parameters, present, self._states(parameters, options))):
            self._step_alike(alike, options)

    def _states(self, parameters: list[Tensor], options: dict[str, Any]) -> list[dict[str, Any]]:
        """What is kept for each parameter, begun where nothing is; empty if the step keeps nothing."""
        states = [self.state[parameter] for parameter in parameters]
        if not all(states):
            for parameter, state in zip(parameters, states, strict=True):
                if not state:
                    state.update(self._start(parameter, options))
        return states

    def _progress(self, states: list[dict[str, Any]]) -> list[Any]:
        """What has to be equal for parameters to make the same step, of each."""
        columns = [[state[name] for state in states] for name in self._counters]
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def _alike(self, members: Members) -> Iterable[Members]:
        """Parts that make the same step; mostly there is one."""
        progress = self._progress(members.states)
        different = dict.fromkeys(progress)
        return [members] if len(different) <= 1 else _parts(members, progress, different)

    @staticmethod
    def _call(update: Op, members: Members, state: Iterable[str], scalars: Iterable[float]) -> None:
        """Run an update rule on the parameters, their gradients and the named tensors of their state."""
        tensors = [[kept[name] for kept in members.states] for name in state]
        update(members.parameters, members.gradients, *tensors, *scalars)


def _parts(members: Members, progress: list[object], different: Iterable[object]) -> Iterator[Members]:
    for one in different:
        part = Members([], [], [])
        for own, parameter, gradient, state in zip(progress, *members, strict=True):
            if own == one:
                part.parameters.append(parameter)
                part.gradients.append(gradient)
                part.states.append(state)
        yield part


def filled_like(parameter: Tensor, value: float) -> Tensor:
    """Both parts of complex numbers hold the value: they are stepped alike."""
    return full_like(parameter, complex(value, value) if parameter.is_complex() else value)


def advance(members: Members) -> int:
    """Count a step; the number of the step that is being made."""
    step: int = members.states[0]["step"] + 1
    for state in members.states:
        state["step"] = step
    return step
