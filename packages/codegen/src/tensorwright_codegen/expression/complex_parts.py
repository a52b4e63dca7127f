"""Complex numbers in expressions: what a primitive on them comes down to on their parts.

A complex value is one instruction for loads, stores, calls and choices; everything else here is real arithmetic. What
is not a matter of parts (quotients, absolute values, roots) is a function of the library, under the primitive's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .builder import Literal, ProgramBuilder, Typed, Value
from .ir import ExpressionError, Location, ScalarType

PART_FORMS = ("real", "imag", "conj")
"""Also mean something for real numbers, so that one text serves both."""


def has_complex(values: Sequence[Value]) -> bool:
    return any(isinstance(value, Typed) and value.type.is_complex for value in values)


def part_of_real(builder: ProgramBuilder, name: str, value: Value, location: Location) -> Value:
    if name != "imag":
        return value
    if isinstance(value, Literal):
        return Literal(0)
    return builder.constant(0, value.type, location)


def complex_primitive(builder: ProgramBuilder, name: str, values: Sequence[Value], location: Location) -> Typed | None:
    """The primitive on values of which one at least is complex, or None if it does not come down to parts."""
    arity = {"neg": 1, "real": 1, "imag": 1, "conj": 1, "select": 3}.get(name, 2)
    if name not in ("real", "imag", "conj", "select", *_BY_PARTS) or len(values) != arity:
        return None
    if name == "div" and isinstance(values[1], Typed) and values[1].type.is_complex:
        return None
    parts = _Parts(builder, location)
    if name in ("real", "imag", "conj"):
        return parts.form(name, values[0])
    if name == "select":
        return parts.select(*values)
    return _BY_PARTS[name](parts, *values)


class _Parts:
    """Writes real instructions. A part that is None is that of a real operand, whose imaginary part is not computed
    with: it would turn an infinity into NaN, and -0 into +0."""

    def __init__(self, builder: ProgramBuilder, location: Location) -> None:
        self.builder = builder
        self.location = location

    def form(self, name: str, value: Value) -> Typed:
        assert isinstance(value, Typed)
        if name != "conj":
            return self.builder.part(name, value, self.location)
        re, im = self.split(value)
        assert im is not None
        return self.pair(re, self.do("neg", im))

    def split(self, value: Value) -> tuple[Value, Value | None]:
        if isinstance(value, Typed) and value.type.is_complex:
            return self.builder.part("real", value, self.location), self.builder.part("imag", value, self.location)
        return value, None

    def do(self, name: str, *values: Value) -> Typed:
        return self.builder.primitive(name, values, self.location)

    def pair(self, real: Value, imag: Value) -> Typed:
        assert isinstance(real, Typed)
        assert isinstance(imag, Typed)
        return self.builder.pair(real, imag, self.location)

    def select(self, condition: Value, a: Value, b: Value) -> Typed:
        common = next(value.type for value in (a, b) if isinstance(value, Typed) and value.type.is_complex)
        mask = self.builder.coerce(condition, ScalarType.MASK, self.location, "argument 1 of select")
        first, second = (
            self.builder.coerce(value, common, self.location, f"argument {position} of select")
            for position, value in ((2, a), (3, b))
        )
        return self.builder.choose(mask, first, second, self.location)

    def add(self, a: Value, b: Value) -> Typed:
        (ar, ai), (br, bi) = self.split(a), self.split(b)
        imag = bi if ai is None else ai if bi is None else self.do("add", ai, bi)
        assert imag is not None
        return self.pair(self.do("add", ar, br), imag)

    def sub(self, a: Value, b: Value) -> Typed:
        (ar, ai), (br, bi) = self.split(a), self.split(b)
        if bi is None:
            assert ai is not None
            return self.pair(self.do("sub", ar, br), ai)
        return self.pair(self.do("sub", ar, br), self.do("neg", bi) if ai is None else self.do("sub", ai, bi))

    def mul(self, a: Value, b: Value) -> Typed:
        (ar, ai), (br, bi) = self.split(a), self.split(b)
        if ai is None or bi is None:
            imag = self.do("mul", ar, bi) if bi is not None else self.do("mul", self._given(ai), br)
            return self.pair(self.do("mul", ar, br), imag)
        real = self.do("sub", self.do("mul", ar, br), self.do("mul", ai, bi))
        return self.pair(real, self.do("add", self.do("mul", ar, bi), self.do("mul", ai, br)))

    def div(self, a: Value, b: Value) -> Typed:
        ar, ai = self.split(a)
        return self.pair(self.do("div", ar, b), self.do("div", self._given(ai), b))

    def neg(self, a: Value) -> Typed:
        ar, ai = self.split(a)
        return self.pair(self.do("neg", ar), self.do("neg", self._given(ai)))

    def eq(self, a: Value, b: Value) -> Typed:
        return self._compare("eq", "and_", a, b)

    def ne(self, a: Value, b: Value) -> Typed:
        return self._compare("ne", "or_", a, b)

    def _compare(self, name: str, join: str, a: Value, b: Value) -> Typed:
        (ar, ai), (br, bi) = self.split(a), self.split(b)
        imag = self.do(name, Literal(0) if ai is None else ai, Literal(0) if bi is None else bi)
        return self.do(join, self.do(name, ar, br), imag)

    def _given(self, part: Value | None) -> Value:
        if part is None:
            raise ExpressionError(self.location, "expected a complex number")
        return part


_BY_PARTS: dict[str, Callable[..., Typed]] = {
    "add": _Parts.add,
    "sub": _Parts.sub,
    "mul": _Parts.mul,
    "div": _Parts.div,
    "neg": _Parts.neg,
    "eq": _Parts.eq,
    "ne": _Parts.ne,
}
