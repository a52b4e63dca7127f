"""The base of all optimizers: groups of parameters, their options, and the state kept for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorwright as tw
from tensorwright import Tensor

from ._hooks import Hooked

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]


def execution_options(optimizer: Optimizer, **options: bool | None) -> dict[str, Any]:
    """Options of how a step is run: foreach, capturable, fused, differentiable. A step is one pass whatever they say.

    Raises:
        ValueError: ``differentiable``, which would need a graph of the steps.
    """
    if options.get("differentiable"):
        raise ValueError(f"{type(optimizer).__name__}: differentiable=True is not supported; steps leave no graph")
    return options


class Optimizer(Hooked):
    """Subclasses define ``_update(parameter, gradient, options, state)`` for one parameter.

    Args:
        params: tensors, (name, tensor) pairs, or groups: dicts with ``"params"`` and options of their own.
        defaults: options of a group that does not give them.

    Optimizers take ``foreach``, ``capturable`` and ``fused``, which have no effect, and refuse ``differentiable``.
    """

    _counters: tuple[str, ...] = ("step",)  # entries of a parameter's state that are numbers

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params must be an iterable of Tensors, got one Tensor; wrap it in a list"
            )
        super().__init__()
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        entries: list[Any] = list(params)
        if not entries:
            raise ValueError(f"{type(self).__name__}: params is empty; is the module without parameters?")
        for group in entries if isinstance(entries[0], Mapping) else [{"params": entries}]:
            self.add_param_group(dict(group))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add tensors with options of their own, e.g. layers that are unfrozen later.

        Raises:
            TypeError: something is no tensor.
            ValueError: a tensor is no leaf of the graph, comes twice, or an option is out of range.
        """
        given = param_group["params"]
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        tensors = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        present = {id(p) for group in self.param_groups for p in group["params"]}
        for position, tensor in enumerate(tensors):
            self._check_parameter(position, tensor, present)
            present.add(id(tensor))
        group = {**self.defaults, **param_group, "params": tensors}
        if names:
            group["param_names"] = names
        self._check_options(group)
        self.param_groups.append(group)

    def _check_parameter(self, position: int, tensor: object, present: set[int]) -> None:
        name = type(self).__name__
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: params[{position}] must be a Tensor, got {type(tensor).__name__}")
        if not tensor.is_leaf:
            raise ValueError(
                f"{name}: params[{position}] of shape {list(tensor.shape)} is the result of an operation, not a leaf"
            )
        if id(tensor) in present:
            raise ValueError(f"{name}: params[{position}] of shape {list(tensor.shape)} is there twice")

    def _check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse options out of range; subclasses add theirs."""
        for option in ("lr", "weight_decay", "eps"):
            if not options.get(option, 0.0) >= 0.0:
                raise ValueError(f"{type(self).__name__}: {option} must not be negative, got {options[option]}")

    def _check_not_negative(self, options: Mapping[str, Any], *names: str) -> None:
        for name in names:
            if not options[name] >= 0.0:
                raise ValueError(f"{type(self).__name__}: {name} must not be negative, got {options[name]}")

    @staticmethod
    def _sign(options: Mapping[str, Any]) -> float:
        """-1 to ascend."""
        return -1.0 if options["maximize"] else 1.0

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget (or, if not ``set_to_none``, fill with zeros) the gradient of every parameter."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none or parameter.grad is None:
                    parameter.grad = None
                else:
                    parameter.grad = tw.zeros_like(parameter.grad)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss anew (with gradients) and returns it.

        Returns:
            what the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with tw.enable_grad():
                loss = closure()
        with tw.no_grad():
            for group in self.param_groups:
                self._update_group(group)
        return loss

    def _update_group(self, group: dict[str, Any]) -> None:
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is not None:
                self._update(parameter, gradient, group, self.state[parameter])

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _update()")

    # ---- saving ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and options in PyTorch's layout: parameters are numbered in the order of the groups."""
        self._run_hooks("state_dict_pre", self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers[id(parameter)] = len(numbers)
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append({**packed, "params": [numbers[id(parameter)] for parameter in group["params"]]})
        state = {numbers[id(parameter)]: dict(kept) for parameter, kept in self.state.items() if kept}
        result: dict[str, Any] = self._run_hooks("state_dict_post", self, {"state": state, "param_groups": groups})
        return result

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` of the same kind of optimizer returned.

        Raises:
            ValueError: other groups, or groups of other sizes; nothing is changed then.
        """
        state_dict = self._run_hooks("load_state_dict_pre", self, state_dict)
        saved = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in saved]
        if sizes != saved_sizes:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: groups have {sizes} parameters, the state has {saved_sizes}"
            )
        parameters = [p for group in self.param_groups for p in group["params"]]
        numbers = [number for group in saved for number in group["params"]]
        by_number = dict(zip(numbers, parameters, strict=True))
        self.state = defaultdict(dict)
        for number, state in state_dict["state"].items():
            parameter = by_number[number]
            self.state[parameter] = {key: self._adopted(parameter, key, value) for key, value in state.items()}
        for group, saved_group in zip(self.param_groups, saved, strict=True):
            group.update({key: value for key, value in saved_group.items() if key != "params"})
        self._run_hooks("load_state_dict_post", self)

    def _adopted(self, parameter: Tensor, key: str, value: Any) -> Any:
        """A copy of a saved value. Counters become numbers; tensors take the parameter's dtype."""
        if not isinstance(value, Tensor):
            return value
        if key in self._counters:
            return int(value.item()) if key == "step" else float(value.item())
        return value.detach().to(dtype=parameter.dtype).clone()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {value}" for key, value in sorted(group.items()) if key != "params"]
        return "\n".join([*lines, ")"])
