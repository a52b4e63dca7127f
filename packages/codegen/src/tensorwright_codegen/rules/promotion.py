"""Type promotion by the rules of the array API standard, for the Python evaluation of rules."""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT_FLOAT = "float32"
_COMPLEX_OF = {
    "float8_e4m3fn": "complex64",
    "float8_e5m2": "complex64",
    "float16": "complex64",
    "bfloat16": "complex64",
    "float32": "complex64",
    "float64": "complex128",
}
_REAL_OF = {"complex64": "float32", "complex128": "float64"}
_SCALAR_KINDS = ((bool, "bool"), (int, "integer"), (float, "floating"), (complex, "complex"))
_KIND_ORDER = ("bool", "integer", "floating", "complex")


def is_floating(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def is_complex(dtype: str) -> bool:
    return dtype.startswith("complex")


def is_integral(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))


def kind_of(dtype: str) -> str:
    if dtype == "bool":
        return "bool"
    return "integer" if is_integral(dtype) else "complex" if is_complex(dtype) else "floating"


def itemsize(dtype: str) -> int:
    digits = "".join(c for c in dtype.partition("_")[0] if c.isdigit())
    return int(digits) // 8 if digits else 1


def real_dtype(dtype: str) -> str:
    return _REAL_OF.get(dtype, dtype)


def complex_dtype(dtype: str) -> str:
    return dtype if is_complex(dtype) else _COMPLEX_OF[float_dtype(dtype)]


def float_dtype(dtype: str) -> str:
    return dtype if is_floating(dtype) or is_complex(dtype) else DEFAULT_FLOAT


def statistics_dtype(dtype: str) -> str:
    """What means and variances of a dtype are kept in."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def promote_types(a: str, b: str) -> str:
    """
    >>> promote_types("int8", "uint8"), promote_types("int64", "float16"), promote_types("float16", "bfloat16")
    ('int16', 'float16', 'float32')
    """
    if a == b:
        return a
    low, high = sorted((a, b), key=lambda d: _KIND_ORDER.index(kind_of(d)))
    if kind_of(low) != kind_of(high):
        if is_complex(high) and is_floating(low):
            return complex_dtype(low) if itemsize(high) == 8 else high
        return high
    if kind_of(a) == "integer" and a.startswith("uint") != b.startswith("uint"):
        return _promote_signs(*sorted((a, b), key=lambda d: d.startswith("uint")))
    if kind_of(a) == "floating" and itemsize(a) == itemsize(b):
        return "float16" if itemsize(a) == 1 else "float32"
    return max(a, b, key=itemsize)


def _promote_signs(signed: str, unsigned: str) -> str:
    """The narrowest type with the values of both; of uint64 and a signed type there is none."""
    bits = max(8 * itemsize(signed), 16 * itemsize(unsigned))
    return f"int{bits}" if bits <= 64 else "float64"


def scalar_dtype(value: bool | int | float | complex, beside: str | None) -> str:
    """What a Python scalar contributes: nothing but its kind, when it is higher than that of the tensors."""
    kind = next(name for type_, name in _SCALAR_KINDS if isinstance(value, type_))
    if beside is not None and _KIND_ORDER.index(kind) <= _KIND_ORDER.index(kind_of(beside)):
        return beside
    if kind == "complex":
        return complex_dtype(beside or DEFAULT_FLOAT)
    return {"bool": "bool", "integer": "int64", "floating": DEFAULT_FLOAT}[kind]


def result_type(dtypes: Iterable[str], scalars: Iterable[bool | int | float | complex]) -> str:
    result: str | None = None
    for dtype in dtypes:
        result = dtype if result is None else promote_types(result, dtype)
    for scalar in sorted(scalars, key=lambda s: isinstance(s, (float, complex)) + isinstance(s, complex)):
        result = scalar_dtype(scalar, result)
    return result or DEFAULT_FLOAT
