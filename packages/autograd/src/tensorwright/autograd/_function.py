"""Operations with gradients of one's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any, NamedTuple

from tensorwright import Tensor, is_grad_enabled, no_grad
from tensorwright.autograd import _transforms
from tensorwright.autograd._library import op

_record = op("function")


class _KeptOutput(NamedTuple):
    """Stands for an output of the function in what the context keeps."""

    position: int  # among the saved tensors


def _check_tensors(method: str, items: Sequence[object]) -> None:
    for i, item in enumerate(items):
        if item is not None and not isinstance(item, Tensor):
            raise TypeError(f"{method}: argument {i} must be a Tensor or None, got {type(item).__name__}")


class FunctionCtx:
    """What ``forward`` and ``backward`` of a :class:`Function` share; any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument of ``apply``, whether its gradient is asked for.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Tensor | None, ...] = ()
        self._to_save_forward: tuple[Tensor | None, ...] = ()
        self._saved_count = 0
        self._saved_on: dict[int, tuple[Tensor | None, ...]] = {}  # by thread: several may run `backward` at once
        self._outputs: dict[str, Any] = {}  # attributes with outputs in them, see _set_outputs_apart
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``backward``, where they are ``ctx.saved_tensors``.

        A tensor that is modified in place afterwards is refused there. Other values are set as attributes of ``ctx``.

        Raises:
            TypeError: if something is neither a tensor nor None.
        """
        _check_tensors("save_for_backward", tensors)
        self._to_save, self._saved_count = tensors, len(tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``jvp``, where they are ``ctx.saved_tensors``; without a call, those for ``backward`` are.

        Raises:
            TypeError: if something is neither a tensor nor None.
        """
        _check_tensors("save_for_forward", tensors)
        self._to_save_forward = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What ``save_for_backward`` kept inside of ``backward``, what ``save_for_forward`` kept inside of ``jvp``.

        Raises:
            RuntimeError: outside of both.
        """
        if self._saved is None:
            raise RuntimeError("ctx.saved_tensors: saved tensors are there only while backward runs")
        return self._saved[: self._saved_count]

    @property
    def _saved(self) -> tuple[Tensor | None, ...] | None:
        return self._saved_on.get(get_ident())

    @_saved.setter
    def _saved(self, tensors: tuple[Tensor | None, ...] | None) -> None:
        if tensors is None:
            self._saved_on.pop(get_ident(), None)
        else:
            self._saved_on[get_ident()] = tensors

    def _set_outputs_apart(self, outputs: Sequence[Tensor]) -> None:
        """Save the outputs that forward has set as attributes, or put into lists and tuples that are.

        The graph's node keeps the context, and an output keeps the node: together they would never be freed.
        """
        extra: list[Tensor] = []  # one handle for each output

        def apart(value: Any) -> Any:
            if isinstance(value, Tensor) and any(value is output for output in outputs):
                known = [i for i, tensor in enumerate(extra) if tensor is value]
                if not known:
                    extra.append(value)
                return _KeptOutput(self._saved_count + (known[0] if known else len(extra) - 1))
            if type(value) in (list, tuple):
                return type(value)(apart(item) for item in value)
            return value

        for name in [name for name in vars(self) if name not in _OWN_ATTRIBUTES]:
            value = vars(self)[name]
            parted = apart(value)
            if _holds_output(parted):
                self._outputs[name] = parted
                delattr(self, name)
        self._to_save = (*self._to_save, *extra)

    def __getattr__(self, name: str) -> Any:
        """Attributes that _set_outputs_apart took away."""
        outputs = vars(self).get("_outputs", {})
        if name not in outputs:
            raise AttributeError(f"the context of this Function has no attribute {name!r}")
        saved = self._saved
        if saved is None:
            raise AttributeError(f"ctx.{name} holds an output of the function: it is there only while backward runs")

        def joined(value: Any) -> Any:
            if isinstance(value, _KeptOutput):
                return saved[value.position]
            return type(value)(joined(item) for item in value) if type(value) in (list, tuple) else value

        return joined(outputs[name])

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs ``forward`` has modified in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient; ``backward`` still gets a gradient for them, of zeros."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (as by default) or None for outputs without a gradient."""
        self._materialize = value


def _holds_output(value: Any) -> bool:
    if type(value) in (list, tuple):
        return any(_holds_output(item) for item in value)
    return isinstance(value, _KeptOutput)


_OWN_ATTRIBUTES = frozenset(vars(FunctionCtx()))


class _Backward:
    """What the engine calls: the user's ``backward`` with its context."""

    def __init__(self, function: type[Function], ctx: FunctionCtx, args: Sequence[object], outputs: Sequence[object]):
        self._function = function
        self._ctx = ctx
        self._tensors = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        self._count = len(args)
        self._outputs = [isinstance(output, Tensor) for output in outputs]

    def __call__(self, saved: tuple[Tensor | None, ...], grads: tuple[Tensor | None, ...]) -> list[Tensor | None]:
        given = iter(grads)
        ctx = self._ctx
        outer, ctx._saved = ctx._saved, saved  # `backward` may run a pass over its own graph
        try:
            result = self._function.backward(ctx, *(next(given) if is_tensor else None for is_tensor in self._outputs))
        finally:
            ctx._saved = outer
        return self._for_tensors(result)

    def _for_tensors(self, result: Any) -> list[Tensor | None]:
        name = self._function.__name__
        results = result if isinstance(result, tuple | list) else (result,)
        if len(results) > self._count and not any(extra is not None for extra in results[self._count :]):
            results = results[: self._count]
        if len(results) != self._count:
            raise RuntimeError(
                f"{name}.backward returned {len(results)} gradients, expected {self._count}, one per argument of apply"
            )
        for i, gradient in enumerate(results):
            if gradient is not None and not isinstance(gradient, Tensor):
                raise TypeError(
                    f"{name}.backward: gradient {i} must be a Tensor or None, got {type(gradient).__name__}"
                )
            if gradient is not None and i not in self._tensors:
                raise RuntimeError(f"{name}.backward: argument {i} is not a tensor, its gradient must be None")
        return [results[i] for i in self._tensors]


class Function:
    """An operation whose gradient you write: subclass it, and call ``apply``.

    Define static methods ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``; or, to keep the context out of
    the computation, ``forward(*args)`` and ``setup_context(ctx, inputs, output)``. ``backward`` returns one gradient
    for each argument of ``forward``, None where there is none. ``forward`` is not recorded; ``backward`` is, when the
    pass runs with ``create_graph=True``.

    Example:
        >>> import tensorwright as tw
        >>> class Cube(tw.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x * x * grad
        >>> x = tw.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad.item()
        12.0
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: tensors, or a tuple of tensors and other values."""
        raise NotImplementedError("a Function must define the static method forward")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep for ``backward`` what it needs; if defined, ``forward`` gets no ``ctx``."""
        raise NotImplementedError

    generate_vmap_rule = False  # let vmap batch `forward` and `backward` themselves, instead of calling `vmap`

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        """Compute the gradients of the arguments from those of the outputs."""
        raise NotImplementedError("a Function must define the static method backward")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "vjp" not in vars(cls):
            return
        if "backward" in vars(cls):
            raise TypeError(f"{cls.__name__} defines backward and vjp, which are two names of one method")
        cls.backward = cls.vjp  # type: ignore[method-assign]

    @staticmethod
    def vjp(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        """Another name of ``backward``, to be defined in its place."""
        raise NotImplementedError("a Function must define the static method backward, or vjp")

    @staticmethod
    def jvp(ctx: FunctionCtx, *tangents: Any) -> Any:
        """Compute the tangents of the outputs from those of the arguments, None where there is none."""
        raise NotImplementedError("this Function has no forward-mode derivative: it must define the static method jvp")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Compute a batch: ``(outputs, out_dims)``. ``info`` has ``batch_size`` and ``randomness``."""
        raise NotImplementedError(
            "this Function has no batching rule: it must define the static method vmap, or set generate_vmap_rule=True"
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run ``forward`` and record the call, if gradients are on and an argument requires grad.

        Raises:
            RuntimeError: if ``forward`` modified a leaf that requires grad in place.
        """
        level = _transforms.innermost_level(args)
        if level:
            return _transforms.apply(cls, level, args)
        return cls._apply_here(args)

    @classmethod
    def _apply_here(cls, args: tuple[Any, ...]) -> Any:
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
        with no_grad():
            output = cls._run_forward(ctx, args)
        return cls._record_output(ctx, args, output)

    @classmethod
    def _record_output(cls, ctx: FunctionCtx, args: tuple[Any, ...], output: Any) -> Any:
        recording = is_grad_enabled() and any(ctx.needs_input_grad)
        return cls._recorded(ctx, args, output) if recording else output

    @classmethod
    def _run_forward(cls, ctx: FunctionCtx, args: tuple[Any, ...]) -> Any:
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args)
        output = cls.forward(*args)
        cls.setup_context(ctx, args, output)
        return output

    @classmethod
    def _recorded(cls, ctx: FunctionCtx, args: tuple[Any, ...], output: Any) -> Any:
        outputs = list(output) if isinstance(output, tuple | list) else [output]
        tensors = [item for item in outputs if isinstance(item, Tensor)]
        if not tensors:
            return output
        inputs = [arg for arg in args if isinstance(arg, Tensor)]
        ctx._set_outputs_apart(tensors)
        results = iter(
            _record(
                _Backward(cls, ctx, args, outputs), cls.__name__, inputs, tensors, list(ctx._to_save),
                list(ctx._dirty), list(ctx._constant), ctx._materialize,
            )
        )  # fmt: skip
        ctx._to_save = ctx._to_save_forward = ctx._dirty = ctx._constant = ()  # the node keeps what it needs
        finished = [next(results) if isinstance(item, Tensor) else item for item in outputs]
        return tuple(finished) if isinstance(output, tuple | list) else finished[0]


class _Refuse(Function):
    """Passes tensors on; their gradient is an error."""

    @staticmethod
    def forward(ctx: FunctionCtx, name: str, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.name = name  # type: ignore[attr-defined]
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        raise RuntimeError(f"{ctx.name} is once_differentiable: it cannot be differentiated twice")


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a ``Function.backward`` that cannot be differentiated again: doing so is an error instead of wrong.

    Example:
        >>> import tensorwright as tw
        >>> class Double(tw.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...
        ...     @staticmethod
        ...     @tw.autograd.once_differentiable
        ...     def backward(ctx, grad):
        ...         return 2 * grad
        >>> x = tw.ones(1, requires_grad=True)
        >>> tw.autograd.grad(Double.apply(x), x)[0].tolist()
        [2.0]
    """

    @functools.wraps(backward)
    def wrapper(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            result = backward(ctx, *grads)
        if not is_grad_enabled():
            return result
        results = result if isinstance(result, tuple | list) else (result,)
        tensors = [item for item in results if isinstance(item, Tensor)]
        if not tensors or not any(
            isinstance(item, Tensor) and item.requires_grad for item in (*grads, *(ctx._saved or ()))
        ):
            return result
        guarded = iter(_Refuse.apply(backward.__qualname__, *(tensor.requires_grad_() for tensor in tensors)))
        return tuple(next(guarded) if isinstance(item, Tensor) else item for item in results)

    return wrapper
