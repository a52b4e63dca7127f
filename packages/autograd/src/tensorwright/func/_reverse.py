"""Transforms in reverse mode: gradients, vector-Jacobian products, Jacobians row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorwright import Tensor, eye, zeros, zeros_like
from tensorwright._tree import Structure, flatten, tree_map
from tensorwright.autograd._engine import grad as _gradients
from tensorwright.autograd._levels import grad_level, level_of, lift, lowered, note_unit_vectors, size_of_batch
from tensorwright.func._batch import vmap

Argnums = int | Sequence[int]


def chosen(args: tuple[Any, ...], argnums: Argnums, name: str) -> Any:
    """The arguments to differentiate by. IndexError, TypeError if there is none, or it holds no tensors."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise IndexError(f"{name}: argnums {number} is out of range for {len(args)} positional arguments")
        for leaf in flatten(args[number])[0]:
            if not isinstance(leaf, Tensor):
                raise TypeError(f"{name}: argument {number} must consist of tensors, got {type(leaf).__name__}")
    return args[argnums] if isinstance(argnums, int) else tuple(args[number] for number in numbers)


def replaced(args: tuple[Any, ...], argnums: Argnums, values: Any) -> tuple[Any, ...]:
    """The arguments with those to differentiate by replaced."""
    result = list(args)
    for number, value in zip(
        *(((argnums,), (values,)) if isinstance(argnums, int) else (argnums, values)), strict=True
    ):
        result[number] = value
    return tuple(result)


def split_aux(output: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    """The output to differentiate, and what comes beside it."""
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise TypeError(f"{name}: with has_aux=True the function must return (output, aux), it returned {output!r}")
    return output


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``func`` and its value.

    Args:
        func: gives a tensor of one element, or with ``has_aux`` a pair of it and anything.
        argnums: the positional arguments to differentiate by: one, or several; each a tensor or a tree of them.
        has_aux: whether ``func`` gives more than what is differentiated.

    Returns:
        A function that gives ``(gradient, value)``, with ``has_aux`` ``(gradient, (value, aux))``; the gradient has the
        structure of the argument, for several arguments it is a tuple.

    Raises:
        RuntimeError: when called, if ``func`` gives more than one element.
        TypeError: if an argument to differentiate by, or what ``func`` gives, is no tensor.

    Example:
        >>> import tensorwright as tw
        >>> gradient, value = tw.func.grad_and_value(lambda x: (x * x).sum())(tw.tensor([1.0, 3.0]))
        >>> gradient.tolist(), value.item()
        ([2.0, 6.0], 10.0)
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        given = chosen(args, argnums, "grad")
        with grad_level() as level:
            leaves, structure = flatten(given)
            inputs = [lift(leaf, level).requires_grad_() for leaf in leaves]
            output, aux = split_aux(func(*replaced(args, argnums, structure.build(inputs)), **kwargs), has_aux, "grad")
            if not isinstance(output, Tensor):
                raise TypeError(f"grad: the function must return a tensor, it returned {type(output).__name__}")
            if output.numel() != 1:
                raise RuntimeError(
                    f"grad: the function must return one element, it returned shape {tuple(output.shape)}; "
                    "use vjp or jacrev for more"
                )
            gradients = _present(output, inputs, None)
            gradient = structure.build(lowered(item, level) for item in gradients)
            value = lowered(output, level)
            aux = tree_map(lambda leaf: lowered(leaf, level), aux)
        return (gradient, (value, aux)) if has_aux else (gradient, value)

    return transformed


def _present(output: Any, inputs: list[Tensor], seeds: Any, keep: bool = False) -> list[Tensor]:
    """Gradients, zeros where the outputs do not depend on an input.

    With ``keep`` the pass can be repeated and is recorded, for the levels that are open when it runs.
    """
    outputs = [output] if isinstance(output, Tensor) else output
    used = [(item, None if seeds is None else seeds[i]) for i, item in enumerate(outputs) if item.requires_grad]
    if not used or not inputs:
        return [zeros_like(x).detach() for x in inputs]
    outputs, given = [item for item, _ in used], [seed for _, seed in used]
    found = _gradients(outputs, inputs, given, retain_graph=keep, create_graph=keep, allow_unused=True)
    return [zeros_like(x).detach() if g is None else g for g, x in zip(found, inputs, strict=True)]


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``func``.

    Args:
        func: gives a tensor of one element, or with ``has_aux`` a pair of it and anything.
        argnums: the positional arguments to differentiate by: one, or several; each a tensor or a tree of them.
        has_aux: whether ``func`` gives more than what is differentiated; the result is then ``(gradient, aux)``.

    Raises:
        RuntimeError: when called, if ``func`` gives more than one element.
        TypeError: if an argument to differentiate by, or what ``func`` gives, is no tensor.

    Example:
        >>> import tensorwright as tw
        >>> tw.func.grad(tw.sin)(tw.tensor(0.0)).item()
        1.0
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of ``func``, and a function for the products of vectors with its Jacobian.

    Args:
        func: takes trees of tensors, gives a tree of tensors.
        primals: where to differentiate: the arguments of ``func``.
        has_aux: whether ``func`` gives a pair whose second part is not differentiated.

    Returns:
        ``(output, vjp_fn)``, with ``has_aux`` ``(output, vjp_fn, aux)``. ``vjp_fn(*cotangents)`` takes tensors of the
        shapes of the output, in its structure, and gives one product for each primal.

    Raises:
        TypeError: if ``func`` gives something that is no tensor.
        ValueError: if the cotangents do not fit the output.

    Example:
        >>> import tensorwright as tw
        >>> output, pull = tw.func.vjp(lambda x: x * x, tw.tensor([1.0, 2.0]))
        >>> pull(tw.ones(2))[0].tolist()
        [2.0, 4.0]
    """
    with grad_level() as level:
        leaves, structure = flatten(primals)
        inputs = [lift(leaf, level).requires_grad_() for leaf in leaves]
        output, aux = split_aux(func(*structure.build(inputs)), has_aux, "vjp")
        outputs, out_structure = flatten(output)
        for item in outputs:
            if not isinstance(item, Tensor):
                raise TypeError(f"vjp: the function must return tensors, it returned {type(item).__name__}")
        result = out_structure.build(lowered(item, level) for item in outputs)
        aux = tree_map(lambda leaf: lowered(leaf, level), aux)

    def pull(*cotangents: Any) -> tuple[Any, ...]:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        seeds, seed_structure = flatten(given)
        if len(cotangents) > 1 and seed_structure.kind is tuple and out_structure.kind is list:
            seed_structure = Structure(list, (), seed_structure.children)
        if seed_structure != out_structure:
            raise ValueError("vjp: the cotangents must have the structure of the output")
        found = _present(outputs, inputs, seeds, keep=True)
        pulled: tuple[Any, ...] = structure.build(found)
        return pulled

    return (result, pull, aux) if has_aux else (result, pull)


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """A function that gives the Jacobian of ``func``, by a vector-Jacobian product for each element of the output.

    Args:
        func: gives a tree of tensors.
        argnums: the positional arguments to differentiate by.
        has_aux: whether ``func`` gives a pair whose second part is not differentiated.
        chunk_size: how many rows are computed at once; None for all.

    Returns:
        A function that gives, for each output and each argument, a tensor of shape ``output.shape + argument.shape``.

    Example:
        >>> import tensorwright as tw
        >>> tw.func.jacrev(lambda x: x * x)(tw.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        given = chosen(args, argnums, "jacrev")
        parts = vjp(lambda value: func(*replaced(args, argnums, value), **kwargs), given, has_aux=has_aux)
        output, pull = parts[0], parts[1]
        outputs, out_structure = flatten(output)

        def back(*seeds: Tensor) -> Any:
            note_if_unit_vectors(seeds)
            return pull(out_structure.build(seeds))[0]

        rows, structure = flatten(vmap(back, chunk_size=chunk_size)(*unit_vectors(outputs)))
        sizes = [item.numel() for item in outputs]

        def of_output(item: Tensor, parts: Sequence[Tensor]) -> Any:
            return structure.build(part.reshape((*item.shape, *part.shape[1:])) for part in parts)

        by_output = zip(*(joined.split(sizes) for joined in rows), strict=True)
        jacobian = out_structure.build(map(of_output, outputs, by_output))
        return (jacobian, parts[2]) if has_aux else jacobian

    return transformed


def unit_vectors(items: Sequence[Tensor]) -> list[Tensor]:
    """The unit vectors of the space of all elements, in the parts that belong to each tensor."""
    total = sum(item.numel() for item in items)
    if len(items) == 1:
        return [eye(total, dtype=items[0].dtype, device=items[0].device).reshape((total, *items[0].shape))]
    parts, first = [], 0
    for item in items:
        rows = zeros((total, item.numel()), dtype=item.dtype, device=item.device)
        rows.narrow(0, first, item.numel()).fill_diagonal_(1)
        parts.append(rows.reshape((total, *item.shape)))
        first += item.numel()
    return parts


def note_if_unit_vectors(parts: Sequence[Tensor]) -> None:
    """Inside of a batch of what :func:`unit_vectors` gave: products with it are then cheap."""
    if len(parts) == 1 and size_of_batch(level_of(parts[0])) == parts[0].numel():
        note_unit_vectors(parts[0])
