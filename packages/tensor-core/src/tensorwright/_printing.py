"""Tensors as text: NumPy's layout, on our own formatter."""

from __future__ import annotations

import html
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tensorwright import _C
from tensorwright._C import Tensor

Nested = Any  # a number, or a list of Nested


@dataclass(frozen=True)
class PrintOptions:
    """What ``set_printoptions`` sets."""

    precision: int = 4
    threshold: int = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=2**63 - 1),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors print.

    Args:
        precision: most digits after the decimal point; fewer are shown where they suffice. Default 4.
        threshold: tensors of more elements than this are summarised. Default 1000.
        edgeitems: elements shown at each end of a summarised dimension. Default 3.
        linewidth: characters in a line. Default 80.
        profile: ``"default"``, ``"short"`` or ``"full"``; the other arguments refine it.
        sci_mode: scientific notation always (True), never (False), or where it reads better (None).

    Raises:
        ValueError: for an unknown profile or a negative number.

    Example:
        >>> import tensorwright as tw
        >>> tw.set_printoptions(precision=2)
        >>> tw.tensor([1 / 3, 2.0])
        tensor([0.33, 2.  ])
        >>> tw.set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {sorted(_PROFILES)}, got {profile!r}")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None and value < 0:
            raise ValueError(f"set_printoptions: {name} must not be negative, got {value}")
    options = _PROFILES[profile] if profile is not None else _options
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(options, sci_mode=sci_mode, **changes)


def get_printoptions() -> PrintOptions:
    """The options in force, as ``set_printoptions`` left them."""
    return _options


# ---- numbers ---------------------------------------------------------------------------------------------


def _round_bfloat16(x: float) -> float:
    (bits,) = struct.unpack("<I", struct.pack("<f", x))
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    (rounded,) = struct.unpack("<f", struct.pack("<I", bits))
    return float(rounded)


def _round_float8(dtype: _C.dtype) -> Callable[[float], float]:
    return lambda x: float(_C.tensor_from_data(x, dtype, "print").item())


def _round_with(code: str) -> Callable[[float], float]:
    packer = struct.Struct("<" + code)
    return lambda x: float(packer.unpack(packer.pack(x))[0])


@dataclass(frozen=True)
class _FloatKind:
    """How a floating type is read back, and from which magnitude on it prints in scientific notation."""

    read: Callable[[float], float]
    most_digits: int
    scientific_from: float


_FLOAT_KINDS = {
    "float8_e4m3fn": _FloatKind(_round_float8(_C.float8_e4m3fn), 3, 1e3),
    "float8_e5m2": _FloatKind(_round_float8(_C.float8_e5m2), 3, 1e3),
    "float16": _FloatKind(_round_with("e"), 5, 1e3),
    "bfloat16": _FloatKind(_round_bfloat16, 4, 1e3),
    "float32": _FloatKind(_round_with("f"), 9, 1e6),
    "float64": _FloatKind(float, 17, 1e8),
}
_FLOAT_KINDS["complex64"] = _FLOAT_KINDS["float32"]
_FLOAT_KINDS["complex128"] = _FLOAT_KINDS["float64"]


def _shortest(x: float, kind: _FloatKind) -> tuple[str, int]:
    """The fewest digits that read back as ``x``, and the exponent of the first of them."""
    for digits in range(1, kind.most_digits + 1):
        text = f"{x:.{digits - 1}e}"
        try:
            if kind.read(float(text)) == x:
                break
        except OverflowError:  # rounded up beyond the largest number
            continue
    mantissa, _, exponent = text.partition("e")
    return mantissa.replace(".", "").lstrip("-").rstrip("0") or "0", int(exponent)


def _sign(x: float, plus: bool) -> str:
    return "-" if math.copysign(1.0, x) < 0 else "+" if plus else ""


def _positional(x: float, kind: _FloatKind, precision: int, plus: bool) -> tuple[str, str]:
    """Digits before and after the decimal point, as many as ``x`` needs and ``precision`` allows."""
    digits, exponent = _shortest(abs(x), kind)
    decimals = len(digits) - 1 - exponent
    if decimals > precision:
        whole, _, fraction = f"{abs(x):.{precision}f}".partition(".")
        return _sign(x, plus) + whole, fraction.rstrip("0")
    digits = digits.ljust(exponent + 1, "0")
    if exponent < 0:
        return _sign(x, plus) + "0", "0" * (-exponent - 1) + digits if digits != "0" else ""
    return _sign(x, plus) + digits[: exponent + 1], digits[exponent + 1 :]


def _scientific(x: float, kind: _FloatKind, precision: int, plus: bool) -> tuple[str, str, str]:
    """The digit before the point, those after it, and the signed exponent."""
    digits, exponent = _shortest(abs(x), kind)
    if len(digits) - 1 > precision:
        mantissa, _, power = f"{abs(x):.{precision}e}".partition("e")
        digits, exponent = mantissa.replace(".", ""), int(power)
    sign = "-" if exponent < 0 else "+"
    return _sign(x, plus) + digits[0], digits[1:].rstrip("0"), f"{sign}{abs(exponent):02d}"


class _FloatFormat:
    """Formats numbers so that their decimal points stand below each other."""

    def __init__(self, values: Sequence[float], kind: _FloatKind, options: PrintOptions, plus: bool = False) -> None:
        self._kind, self._precision, self._plus = kind, options.precision, plus
        finite = [x for x in values if math.isfinite(x)]
        self._is_scientific = self._reads_better_scientific(finite, options.sci_mode)
        self._left = self._right = self._exponent = 0
        if self._is_scientific:
            parts = [_scientific(x, kind, options.precision, plus) for x in finite]
            self._left = max((len(whole) for whole, _, _ in parts), default=0)
            self._decimals = max((len(fraction) for _, fraction, _ in parts), default=0)
            self._exponent = max((len(power) for _, _, power in parts), default=0)
            self._right = self._decimals + self._exponent + 1
        else:
            pairs = [_positional(x, kind, options.precision, plus) for x in finite]
            self._left = max((len(whole) for whole, _ in pairs), default=0)
            self._right = max((len(fraction) for _, fraction in pairs), default=0)
        if len(finite) != len(values):
            signed = plus or any(x == -math.inf for x in values)
            self._left = max(self._left, 3 - self._right - 1, 3 + signed - self._right - 1)

    def _reads_better_scientific(self, finite: Sequence[float], wanted: bool | None) -> bool:
        sizes = [abs(x) for x in finite if x != 0]
        if wanted is not None or not sizes:
            return bool(wanted) and bool(finite)
        largest, smallest = max(sizes), min(sizes)
        return largest >= self._kind.scientific_from or smallest < 1e-4 or self._ratio(largest, smallest) > 1000.0

    def _ratio(self, largest: float, smallest: float) -> float:
        """The quotient as the tensor's own arithmetic would round it."""
        try:
            return self._kind.read(largest / smallest)
        except OverflowError:
            return math.inf

    def __call__(self, x: float) -> str:
        if not math.isfinite(x):
            text = ("+" if self._plus else "") + "nan" if math.isnan(x) else _sign(x, self._plus) + "inf"
            return text.rjust(self._left + self._right + 1)
        if self._is_scientific:
            mantissa, _, power = f"{abs(x):.{self._decimals}e}".partition("e")
            whole, _, fraction = mantissa.partition(".")
            power = power[0] + power[1:].rjust(self._exponent - 1, "0")
            return f"{(_sign(x, self._plus) + whole).rjust(self._left)}.{fraction}e{power}"
        whole, fraction = _positional(x, self._kind, self._precision, self._plus)
        return f"{whole.rjust(self._left)}.{fraction.ljust(self._right)}"


class _ComplexFormat:
    def __init__(self, values: Sequence[complex], kind: _FloatKind, options: PrintOptions) -> None:
        self._real = _FloatFormat([z.real for z in values], kind, options)
        self._imag = _FloatFormat([z.imag for z in values], kind, options, plus=True)

    def __call__(self, z: complex) -> str:
        imag = self._imag(z.imag)
        end = len(imag.rstrip())
        return f"{self._real(z.real)}{imag[:end]}j{imag[end:]}"


class _PlainFormat:
    """Integers and bools, right-justified."""

    def __init__(self, values: Sequence[int]) -> None:
        self._width = max((len(str(x)) for x in values), default=0)

    def __call__(self, x: int) -> str:
        return str(x).rjust(self._width)


def _formatter(values: Sequence[Any], dtype: str, shape: Sequence[int], options: PrintOptions) -> Callable[[Any], str]:
    if dtype.startswith("complex"):
        return _ComplexFormat(values, _FLOAT_KINDS[dtype], options)
    if dtype in _FLOAT_KINDS:
        return _FloatFormat(values, _FLOAT_KINDS[dtype], options)
    if dtype == "bool" and shape:
        return lambda x: " True" if x else "False"
    return _PlainFormat(values)


# ---- layout ----------------------------------------------------------------------------------------------


def _shown(tensor: Tensor, edge: int | None) -> Nested:
    """The elements that are printed, as nested lists; of a summarised dimension its two ends."""
    if tensor.ndim == 0 or edge is None:
        return tensor.tolist()
    if tensor.shape[0] <= 2 * edge:
        return [_shown(row, edge) for row in tensor] if tensor.ndim > 1 else tensor.tolist()
    if tensor.ndim == 1:
        return tensor[:edge].tolist() + tensor[tensor.shape[0] - edge :].tolist()
    rows = [*range(edge), *range(tensor.shape[0] - edge, tensor.shape[0])]
    return [_shown(tensor[i], edge) for i in rows]


def _leaves(nested: Nested) -> list[Any]:
    if not isinstance(nested, list):
        return [nested]
    if nested and not isinstance(nested[0], list):
        return nested
    return [leaf for item in nested for leaf in _leaves(item)]


@dataclass(frozen=True)
class _Layout:
    """Where lines break (as in NumPy's arrays)."""

    shape: Sequence[int]
    edge: int | None
    form: Callable[[Any], str]

    def text(self, nested: Nested, indent: str, width: int, axis: int = 0) -> str:
        if axis == len(self.shape):
            return self.form(nested)
        inner = [self.text(item, indent + " ", width - 1, axis + 1) for item in nested]
        if self.edge is not None and self.shape[axis] > 2 * self.edge:
            inner.insert(self.edge, "...")
        if axis == len(self.shape) - 1:
            return "[" + self._fill(inner, indent, width)[len(indent) :] + "]"
        between = "," + "\n" * (len(self.shape) - axis - 1) + indent
        return "[" + between.join(inner) + "]"

    @staticmethod
    def _fill(words: Sequence[str], indent: str, width: int) -> str:
        lines, line = [], indent
        for i, word in enumerate(words):
            if len(line) + len(word) > width - 1 and len(line) > len(indent):
                lines.append(line.rstrip())
                line = indent
            line += word if i == len(words) - 1 else word + ", "
        return "\n".join([*lines, line])


def _host_values(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu")


def format_values(tensor: Tensor, prefix: str, suffix: str) -> str:
    """The elements between brackets; lines after the first are indented by the prefix's length."""
    edge = _options.edgeitems if tensor.numel() > _options.threshold else None
    with _C.LayerMask(exclude=_C.ALL_LAYERS):
        nested = _shown(_host_values(tensor), edge)
    form = _formatter(_leaves(nested), tensor.dtype.name, tensor.shape, _options)
    layout = _Layout(tensor.shape, edge, form)
    return layout.text(nested, " " + " " * len(prefix), _options.linewidth - len(suffix))


def _is_readable(tensor: Tensor) -> bool:
    """Whether it has values: inside of vmap there are some for each entry of the batch."""
    try:
        _C.op_functions["contents"](tensor)
    except RuntimeError:
        return False
    return True


def _gradient_note(tensor: Tensor) -> str | None:
    if not _C.has_layer(tensor, _C.AUTOGRAD_LAYER):
        return None
    function = getattr(tensor, "grad_fn", None)
    if function is not None:
        return f"grad_fn=<{function.name()}>"
    return "requires_grad=True" if getattr(tensor, "requires_grad", False) else None


def _notes(tensor: Tensor) -> list[str]:
    """What is said of a tensor after its values."""
    notes = []
    if tensor.is_meta or not _is_readable(tensor) or (tensor.numel() == 0 and tensor.ndim != 1):
        notes.append(f"size={tuple(tensor.shape)}")
    default = _C.get_default_dtype()
    told_by_values = (default, _C.bool, _C.int64) if tensor.numel() else (default,)
    if tensor.dtype not in told_by_values:
        notes.append(f"dtype={tensor.dtype}")
    if not tensor.is_cpu:
        notes.append(f"device='{tensor.device}'")
    gradient = _gradient_note(tensor)
    return notes + [gradient] if gradient else notes


def tensor_repr(tensor: Tensor) -> str:
    """``repr(tensor)``."""
    prefix, notes = "tensor(", _notes(tensor)
    if tensor.is_meta or not _is_readable(tensor):
        body = "..."
    elif tensor.numel() == 0:
        body = "[]"
    else:
        body = format_values(tensor, prefix, "," if notes else ")")
    for note in notes:
        last_line = body[body.rfind("\n") + 1 :] if "\n" in body else prefix + body
        is_full = len(last_line) + len(note) + 3 > _options.linewidth
        body += (",\n" + " " * len(prefix) if is_full else ", ") + note
    return prefix + body + ")"


def tensor_html(tensor: Tensor) -> str:
    """What notebooks show: shape, dtype and device, then the values."""
    size = f"{tensor.nbytes:,} bytes"
    about = f"shape {tuple(tensor.shape)}, {tensor.dtype.name}, {tensor.device}, {size}"
    gradient = _gradient_note(tensor)
    if gradient:
        about += f", {gradient}"
    body = "..." if tensor.is_meta else "[]" if tensor.numel() == 0 else format_values(tensor, "", "")
    return f"<div><small>{html.escape(about)}</small><pre>{html.escape(body)}</pre></div>"
