"""Derivatives of functions: Jacobians, Hessians and their products with vectors.

Each takes a function of tensors and the point where it is differentiated; inputs need not require grad, and no
``.grad`` changes. A function of several tensors takes a tuple of inputs, and results are then tuples as well: one item
for each input, and for a function that gives several tensors one such item for each of these.

With ``strict=True`` an output that does not depend on an input is an error, instead of a derivative of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorwright import ShapeError, Tensor, enable_grad, ones_like, stack, zeros, zeros_like
from tensorwright.autograd._engine import grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Inputs = Tensor | Sequence[Tensor]
Tensors = Tensor | tuple[Tensor, ...]

_STRATEGIES = ("reverse-mode", "forward-mode")


# ---- arguments and results ----------------------------------------------------------------------------------------


def _given(inputs: Inputs, name: str, what: str) -> tuple[Tensor, ...]:
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for i, item in enumerate(given):
        if not isinstance(item, Tensor):
            raise TypeError(f"{name}: {what} must be tensors, item {i} is {type(item).__name__}")
    return given


def _leaves(inputs: Inputs, create_graph: bool, name: str) -> list[Tensor]:
    given = _given(inputs, name, "inputs")
    if create_graph:
        return [value.view_as(value) if value.requires_grad else value.detach().requires_grad_() for value in given]
    return [value.detach().requires_grad_() for value in given]


def _outputs(function: Callable[..., Any], inputs: Sequence[Tensor], name: str) -> tuple[Any, list[Tensor]]:
    """What the function gives, as it is and as a list."""
    output = function(*inputs)
    if isinstance(output, Tensor):
        return output, [output]
    if not isinstance(output, tuple | list):
        raise TypeError(f"{name}: the function must return tensors, it returned {type(output).__name__}")
    for item in output:
        if not isinstance(item, Tensor):
            raise TypeError(f"{name}: the function must return tensors, it returned {type(item).__name__} among them")
    return tuple(output), list(output)


def _one_number(function: Callable[..., Any], inputs: Sequence[Tensor], name: str) -> Tensor:
    output, outputs = _outputs(function, inputs, name)
    if not isinstance(output, Tensor) or output.numel() != 1:
        found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"{len(outputs)} tensors"
        raise ValueError(f"{name}: the function must give one number, it gave {found}")
    return output


def _like(inputs: Inputs, found: Sequence[Any]) -> Any:
    """A lone item for a lone tensor, else a tuple."""
    return found[0] if isinstance(inputs, Tensor) else tuple(found)


def _detached(output: Any, create_graph: bool) -> Any:
    if create_graph:
        return output
    return output.detach() if isinstance(output, Tensor) else tuple(item.detach() for item in output)


def _vectors(v: Inputs | None, likes: Sequence[Tensor], name: str) -> list[Tensor]:
    if v is None:
        if len(likes) != 1 or likes[0].numel() != 1:
            raise ShapeError(f"{name}: v may only be left away for a single number")
        return [ones_like(likes[0])]
    given = _given(v, name, "v")
    if len(given) != len(likes):
        raise ShapeError(f"{name}: v has {len(given)} tensors, expected {len(likes)}")
    for i, (item, like) in enumerate(zip(given, likes, strict=True)):
        if item.shape != like.shape:
            raise ShapeError(f"{name}: tensor {i} of v has shape {tuple(item.shape)}, expected {tuple(like.shape)}")
    return list(given)


# ---- gradients, with zeros for what is absent -----------------------------------------------------------------------


def _refuse(strict: bool, what: str) -> None:
    if strict:
        raise RuntimeError(f"{what}; strict=True does not take that for a derivative of zero")


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    seeds: Sequence[Tensor],
    keep: bool,
    create_graph: bool,
    strict: bool,
    what: str,
) -> list[Tensor]:
    """Gradients of those outputs that have any; zeros, or an error, for inputs that they do not depend on."""
    for i, output in enumerate(outputs):
        if not output.requires_grad:
            _refuse(strict, f"{what} {i} does not depend on any input")
    used = [(output, seed) for output, seed in zip(outputs, seeds, strict=True) if output.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if used:
        roots, given = [output for output, _ in used], [seed for _, seed in used]
        found = grad(roots, inputs, given, retain_graph=keep, create_graph=create_graph, allow_unused=True)
    for i, gradient in enumerate(found):
        if gradient is None:
            _refuse(strict, f"{what} does not depend on input {i}")
        elif create_graph and not gradient.requires_grad:
            _refuse(strict, f"the derivative by input {i} does not depend on any input")
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


# ---- products with vectors ------------------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any], inputs: Inputs, v: Inputs | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value, and the product of ``v`` with its Jacobian for each input.

    Args:
        func: takes the inputs, gives a tensor or several.
        inputs: where to differentiate: a tensor, or a tuple of them.
        v: of the output's shapes; None stands for 1, for a single number only.
        create_graph: record, so that the products can be differentiated.
        strict: refuse outputs that do not depend on an input.

    Raises:
        TypeError: if the function does not return tensors.
        ShapeError: if ``v`` has not the output's shapes.
        RuntimeError: with ``strict``, if an output does not depend on an input.

    Example:
        >>> import tensorwright as tw
        >>> value, product = tw.autograd.functional.vjp(tw.exp, tw.zeros(2), tw.tensor([1.0, 2.0]))
        >>> product.tolist()
        [1.0, 2.0]
    """
    with enable_grad():
        leaves = _leaves(inputs, create_graph, "vjp")
        output, outputs = _outputs(func, leaves, "vjp")
        seeds = _vectors(v, outputs, "vjp")
        found = _gradients(outputs, leaves, seeds, create_graph, create_graph, strict, "output")
    return _detached(output, create_graph), _like(inputs, found)


def jvp(
    func: Callable[..., Any], inputs: Inputs, v: Inputs | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value, and the product of its Jacobian with ``v`` for each output.

    Differentiates the vector-Jacobian product, which is linear in its vector, once more. ``tw.func.jvp`` does it in one
    run, in forward mode.

    Args:
        func: takes the inputs, gives a tensor or several.
        inputs: where to differentiate: a tensor, or a tuple of them.
        v: of the inputs' shapes; None stands for 1, for a single number only.
        create_graph: record, so that the products can be differentiated.
        strict: refuse outputs that do not depend on an input.

    Raises:
        TypeError: if the function does not return tensors.
        ShapeError: if ``v`` has not the inputs' shapes.
        RuntimeError: with ``strict``, if an output does not depend on an input.

    Example:
        >>> import tensorwright as tw
        >>> value, product = tw.autograd.functional.jvp(lambda x: x * x, tw.tensor([1.0, 2.0]), tw.tensor([1.0, 10.0]))
        >>> product.tolist()
        [2.0, 40.0]
    """
    with enable_grad():
        leaves = _leaves(inputs, create_graph, "jvp")
        vectors = _vectors(v, leaves, "jvp")
        output, outputs = _outputs(func, leaves, "jvp")
        seeds = [zeros_like(item).requires_grad_() for item in outputs]
        pulled = _gradients(outputs, leaves, seeds, True, True, strict, "output")
        used = [(item, vector) for item, vector in zip(pulled, vectors, strict=True) if item.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(seeds)
        if used:
            roots, given = [item for item, _ in used], [vector for _, vector in used]
            found = grad(roots, seeds, given, create_graph=create_graph, allow_unused=True)
        pushed = [zeros_like(item) if g is None else g for g, item in zip(found, outputs, strict=True)]
    return _detached(output, create_graph), pushed[0] if isinstance(output, Tensor) else tuple(pushed)


def vhp(
    func: Callable[..., Any], inputs: Inputs, v: Inputs | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensor, Any]:
    """The value of a function that gives one number, and the product of ``v`` with its Hessian.

    Args:
        func: takes the inputs, gives a tensor of one element.
        inputs: where to differentiate: a tensor, or a tuple of them.
        v: of the inputs' shapes; None stands for 1, for a single number only.
        create_graph: record, so that the product can be differentiated.
        strict: refuse a gradient that does not depend on an input.

    Raises:
        ValueError: if the function gives more than one number.
        ShapeError: if ``v`` has not the inputs' shapes.
        RuntimeError: with ``strict``, if the gradient does not depend on an input.

    Example:
        >>> import tensorwright as tw
        >>> _, product = tw.autograd.functional.vhp(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]), tw.ones(2))
        >>> product.tolist()
        [6.0, 12.0]
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(
    func: Callable[..., Any], inputs: Inputs, v: Inputs | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensor, Any]:
    """The value of a function that gives one number, and the product of its Hessian with ``v``.

    A Hessian is symmetric, so this is ``vhp``.

    Args:
        func: takes the inputs, gives a tensor of one element.
        inputs: where to differentiate: a tensor, or a tuple of them.
        v: of the inputs' shapes; None stands for 1, for a single number only.
        create_graph: record, so that the product can be differentiated.
        strict: refuse a gradient that does not depend on an input.

    Raises:
        ValueError: if the function gives more than one number.
        ShapeError: if ``v`` has not the inputs' shapes.
        RuntimeError: with ``strict``, if the gradient does not depend on an input.

    Example:
        >>> import tensorwright as tw
        >>> _, product = tw.autograd.functional.hvp(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]), tw.ones(2))
        >>> product.tolist()
        [6.0, 12.0]
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(
    func: Callable[..., Any], inputs: Inputs, v: Inputs | None, create_graph: bool, strict: bool, name: str
) -> tuple[Tensor, Any]:
    with enable_grad():
        leaves = _leaves(inputs, create_graph, name)
        vectors = _vectors(v, leaves, name)
        output = _one_number(func, leaves, name)
        first = _gradients([output], leaves, [ones_like(output)], True, True, strict, "output")
        found = _gradients(first, leaves, vectors, create_graph, create_graph, strict, "gradient")
    return _detached(output, create_graph), _like(inputs, found)


# ---- whole matrices -------------------------------------------------------------------------------------------------


def _check_strategy(strategy: str, vectorize: bool, strict: bool, name: str) -> None:
    if strategy not in _STRATEGIES:
        raise ValueError(f"{name}: the strategy must be one of {', '.join(_STRATEGIES)}; got {strategy!r}")
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(f"{name}: forward mode computes all columns at once; give it vectorize=True")
    if strict and vectorize:
        raise RuntimeError(f"{name}: strict=True looks at rows one by one, which vectorize=True does not compute")


def jacobian(
    func: Callable[..., Any],
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function: for each output and input a tensor of shape ``output.shape + input.shape``.

    Args:
        func: takes the inputs, gives a tensor or several.
        inputs: where to differentiate: a tensor, or a tuple of them.
        create_graph: record, so that the Jacobian can be differentiated.
        strict: refuse outputs that do not depend on an input.
        vectorize: compute all rows at once, by ``vmap``.
        strategy: "reverse-mode", row by row; or with ``vectorize`` "forward-mode", column by column, which is faster
            where there are more outputs than inputs.

    Returns:
        A tensor for one input and one output; a tuple over the inputs for several; of a function that gives a tuple,
        a tuple of these over the outputs.

    Raises:
        TypeError: if the function does not return tensors.
        RuntimeError: with ``strict``, if an output does not depend on an input; or together with ``vectorize``.
        NotImplementedError: for forward mode without ``vectorize``.

    Example:
        >>> import tensorwright as tw
        >>> tw.autograd.functional.jacobian(lambda x: x * x, tw.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        >>> by_a, by_b = tw.autograd.functional.jacobian(tw.mul, (tw.tensor(2.0), tw.tensor(3.0)))
        >>> by_a.item(), by_b.item()
        (3.0, 2.0)
    """
    _check_strategy(strategy, vectorize, strict, "jacobian")
    if strategy == "forward-mode":
        return _by_columns(func, inputs, create_graph)
    with enable_grad():
        leaves = _leaves(inputs, create_graph, "jacobian")
        output, outputs = _outputs(func, leaves, "jacobian")
        rows_of = _rows_at_once if vectorize else _rows
        blocks = [rows_of(item, leaves, create_graph, strict) for item in outputs]
    found = [_like(inputs, row) for row in blocks]
    return found[0] if isinstance(output, Tensor) else tuple(found)


def _rows(output: Tensor, inputs: list[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    """The Jacobian of one output by each input, a backward pass for each element."""
    rows: list[list[Tensor]] = []
    if not output.requires_grad:
        _refuse(strict, "the output does not depend on any input")
    for i in range(output.numel() if output.requires_grad else 0):
        seed = zeros(output.numel(), dtype=output.dtype, device=output.device)
        seed[i] = 1
        rows.append(_gradients([output], inputs, [seed.reshape(output.shape)], True, create_graph, strict, "output"))
    if not rows:
        return [zeros(*output.shape, *x.shape, dtype=x.dtype, device=x.device) for x in inputs]
    return [
        stack(list(column)).reshape((*output.shape, *x.shape))
        for column, x in zip(zip(*rows, strict=True), inputs, strict=True)
    ]


def _rows_at_once(output: Tensor, inputs: list[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    from tensorwright.func import vmap
    from tensorwright.func._reverse import unit_vectors

    if not output.requires_grad or output.numel() == 0:
        return _rows(output, inputs, create_graph, strict)

    def row(seed: Tensor) -> tuple[Tensor, ...]:
        return tuple(_gradients([output], inputs, [seed], True, create_graph, strict, "output"))

    columns: tuple[Tensor, ...] = vmap(row)(*unit_vectors([output]))
    return [column.reshape((*output.shape, *x.shape)) for column, x in zip(columns, inputs, strict=True)]


def _by_columns(func: Callable[..., Any], inputs: Inputs, create_graph: bool) -> Any:
    from tensorwright.func import jacfwd

    given = _given(inputs, "jacobian", "inputs")
    points = given if create_graph else tuple(item.detach() for item in given)
    found = jacfwd(func, argnums=tuple(range(len(points))))(*points)
    if not isinstance(inputs, Tensor):
        return found
    several = isinstance(found[0], tuple | list)  # of each output a tuple over the inputs, of which there is one
    return tuple(row[0] for row in found) if several else found[0]


def hessian(
    func: Callable[..., Any],
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that gives one number: for each two inputs a tensor of shape ``a.shape + b.shape``.

    Args:
        func: takes the inputs, gives a tensor of one element.
        inputs: where to differentiate: a tensor, or a tuple of them.
        create_graph: record, so that the Hessian can be differentiated.
        strict: refuse a function, or a gradient, that does not depend on an input.
        vectorize: compute all rows at once, by ``vmap``.
        outer_jacobian_strategy: of the gradient's Jacobian: "reverse-mode", or with ``vectorize`` "forward-mode".

    Returns:
        A tensor for one input, a tuple of tuples for several.

    Raises:
        ValueError: if the function gives more than one number.
        RuntimeError: with ``strict``, if the gradient does not depend on an input; or together with ``vectorize``.

    Example:
        >>> import tensorwright as tw
        >>> tw.autograd.functional.hessian(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    _check_strategy(outer_jacobian_strategy, vectorize, strict, "hessian")
    alone = isinstance(inputs, Tensor)

    def gradient(*points: Tensor) -> Any:
        output = _one_number(func, points, "hessian")
        found = _gradients([output], list(points), [ones_like(output)], True, True, strict, "output")
        return found[0] if alone else tuple(found)

    def gradient_in_levels(*points: Tensor) -> Any:
        from tensorwright.func import grad as gradient_of

        numbers = tuple(range(len(points)))
        found = gradient_of(lambda *values: _one_number(func, values, "hessian").reshape(()), argnums=numbers)(*points)
        return found[0] if alone else found

    chosen = gradient_in_levels if outer_jacobian_strategy == "forward-mode" else gradient
    return jacobian(chosen, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
