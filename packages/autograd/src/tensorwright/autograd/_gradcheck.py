"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorwright import Tensor, complex128, float64, from_numpy, no_grad, randn, zeros
from tensorwright.autograd._engine import grad

Array = NDArray[np.float64]
TensorFunction = Callable[..., Any]


class GradcheckError(RuntimeError):
    """A gradient that disagrees with finite differences; the text says which and by how much."""


def _outputs(result: Any) -> list[Tensor]:
    """The outputs that require grad; if none does, all floating and complex ones: their differences must then be 0."""
    results = result if isinstance(result, tuple | list) else (result,)
    tensors = [item for item in results if isinstance(item, Tensor) and (item.is_floating_point() or item.is_complex())]
    return [item for item in tensors if item.requires_grad] or tensors


def _parts(tensor: Tensor) -> Array:
    """The numbers of a tensor in one row; a complex one counts as two, its real and its imaginary part."""
    values = np.ascontiguousarray(tensor.detach().numpy())
    return values.reshape(-1).view(np.float64) if values.dtype.kind == "c" else values.reshape(-1)


def _count(tensor: Tensor) -> int:
    return 2 * tensor.numel() if tensor.is_complex() else tensor.numel()


def _numerical(function: TensorFunction, inputs: Sequence[Any], which: int, count: int, eps: float) -> list[Array]:
    """Jacobians [outputs, inputs] of each output with respect to one input, by central differences."""
    values = np.array(inputs[which].detach().numpy())
    columns: list[list[Array]] = [[] for _ in range(count)]
    for index in range(_count(inputs[which])):
        sides = []
        for step in (eps, -eps):
            moved = values.copy(order="C")
            moved.reshape(-1).view(np.float64)[index] += step
            args = [from_numpy(moved) if i == which else arg for i, arg in enumerate(inputs)]
            sides.append([np.array(_parts(out)) for out in _evaluated(function, args, which)])
        for k in range(count):
            columns[k].append((sides[0][k] - sides[1][k]) / (2 * eps))
    return [np.stack(column, axis=1) if column else np.zeros((0, 0)) for column in columns]


def _evaluated(function: TensorFunction, args: list[Any], which: int) -> list[Tensor]:
    """The outputs that are differentiable, at moved inputs."""
    args[which] = args[which].requires_grad_()
    return _outputs(function(*args))


def _analytical(output: Tensor, source: Tensor) -> Array:
    """Jacobian [outputs, inputs] by one backward pass for each element of the output.

    The gradient for a seed of 1 at a complex output is the row of its real part, that for a seed of i the row of its
    imaginary part, as dL = Re(conj(grad) dz).
    """
    rows: list[Array] = []
    if not output.requires_grad:
        return np.zeros((_count(output), _count(source)))
    for i in range(output.numel()):
        for unit in (1, 1j) if output.is_complex() else (1,):
            seed = zeros(output.numel(), dtype=output.dtype)
            seed[i] = unit
            (gradient,) = grad(output, source, seed.reshape(output.shape), retain_graph=True, allow_unused=True)
            rows.append(np.zeros(_count(source)) if gradient is None else np.array(_parts(gradient)))
    return np.stack(rows) if rows else np.zeros((0, _count(source)))


def _check_inputs(inputs: Sequence[Any]) -> list[int]:
    wanted = [i for i, value in enumerate(inputs) if isinstance(value, Tensor) and value.requires_grad]
    if not wanted:
        raise ValueError("gradcheck: no input requires grad")
    for i in wanted:
        if inputs[i].dtype not in (float64, complex128):
            raise ValueError(
                f"gradcheck: input {i} is {inputs[i].dtype}; finite differences need float64 or complex128"
            )
    return wanted


def _compare(analytical: Array, numerical: Array, where: str, atol: float, rtol: float) -> None:
    if analytical.size == 0:
        return
    error = np.abs(analytical - numerical)
    if np.all(error <= atol + rtol * np.abs(numerical)):
        return
    worst = np.unravel_index(np.nanargmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    raise GradcheckError(
        f"gradcheck: {where}: the gradient of output element {worst[0]} by input element {worst[1]} is "
        f"{analytical[worst]:.9g}, finite differences give {numerical[worst]:.9g}\n"
        f"backward:\n{analytical}\nfinite differences:\n{numerical}"
    )


def _verify(function: TensorFunction, inputs: Sequence[Any], eps: float, atol: float, rtol: float) -> None:
    wanted = _check_inputs(inputs)
    outputs = _outputs(function(*inputs))
    if not outputs:
        raise GradcheckError("gradcheck: the function gives no floating tensor")
    for i in wanted:
        numerical = _numerical(function, inputs, i, len(outputs), eps)
        for k, output in enumerate(outputs):
            _compare(_analytical(output, inputs[i]), numerical[k], f"output {k}, input {i}", atol, rtol)


def gradcheck(
    function: TensorFunction,
    inputs: Tensor | Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare gradients of a function with finite differences.

    Args:
        function: takes ``inputs``, gives a tensor or a tuple of tensors, the same at each call.
        inputs: its arguments; those to check are float64 or complex128 leaves that require grad.
        eps: step of the differences.
        atol, rtol: tolerated: ``|backward - difference| <= atol + rtol * |difference|``.
        raise_exception: raise, or return False.

    Raises:
        GradcheckError: if a gradient is wrong, with both Jacobians.
        ValueError: if no input requires grad, or one that does is neither float64 nor complex128.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([0.5, 1.5], dtype=tw.float64, requires_grad=True)
        >>> tw.autograd.gradcheck(tw.sin, x)
        True
    """
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _verify(function, args, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    function: TensorFunction,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare second derivatives of a function with finite differences of its gradients.

    Args:
        function: takes ``inputs``, gives a tensor or a tuple of tensors, the same at each call.
        inputs: its arguments; those to check are float64 or complex128 leaves that require grad.
        grad_outputs: what the first gradient is taken for; random if absent.
        eps, atol, rtol, raise_exception: as for :func:`gradcheck`.

    Raises:
        GradcheckError: if a second derivative is wrong, with both Jacobians.
        ValueError: if no input requires grad, or one that does is neither float64 nor complex128.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.tensor([0.5, 1.5], dtype=tw.float64, requires_grad=True)
        >>> tw.autograd.gradgradcheck(lambda x: x * x * x, x)
        True
    """
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = _check_inputs(args)
    if grad_outputs is None:
        with no_grad():
            outputs = _outputs_at(function, args)
            seeds = [randn(*output.shape, dtype=output.dtype).requires_grad_() for output in outputs]
    else:
        seeds = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)

    def gradients(*values: Any) -> tuple[Any, ...]:
        arguments, given = values[: len(args)], values[len(args) :]
        tracked = [arguments[i] if arguments[i].requires_grad else arguments[i].requires_grad_() for i in wanted]
        found = grad(_outputs(function(*arguments)), tracked, list(given), create_graph=True, allow_unused=True)
        return tuple(gradient for gradient in found if gradient is not None)

    return gradcheck(gradients, (*args, *seeds), eps, atol, rtol, raise_exception)


def _outputs_at(function: TensorFunction, args: tuple[Any, ...]) -> list[Tensor]:
    from tensorwright import enable_grad

    with enable_grad():
        return _outputs(function(*args))
