"""For tests of code that uses tensors: comparisons with a tolerance, and random tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorwright import _C
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike, DtypeLike, dtype

__all__ = ["assert_close", "make_tensor"]

_TOLERANCE: dict[dtype, tuple[float, float]] = {  # relative, absolute
    _C.float16: (1e-3, 1e-5), _C.bfloat16: (1.6e-2, 1e-5), _C.float32: (1.3e-6, 1e-5), _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5), _C.complex128: (1e-7, 1e-7),
}  # fmt: skip
_Message = str | Callable[[str], str] | None


def _op(name: str) -> Callable[..., Any]:
    return _C.op_functions[name]


def _default_tolerance(one: dtype, other: dtype) -> tuple[float, float]:
    pairs = [_TOLERANCE.get(d, (0.0, 0.0)) for d in (one, other)]
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


class _Comparison:
    """The options of one call of assert_close."""

    def __init__(self, rtol: float | None, atol: float | None, equal_nan: bool, checks: Mapping[str, bool]) -> None:
        if (rtol is None) is not (atol is None):
            raise ValueError("assert_close: rtol and atol must be given together, or neither")
        self._rtol, self._atol, self._equal_nan, self._checks = rtol, atol, equal_nan, checks

    def compare(self, actual: Any, expected: Any, place: str) -> str | None:
        """What is wrong, or None."""
        if isinstance(actual, Mapping) and isinstance(expected, Mapping):
            return self._mappings(actual, expected, place)
        if _is_sequence(actual) and _is_sequence(expected):
            return self._sequences(actual, expected, place)
        if actual is None or expected is None:
            return None if actual is expected else f"{place}None is compared with {type(expected).__name__}"
        one, other = _as_tensor(actual), _as_tensor(expected)
        if one is None or other is None:
            names = f"{type(actual).__name__} and {type(expected).__name__}"
            raise TypeError(f"assert_close: {place}expected tensors, numbers or containers of them, got {names}")
        problem = self._attributes(one, other, both_tensors=_are_tensors(actual, expected))
        problem = problem or self._values(one, other)
        return None if problem is None else f"{place}{problem}"

    def _mappings(self, actual: Mapping[Any, Any], expected: Mapping[Any, Any], place: str) -> str | None:
        if set(actual) != set(expected):
            missing, extra = set(expected) - set(actual), set(actual) - set(expected)
            return (
                f"{place}the keys differ: missing {sorted(map(str, missing))}, not expected {sorted(map(str, extra))}"
            )
        return self._first((actual[key], expected[key], f"{place}[{key!r}]: ") for key in actual)

    def _sequences(self, actual: Sequence[Any], expected: Sequence[Any], place: str) -> str | None:
        if len(actual) != len(expected):
            return f"{place}the lengths differ: {len(actual)} and {len(expected)}"
        return self._first((a, b, f"{place}[{i}]: ") for i, (a, b) in enumerate(zip(actual, expected, strict=True)))

    def _first(self, pairs: Any) -> str | None:
        return next((problem for pair in pairs if (problem := self.compare(*pair)) is not None), None)

    def _attributes(self, one: Tensor, other: Tensor, *, both_tensors: bool) -> str | None:
        if one.shape != other.shape:
            return f"the shapes differ: {tuple(one.shape)} and {tuple(other.shape)}"
        if not both_tensors:
            return None
        kinds = (("device", one.device, other.device), ("dtype", one.dtype, other.dtype))
        for name, a, b in (*kinds, ("stride", one.stride(), other.stride())):
            if self._checks[name] and a != b:
                return f"the {name}s differ: {a} and {b}"
        return None

    def _values(self, one: Tensor, other: Tensor) -> str | None:
        rtol, atol = _default_tolerance(one.dtype, other.dtype)
        if self._rtol is not None and self._atol is not None:
            rtol, atol = self._rtol, self._atol
        if one.is_meta or other.is_meta:
            return None
        common = _wide(_C.promote_types(one.dtype, other.dtype))
        a, b = one.detach().to("cpu", common), other.detach().to("cpu", common)
        close = _close(a, b, rtol, atol, self._equal_nan)
        wrong = close.numel() - int(close.sum())
        return None if wrong == 0 else _report(a, b, close, wrong, rtol, atol)


def _wide(d: dtype) -> dtype:
    """A dtype in which differences are exact enough."""
    if d == _C.bool:
        return _C.int64
    if d.is_complex:
        return _C.complex128
    return _C.float64 if d.is_floating_point else _C.int64 if d != _C.uint64 else d


def _close(a: Tensor, b: Tensor, rtol: float, atol: float, equal_nan: bool) -> Tensor:
    same = _op("eq")(a, b)
    if rtol or atol:
        difference = _op("abs")(_op("sub")(a, b))
        allowed = _op("add")(_op("mul")(_op("abs")(b), rtol), atol)
        near = _op("logical_and")(_op("le")(difference, allowed), _op("isfinite")(b))
        same = _op("logical_or")(same, near)
    if equal_nan:
        same = _op("logical_or")(same, _op("logical_and")(_op("ne")(a, a), _op("ne")(b, b)))
    return same  # type: ignore[no-any-return]


def _report(a: Tensor, b: Tensor, close: Tensor, wrong: int, rtol: float, atol: float) -> str:
    difference = _op("abs")(_op("sub")(a, b)).to(_C.float64).reshape(-1)
    difference = _op("where")(close.reshape(-1), 0.0, _op("nan_to_num")(difference, nan=float("inf")))
    position = int(difference.argmax())
    actual, expected = a.reshape(-1)[position].item(), b.reshape(-1)[position].item()
    index = tuple(int(i) for i in _op("unravel_index")(_C.tensor_from_data(position, None, "assert_close"), a.shape))
    where = f" at index {index}" if index else ""
    return (
        f"{wrong} of {close.numel()} elements are not close (rtol {rtol:g}, atol {atol:g}); the furthest{where}: "
        f"{actual!r}, expected {expected!r}"
    )


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _are_tensors(*values: Any) -> bool:
    return all(isinstance(value, Tensor) for value in values)


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    is_array = hasattr(value, "__array__") or isinstance(value, (bool, int, float, complex))
    return _C.tensor_from_data(value, None, "assert_close") if is_array else None


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: _Message = None,
) -> None:
    """Raise AssertionError unless ``abs(actual - expected) <= atol + rtol * abs(expected)`` for all elements.

    Args:
        actual: a tensor, number or array; or a sequence or mapping of them.
        expected: the same kind of thing.
        allow_subclasses: False refuses values of different types.
        rtol: relative tolerance; with ``atol`` by the dtype if absent (1.3e-6 and 1e-5 for float32, 0 for integers).
        atol: absolute tolerance.
        equal_nan: whether NaN equals NaN.
        check_device: whether tensors must lie on one device.
        check_dtype: whether they must have one dtype.
        check_layout: there is one layout.
        check_stride: whether they must have one order in memory.
        msg: what the error says, or a function of what it would say.

    Raises:
        AssertionError: if they are not close; it says how many elements differ, and where most.
        TypeError: if something is no tensor, number or container.

    Example:
        >>> import tensorwright as tw
        >>> tw.testing.assert_close(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 2.0 + 1e-7]))
        >>> tw.testing.assert_close(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 3.0]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        AssertionError: 1 of 2 elements are not close ...; the furthest at index (1,): 2.0, expected 3.0
    """
    if not allow_subclasses and type(actual) is not type(expected):
        raise TypeError(f"assert_close: {type(actual).__name__} is compared with {type(expected).__name__}")
    checks = {"device": check_device, "dtype": check_dtype, "stride": check_stride}
    problem = _Comparison(rtol, atol, equal_nan, checks).compare(actual, expected, "")
    if problem is not None:
        raise AssertionError(problem if msg is None else msg(problem) if callable(msg) else msg)


def make_tensor(
    *shape: int | Sequence[int],
    dtype: DtypeLike,
    device: DeviceLike = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """A tensor of random values.

    Args:
        shape: sizes, or one sequence of them.
        dtype: of the elements.
        device: where it lies.
        low: the least value: -9 if absent (0 for uint8 and bool); real and imaginary parts for complex dtypes.
        high: the bound above all values: 9 if absent (10 for integers, 2 for bool).
        requires_grad: whether autograd records operations on it.
        noncontiguous: leave a gap after each element, where the shape allows it.
        exclude_zero: replace zeros by the smallest positive value.
        memory_format: ``tw.channels_last`` and the like.

    Raises:
        ValueError: if ``low`` is not below ``high``, or ``noncontiguous`` and ``memory_format`` are both given.

    Example:
        >>> import tensorwright as tw
        >>> tw.testing.make_tensor(2, 3, dtype=tw.float32).shape
        (2, 3)
    """
    if noncontiguous and memory_format is not None:
        raise ValueError("make_tensor: noncontiguous and memory_format exclude each other")
    sizes = [int(n) for part in shape for n in ([part] if isinstance(part, int) else part)]
    made = _values(sizes, _op("empty")(0, dtype=dtype, device="cpu").dtype, low, high)
    if exclude_zero:
        made = _op("where")(_op("eq")(made, 0), _least(made.dtype), made).to(made.dtype)
    if noncontiguous and sizes and made.numel() > 1:
        made = _op("repeat_interleave")(made, 2, -1)[..., ::2]
    made = made.to(device)
    if memory_format is not None:
        made = made.to(memory_format=memory_format)
    return made.requires_grad_() if requires_grad else made


def _bounds(d: dtype, low: float | None, high: float | None) -> tuple[float, float]:
    if d == _C.bool:
        defaults = (0.0, 2.0)
    elif d.is_floating_point or d.is_complex:
        defaults = (-9.0, 9.0)
    else:
        defaults = (-9.0 if d.is_signed else 0.0, 10.0)
    least, most = defaults[0] if low is None else low, defaults[1] if high is None else high
    if not least < most:
        raise ValueError(f"make_tensor: low must be below high, got {least} and {most}")
    return least, most


def _values(sizes: list[int], d: dtype, low: float | None, high: float | None) -> Tensor:
    least, most = _bounds(d, low, high)
    if not (d.is_floating_point or d.is_complex):
        drawn: Tensor = _op("randint")(int(least), int(most), sizes, dtype=_C.int64, device="cpu")
        return drawn.to(d)
    parts = [*sizes, 2] if d.is_complex else sizes
    uniform = _op("rand")(parts, dtype=_C.float64, device="cpu") * (most - least) + least
    whole: Tensor = _op("view_as_complex")(uniform) if d.is_complex else uniform
    return whole.to(d)


def _least(d: dtype) -> float:
    return _C.finfo(d).tiny if d.is_floating_point or d.is_complex else 1
