"""The functions of the rule language: their types here, their meaning in evaluate.py and csrc/dispatch/rules.h."""

from __future__ import annotations

from dataclasses import dataclass

from .tree import RuleType as T

_NUMBER = frozenset({T.INT, T.FLOAT, T.BOOL, T.SCALAR})
_INT = frozenset({T.INT, T.BOOL})
_INTS = frozenset({T.INTS})
_DIMS = frozenset({T.INTS, T.INT})
_DTYPE = frozenset({T.DTYPE})
_TYPED = frozenset({T.TENSOR, T.OPERAND, T.SCALAR, T.DTYPE, T.TENSORS})
_ANY_LIST = frozenset({T.INTS, T.FLOATS, T.TENSORS})


@dataclass(frozen=True)
class Function:
    """Parameter types (the last repeats when variadic), the result, and which parameters take an absent optional."""

    parameters: tuple[frozenset[T], ...]
    result: T
    variadic: bool = False
    optional: tuple[int, ...] = ()
    doc: str = ""


FUNCTIONS: dict[str, Function] = {
    "len": Function((_ANY_LIST,), T.INT, doc="number of elements"),
    "abs": Function((_INT,), T.INT),
    "range": Function((_INT, _INT), T.INTS, variadic=True, doc="range(n) or range(start, stop)"),
    "sum": Function((_INTS,), T.INT),
    "prod": Function((_INTS,), T.INT, doc="product; refused when it overflows"),
    "distinct": Function((_INTS,), T.BOOL, doc="no value twice"),
    "joint_shape": Function(
        (frozenset({T.TENSORS}),), T.INTS, doc="shape of the first tensor that is not an empty vector, or of the first"
    ),
    "broadcast": Function((_INTS, _INTS), T.INTS, variadic=True, doc="the shape that all broadcast to, or an error"),
    "broadcasts": Function((_INTS, _INTS), T.BOOL, doc="whether the first shape broadcasts to the second"),
    "reduced": Function((_INTS, _DIMS, _INT), T.INTS, optional=(1,), doc="shape after reduction; no dims: all of them"),
    "normalize_dim": Function((_INT, _INT), T.INT, doc="negative counts from the end; IndexError if out of range"),
    "normalize_dims": Function((_DIMS, _INT), T.INTS, doc="normalize_dim of each; refuses a dim given twice"),
    "without": Function((_INTS, _INT), T.INTS, doc="the list without the element at an index"),
    "inserted": Function((_INTS, _INT, _INT), T.INTS, doc="the list with a value inserted at an index"),
    "replaced": Function((_INTS, _INT, _INT), T.INTS, doc="the list with the value at an index replaced"),
    "pooled_size": Function(
        (_INT, _INT, _INT, _INT, _INT, _INT), T.INT, doc="(size, kernel, stride, padding, dilation, ceil_mode)"
    ),
    "promote": Function((_TYPED,), T.DTYPE, variadic=True, doc="result dtype of tensors, scalars and dtypes"),
    "float_dtype": Function((_DTYPE,), T.DTYPE, doc="integers and bool become the default floating dtype"),
    "real_dtype": Function((_DTYPE,), T.DTYPE, doc="complex64 becomes float32, complex128 float64"),
    "complex_dtype": Function((_DTYPE,), T.DTYPE, doc="the complex dtype of the same precision"),
    "statistics_dtype": Function((_DTYPE,), T.DTYPE, doc="float32 for float16 and bfloat16, else the dtype itself"),
    "default_dtype": Function((), T.DTYPE, doc="the default floating dtype"),
    "is_floating": Function((_DTYPE,), T.BOOL),
    "is_integral": Function((_DTYPE,), T.BOOL, doc="integers, not bool"),
    "is_complex": Function((_DTYPE,), T.BOOL),
    "itemsize": Function((_DTYPE,), T.INT, doc="bytes of one element"),
}
# min and max take numbers or one list; all and any a comprehension.
EXTREMA = ("min", "max")
FOLDS = ("all", "any", "sum", "prod", "min", "max")
ATTRIBUTES: dict[str, T] = {"ndim": T.INT, "shape": T.INTS, "numel": T.INT, "dtype": T.DTYPE, "device": T.DEVICE}
