"""Transforms in forward mode: Jacobian-vector products, Jacobians column by column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright import Tensor, zeros_like
from tensorwright._tree import flatten, tree_map
from tensorwright.autograd._levels import forward_level, lowered, make_dual, tangent_of
from tensorwright.func._batch import vmap
from tensorwright.func._reverse import (
    Argnums,
    chosen,
    jacrev,
    note_if_unit_vectors,
    replaced,
    split_aux,
    unit_vectors,
    vjp,
)


def jvp(
    func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False,
    has_aux: bool = False,
) -> Any:  # fmt: skip
    """The value of ``func`` and the product of its Jacobian with the tangents.

    Args:
        func: takes trees of tensors, gives a tree of tensors.
        primals: where to differentiate: the arguments of ``func``.
        tangents: of the structure and shapes of the primals.
        strict: refuse an output that does not depend on the primals, instead of giving zeros.
        has_aux: whether ``func`` gives a pair whose second part is not differentiated.

    Returns:
        ``(output, product)``, with ``has_aux`` ``(output, product, aux)``.

    Raises:
        ValueError: if primals and tangents do not fit.
        RuntimeError: with ``strict``, if an output does not depend on the primals.

    Example:
        >>> import tensorwright as tw
        >>> value, product = tw.func.jvp(tw.sin, (tw.tensor(0.0),), (tw.tensor(2.0),))
        >>> value.item(), product.item()
        (0.0, 2.0)
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise TypeError("jvp: primals and tangents must be tuples, one entry for each argument of the function")
    leaves, structure = flatten(primals)
    directions, direction_structure = flatten(tangents)
    if structure != direction_structure:
        raise ValueError("jvp: primals and tangents must have the same structure")
    for leaf, direction in zip(leaves, directions, strict=True):
        if leaf.shape != direction.shape:
            raise ValueError(f"jvp: a tangent has shape {tuple(direction.shape)}, its primal has {tuple(leaf.shape)}")
    with forward_level() as level:
        duals = [make_dual(leaf, direction, level) for leaf, direction in zip(leaves, directions, strict=True)]
        output, aux = split_aux(func(*structure.build(duals)), has_aux, "jvp")
        outputs, out_structure = flatten(output)
        products = [_tangent(item, level, strict) for item in outputs]
        value = out_structure.build(lowered(item, level) for item in outputs)
        product = out_structure.build(products)
        aux = tree_map(lambda leaf: lowered(leaf, level), aux)
    return (value, product, aux) if has_aux else (value, product)


def _tangent(item: Any, level: int, strict: bool) -> Tensor:
    if not isinstance(item, Tensor):
        raise TypeError(f"jvp: the function must return tensors, it returned {type(item).__name__}")
    found = tangent_of(item, level)
    if found is None and strict:
        raise RuntimeError("jvp: an output does not depend on the primals (strict=True)")
    result: Tensor = zeros_like(lowered(item, level)) if found is None else found
    return result


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that gives the Jacobian of ``func``, by a Jacobian-vector product for each element of the arguments.

    Args:
        func: gives a tree of tensors.
        argnums: the positional arguments to differentiate by.
        has_aux: whether ``func`` gives a pair whose second part is not differentiated.
        randomness: of the columns, as in :func:`vmap`.
        chunk_size: how many columns are computed at once; None for all.

    Returns:
        A function that gives, for each output and each argument, a tensor of shape ``output.shape + argument.shape``.

    Example:
        >>> import tensorwright as tw
        >>> tw.func.jacfwd(lambda x: x * x)(tw.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        given = chosen(args, argnums, "jacfwd")
        leaves, structure = flatten(given)

        def along(*directions: Tensor) -> Any:
            note_if_unit_vectors(directions)
            parts = jvp(
                lambda value: func(*replaced(args, argnums, value), **kwargs),
                (given,), (structure.build(directions),), has_aux=has_aux,
            )  # fmt: skip
            return (parts[1], parts[2]) if has_aux else (parts[1], None)

        pushed = vmap(along, 0, out_dims=(-1, None), randomness=randomness, chunk_size=chunk_size)
        columns, aux = pushed(*unit_vectors(leaves))
        sizes = [leaf.numel() for leaf in leaves]

        def by_argument(joined: Tensor) -> Any:
            parts = joined.split(sizes, -1)
            shapes = [(*joined.shape[:-1], *leaf.shape) for leaf in leaves]
            return structure.build(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))

        jacobian = tree_map(by_argument, columns)
        return (jacobian, aux) if has_aux else jacobian

    return transformed


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that gives the matrix of second derivatives of ``func``, forward over reverse.

    Args:
        func: gives a tensor.
        argnums: the positional arguments to differentiate by.

    Example:
        >>> import tensorwright as tw
        >>> tw.func.hessian(lambda x: (x**3).sum())(tw.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of ``func``, and its derivative at the primals as a linear function of tangents.

    The linear function computes with what the one call of ``func`` has left: it transposes the transposed Jacobian.

    Args:
        func: takes trees of tensors, gives a tree of tensors.
        primals: where to linearize.

    Returns:
        ``(output, jvp_fn)``; ``jvp_fn(*tangents)`` takes one tangent for each primal.

    Example:
        >>> import tensorwright as tw
        >>> value, push = tw.func.linearize(lambda x: x * x, tw.tensor([1.0, 3.0]))
        >>> push(tw.ones(2)).tolist()
        [2.0, 6.0]
    """
    output, pull = vjp(func, *primals)
    outputs, out_structure = flatten(output)

    def push(*tangents: Any) -> Any:
        if flatten(tuple(tangents))[1] != flatten(tuple(primals))[1]:
            raise ValueError("linearize: the tangents must have the structure of the primals")
        seeds = out_structure.build(zeros_like(item) for item in outputs)
        _, transpose = vjp(pull, seeds)
        return transpose(tuple(tangents))[0]

    return output, push
