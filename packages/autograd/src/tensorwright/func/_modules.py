"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorwright import Tensor, stack

Module = Any  # of tensorwright.nn, which need not be installed


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers than its own.

    Args:
        module: of ``tensorwright.nn``.
        parameter_and_buffer_dicts: tensors by the names of ``state_dict``, in one dict or several.
        args: the positional arguments: a tuple, or a single one.
        kwargs: the keyword arguments.
        tie_weights: a tensor given for one name of a shared parameter is used for its other names too.
        strict: require that all parameters and buffers are given, and nothing else.

    Raises:
        KeyError: if a name is not a parameter or buffer of the module.
        RuntimeError: with ``strict``, if names do not fit or are missing.
        ValueError: if two dicts give the same name.
        ModuleNotFoundError: if ``tensorwright-nn`` is not installed.

    Example:
        >>> import tensorwright as tw
        >>> layer = tw.nn.Linear(2, 1)
        >>> given = {"weight": tw.ones(1, 2), "bias": tw.zeros(1)}
        >>> tw.func.functional_call(layer, given, tw.ones(2)).tolist()
        [2.0]
    """
    dicts = (
        [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts
    )
    given: dict[str, Tensor] = {}
    for part in dicts:
        for name, tensor in part.items():
            if name in given:
                raise ValueError(f"functional_call: {name!r} is given twice")
            given[name] = tensor
    from tensorwright.nn.utils import stateless

    return stateless.functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several modules of one structure, stacked along a new dimension 0.

    With :func:`functional_call` under :func:`vmap`, the modules run as an ensemble.

    Raises:
        RuntimeError: if there are no models, or they are not of one class, or not all in the same mode.

    Example:
        >>> import tensorwright as tw
        >>> models = [tw.nn.Linear(2, 1) for _ in range(3)]
        >>> parameters, buffers = tw.func.stack_module_state(models)
        >>> parameters["weight"].shape
        (3, 1, 2)
        >>> def run(parameters, x):
        ...     return tw.func.functional_call(models[0], parameters, x)
        >>> tw.func.vmap(run, in_dims=(0, None))(parameters, tw.ones(2)).shape
        (3, 1)
    """
    if not models:
        raise RuntimeError("stack_module_state: expected at least one model")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: the models must be of one class")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: the models must all be in training mode, or all in evaluation mode")
    parameters = {
        name: _stacked([dict(model.named_parameters())[name] for model in models]).requires_grad_(own.requires_grad)
        for name, own in models[0].named_parameters()
    }
    buffers = {
        name: _stacked([dict(model.named_buffers())[name] for model in models]) for name, _ in models[0].named_buffers()
    }
    return parameters, buffers


def _stacked(tensors: list[Tensor]) -> Tensor:
    return stack([tensor.detach() for tensor in tensors])


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let batch normalization use the statistics of the batch alone: its running ones cannot be kept under vmap.

    Example:
        >>> import tensorwright as tw
        >>> model = tw.func.replace_all_batch_norm_modules_(tw.nn.Sequential(tw.nn.BatchNorm2d(3)))
        >>> model[0].running_mean is None
        True
    """
    for part in root.modules():
        if hasattr(part, "track_running_stats") and hasattr(part, "running_mean"):
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return root
