"""What a formula may name, and how each looks in C++: gradients, saved arguments and results, their geometry."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..facets import Arg, Op, Type

# C++ types of a formula's terms.
TENSOR = "Tensor"
REF = "TensorRef"
OPERAND = "Operand"
SCALAR = "Scalar"
INT = "int64_t"
FLOAT = "double"
BOOL = "bool"
STR = "std::string_view"
DTYPE = "tw_dtype"
DEVICE = "tw_device"
INTS = "IntList"
INT_VECTOR = "std::vector<int64_t>"
FLOATS = "FloatList"
REFS = "TensorList"
TENSOR_VECTOR = "std::vector<Tensor>"
TUPLE = "std::tuple"
SHAPES = "SavedShapes"
GEOMETRY = "SavedGeometry"
NONE = "None"

TENSORS = frozenset({TENSOR, REF, OPERAND})
NUMBERS = frozenset({INT, FLOAT, SCALAR})

_PLAIN = {
    Type.SCALAR: SCALAR, Type.INT: INT, Type.FLOAT: FLOAT, Type.BOOL: BOOL, Type.STR: STR, Type.DTYPE: DTYPE,
    Type.DEVICE: DEVICE, Type.INTS: INTS, Type.FLOATS: FLOATS,
}  # fmt: skip


def plain_type(arg: Arg) -> str:
    return f"std::optional<{_PLAIN[arg.type]}>" if arg.optional else _PLAIN[arg.type]


@dataclass(frozen=True)
class Save:
    """A SaveRule: what is kept and of which argument or result."""

    kind: str
    index: int
    name: str


@dataclass
class Saves:
    """The rules of one derivative, numbered in order of first use, with the inputs whose formulas read them."""

    wanted_by: dict[Save, int] = field(default_factory=dict)

    def slot(self, save: Save, inputs: int) -> int:
        self.wanted_by[save] = self.wanted_by.get(save, 0) | inputs
        return list(self.wanted_by).index(save)


@dataclass(frozen=True)
class Names:
    """Resolves the names of a formula of `op`."""

    op: Op

    def argument(self, name: str) -> int | None:
        return next((i for i, arg in enumerate(self.op.schema.args) if arg.name == name), None)

    def result(self, name: str) -> int | None:
        rets = self.op.schema.rets
        return next((i for i, ret in enumerate(rets) if (ret.name or "result") == name), None)

    def gradient(self, name: str) -> int | None:
        """`grad` is the gradient of the first result, `grad_x` that of result x. An argument of that name wins."""
        if self.argument(name) is not None:
            return None
        if name == "grad":
            return 0
        return self.result(name.removeprefix("grad_")) if name.startswith("grad_") else None
