"""Derivatives of functions: Jacobians, Hessians and their products with vectors.

Each takes a function of tensors and the point where it is differentiated; inputs need not require grad, and no
``.grad`` changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensorwright import Tensor, enable_grad, stack, zeros, zeros_like
from tensorwright.autograd._engine import grad

__all__ = ["hessian", "hvp", "jacobian", "vjp"]

Inputs = Tensor | Sequence[Tensor]


def _leaves(inputs: Inputs, create_graph: bool) -> list[Tensor]:
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if create_graph:
        return [value.view_as(value) if value.requires_grad else value.detach().requires_grad_() for value in given]
    return [value.detach().requires_grad_() for value in given]


def _single(function: Callable[..., Tensor], inputs: list[Tensor]) -> Tensor:
    output = function(*inputs)
    if not isinstance(output, Tensor):
        raise TypeError(f"the function must return one tensor, it returned {type(output).__name__}")
    return output


def _present(found: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> list[Tensor]:
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _first_order(output: Tensor, inputs: list[Tensor]) -> Sequence[Tensor | None]:
    """Gradients that can be differentiated again."""
    if not output.requires_grad:
        return [None] * len(inputs)
    return grad(output, inputs, create_graph=True, allow_unused=True)


def vjp(
    function: Callable[..., Tensor], inputs: Inputs, v: Tensor | None = None, create_graph: bool = False
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The function's value, and the product of ``v`` with its Jacobian for each input.

    Args:
        function: takes the inputs, gives one tensor.
        inputs: where to differentiate.
        v: of the output's shape; None stands for 1, for a single number only.
        create_graph: record, so that the products can be differentiated.

    Raises:
        TypeError: if the function does not return a tensor.
        ShapeError: if ``v`` has not the output's shape.

    Example:
        >>> import tensorwright as tw
        >>> value, (product,) = tw.autograd.functional.vjp(tw.exp, tw.zeros(2), tw.tensor([1.0, 2.0]))
        >>> product.tolist()
        [1.0, 2.0]
    """
    with enable_grad():
        leaves = _leaves(inputs, create_graph)
        output = _single(function, leaves)
        found: Sequence[Tensor | None] = [None] * len(leaves)
        if output.requires_grad:
            found = grad(output, leaves, v, create_graph=create_graph, allow_unused=True)
    value = output if create_graph else output.detach()
    return value, tuple(_present(found, leaves))


def jacobian(function: Callable[..., Tensor], inputs: Tensor, create_graph: bool = False) -> Tensor:
    """The Jacobian of a function of one tensor, of shape ``output.shape + input.shape``.

    Args:
        function: takes the input, gives one tensor.
        inputs: where to differentiate.
        create_graph: record, so that the Jacobian can be differentiated.

    Raises:
        TypeError: if the function does not return a tensor.

    Example:
        >>> import tensorwright as tw
        >>> tw.autograd.functional.jacobian(lambda x: x * x, tw.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    with enable_grad():
        leaves = _leaves(inputs, create_graph)
        output = _single(function, leaves)
        rows: list[Tensor] = []
        for i in range(output.numel() if output.requires_grad else 0):
            seed = zeros(output.numel(), dtype=output.dtype, device=output.device)
            seed[i] = 1
            found = grad(
                output,
                leaves,
                seed.reshape(output.shape),
                retain_graph=True,
                create_graph=create_graph,
                allow_unused=True,
            )
            rows += _present(found, leaves)
    shape = (*output.shape, *leaves[0].shape)
    return stack(rows).reshape(shape) if rows else zeros(*shape, dtype=leaves[0].dtype, device=leaves[0].device)


def hessian(function: Callable[..., Tensor], inputs: Tensor, create_graph: bool = False) -> Tensor:
    """The Hessian of a function that gives one number, of shape ``input.shape + input.shape``.

    Args:
        function: takes the input, gives a tensor of one element.
        inputs: where to differentiate.
        create_graph: record, so that the Hessian can be differentiated.

    Raises:
        ValueError: if the function gives more than one number.

    Example:
        >>> import tensorwright as tw
        >>> tw.autograd.functional.hessian(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """

    def gradient(x: Tensor) -> Tensor:
        output = _single(function, [x])
        if output.numel() != 1:
            raise ValueError(f"hessian: the function must give one number, it gave shape {tuple(output.shape)}")
        return _present(_first_order(output, [x]), [x])[0]

    return jacobian(gradient, inputs, create_graph)


def hvp(
    function: Callable[..., Tensor], inputs: Tensor, v: Tensor, create_graph: bool = False
) -> tuple[Tensor, Tensor]:
    """The value of a function that gives one number, and the product of its Hessian with ``v``.

    Args:
        function: takes the input, gives a tensor of one element.
        inputs: where to differentiate.
        v: of the input's shape.
        create_graph: record, so that the product can be differentiated.

    Raises:
        ShapeError: if ``v`` has not the input's shape.

    Example:
        >>> import tensorwright as tw
        >>> _, product = tw.autograd.functional.hvp(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]), tw.ones(2))
        >>> product.tolist()
        [6.0, 12.0]
    """
    with enable_grad():
        leaves = _leaves(inputs, create_graph)
        output = _single(function, leaves)
        (first,) = _present(_first_order(output, leaves), leaves)
        if not first.requires_grad:
            return (output if create_graph else output.detach()), zeros_like(first)
        found = grad(first, leaves, v, create_graph=create_graph, allow_unused=True)
    return (output if create_graph else output.detach()), _present(found, leaves)[0]
