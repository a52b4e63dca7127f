"""C++ of programs: one statement an instruction, over the vectors of `tensorwright/simd/vec.h`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .ir import Instruction, Number, Program, ScalarType
from .primitives import PRIMITIVES

_MASK_OPERATIONS = {
    "add": "or_({0}, {1})",
    "mul": "and_({0}, {1})",
    "minimum": "and_({0}, {1})",
    "maximum": "or_({0}, {1})",
    "eq": "not_(xor_({0}, {1}))",
    "ne": "xor_({0}, {1})",
    "lt": "and_(not_({0}), {1})",
    "le": "or_(not_({0}), {1})",
    "gt": "and_({0}, not_({1}))",
    "ge": "or_({0}, not_({1}))",
}
# Scalar operations above which the callers of a library function share one copy: a call for each vector is lost in the
# work. Below, it would show: sin in f32 has 200, most of them in a rare branch.
_LONG = 250
_SHIFTS = ("shl", "shr", "ushr")
# Functions of the library that an instruction computes to the same bits where the macro is defined.
_INSTRUCTIONS = dict.fromkeys(("_scale_f32_f32", "_scale_f64_f64"), ("TW_SCALES", "scale"))


@dataclass(frozen=True)
class LaneWidth:
    """How the types of a program are held in a kernel whose lanes are `bytes` wide."""

    bytes: int
    vectors: tuple[tuple[ScalarType, str], ...]

    def vector(self, scalar: ScalarType) -> str:
        return dict(self.vectors)[scalar]

    def is_pair(self, scalar: ScalarType) -> bool:
        return self.vector(scalar).endswith("x2")

    @staticmethod
    def of(compute: ScalarType) -> LaneWidth:
        return {1: LANES_8, 4: LANES_32, 8: LANES_64}[compute.part.lane_bytes]


LANES_8 = LaneWidth(1, ((ScalarType.MASK, "M8"),))
LANES_32 = LaneWidth(
    4,
    (
        (ScalarType.F32, "F32"),
        (ScalarType.I32, "I32"),
        (ScalarType.MASK, "M32"),
        (ScalarType.F64, "F64x2"),
        (ScalarType.I64, "I64x2"),
        (ScalarType.C32, "C32"),
    ),
)
LANES_64 = LaneWidth(
    8,
    (
        (ScalarType.F64, "F64"),
        (ScalarType.I64, "I64"),
        (ScalarType.U64, "U64"),
        (ScalarType.MASK, "M64"),
        (ScalarType.C64, "C64"),
    ),
)


def number(value: Number, scalar: ScalarType) -> str:
    """A C++ literal of exactly this value."""
    if scalar is ScalarType.MASK:
        return "true" if value else "false"
    if scalar.is_integer:
        if scalar is ScalarType.U64:
            return f"UINT64_C({value})"
        bits = 8 * scalar.lane_bytes
        smallest = f"INT{bits}_MIN"
        return smallest if value == -(1 << (bits - 1)) else (f"INT64_C({value})" if bits == 64 else str(value))
    return _real(float(value), "f" if scalar is ScalarType.F32 else "")


def _real(value: float, suffix: str) -> str:
    if math.isnan(value):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(value):
        return ("-" if value < 0 else "") + f"__builtin_inf{suffix}()"
    return value.hex() + suffix


def function_name(name: str, types: Sequence[ScalarType], width: LaneWidth) -> str:
    """The C++ name of a library function: its types, and the lane width where they alone do not tell it."""
    parts = [name, *(scalar.value for scalar in types)]
    if all(scalar is ScalarType.MASK for scalar in types):
        parts.append(f"lanes{8 * width.bytes}")
    elif width is LANES_32 and any(width.is_pair(scalar) for scalar in types):
        parts.append("wide")
    return "_".join(parts)


def parameters(program: Program, width: LaneWidth) -> list[str]:
    return [f"{width.vector(operand.type)} in_{operand.name}" for operand in program.operands]


def statements(program: Program, width: LaneWidth) -> Iterator[str]:
    """Defines `v<i>` for every instruction but the counts of shifts by a constant, which are template arguments."""
    counts = {item.args[1] for item in program.body if _constant_count(program, item) is not None}
    needed = set(program.results)
    for item in program.body:
        needed.update(item.args[:1] if _constant_count(program, item) is not None else item.args)
    indices = [index for index in range(len(program.body)) if index in needed or index not in counts]
    yield from _block(program, width, indices, _users(program))


def _users(program: Program) -> list[set[int]]:
    """The instructions that use each one; a result is also used by the end of the program."""
    users: list[set[int]] = [set() for _ in program.body]
    for index, item in enumerate(program.body):
        for arg in item.args:
            users[arg].add(index)
    for index in program.results:
        users[index].add(len(program.body))
    return users


def _block(program: Program, width: LaneWidth, indices: Sequence[int], users: Sequence[set[int]]) -> Iterator[str]:
    """Statements of some instructions, those that only a rare case needs inside a branch of their own."""
    rare = {index: _needed_rarely(program, index, users) for index in indices if _is_rare_select(program, index)}
    inside = set().union(*rare.values())
    for index in indices:
        if index in inside:
            continue
        if rare.get(index):
            mine = [item for item in indices if item in rare[index]]
            yield from _rare_select(program, width, index, mine, users)
        else:
            yield from _statement(program, width, index)


def _statement(program: Program, width: LaneWidth, index: int) -> Iterator[str]:
    item = program.body[index]
    if item.op == "lookup":
        yield _table(index, item)
    yield f"const {width.vector(item.type)} v{index} = {_expression(program, item, index, width)};"


def _rare_select(
    program: Program, width: LaneWidth, index: int, inside: Sequence[int], users: Sequence[set[int]]
) -> Iterator[str]:
    """Skips the rare value where no lane needs it: which lanes are selected stays the same."""
    item = program.body[index]
    condition, value, other = item.args
    yield f"{width.vector(item.type)} v{index} = v{other};"
    yield f"if (__builtin_expect(any(v{condition}), 0)) {{"
    for line in _block(program, width, inside, users):
        yield f"  {line}"
    yield f"  v{index} = select(v{condition}, v{value}, v{other});"
    yield "}"


def _is_rare_select(program: Program, index: int) -> bool:
    item = program.body[index]
    return item.op == "select" and program.body[item.args[0]].op == "unlikely"


def _needed_rarely(program: Program, select: int, users: Sequence[set[int]]) -> set[int]:
    """The instructions that nothing but the selected value of this select needs."""
    condition, value, other = program.body[select].args
    found: set[int] = set()
    for index in range(select - 1, -1, -1):
        through_value = index == value and index not in (condition, other)
        if users[index] and users[index] <= (found | {select} if through_value else found):
            found.add(index)
    return found


def function_body(program: Program, width: LaneWidth) -> list[str]:
    """A body that returns the only result, or writes several to the references `out0`, `out1`, ..."""
    lines = list(statements(program, width))
    if len(program.results) == 1:
        return [*lines, f"return v{program.results[0]};"]
    return [*lines, *(f"out{k} = v{index};" for k, index in enumerate(program.results))]


def library_function(name: str, program: Program, width: LaneWidth) -> str:
    """The C++ of a function that many kernels call."""
    text = function(name, program, width, "TW_SHARED" if _inlined_weight(program) > _LONG else "TW_FUNCTION")
    if name not in _INSTRUCTIONS:
        return text
    macro, instruction = _INSTRUCTIONS[name]
    arguments = ", ".join(f"in_{operand.name}" for operand in program.operands)
    vector, signature = width.vector(program.result_types[0]), ", ".join(parameters(program, width))
    one = f"TW_INLINE {vector} {name}({signature}) {{ return {instruction}({arguments}); }}"
    return f"#ifdef {macro}\n{one}\n#else\n{text}#endif\n"


def _inlined_weight(program: Program) -> int:
    """Scalar operations with every call of a function that is not long expanded."""
    calls = [_inlined_weight(item.callee.program) for item in program.body if item.callee is not None]
    return program.own_weight() + sum(weight for weight in calls if weight <= _LONG)


def function(name: str, program: Program, width: LaneWidth, linkage: str = "TW_INLINE") -> str:
    """A C++ function of the program."""
    several = len(program.results) > 1
    returns = "void" if several else width.vector(program.result_types[0])
    outs = [f"{width.vector(kind)}& out{k}" for k, kind in enumerate(program.result_types)] if several else []
    signature = ", ".join([*parameters(program, width), *outs])
    body = "\n".join(f"  {line}" for line in function_body(program, width))
    unused = "".join(f"  (void)in_{name};\n" for name in _unused(program))
    return f"{linkage} {returns} {name}({signature}) {{\n{unused}{body}\n}}\n"


def _unused(program: Program) -> list[str]:
    used = {item.value for item in program.body if item.op == "operand"}
    return [operand.name for position, operand in enumerate(program.operands) if position not in used]


def _table(index: int, item: Instruction) -> str:
    assert isinstance(item.value, tuple)
    element = {"f32": "float", "f64": "double", "i32": "int32_t", "i64": "int64_t", "u64": "uint64_t"}[item.type.value]
    return f"static constexpr {element} t{index}[] = {{{', '.join(number(x, item.type) for x in item.value)}}};"


def _expression(program: Program, item: Instruction, index: int, width: LaneWidth) -> str:
    args = [f"v{arg}" for arg in item.args]
    if item.op == "operand":
        assert isinstance(item.value, int)
        return f"in_{program.operands[item.value].name}"
    if item.op == "constant":
        return _constant(item, width)
    if item.op == "lookup":
        suffix = "_pair" if width.is_pair(item.type) else "_inside" if stays_inside(program, item) else ""
        return f"lookup{suffix}<{width.vector(item.type)}>(t{index}, {args[0]})"
    if item.callee is not None:
        name = function_name(*item.callee.key, width)
        return f"{name}({', '.join(args)})"
    if item.op in _SHIFTS:
        return _shift(program, item, args)
    if _acts_on_masks(program, item) and item.op in _MASK_OPERATIONS:
        return _MASK_OPERATIONS[item.op].format(*args)
    return f"{PRIMITIVES[item.op].cpp or item.op}({', '.join(args)})"


def stays_inside(program: Program, lookup: Instruction) -> bool:
    """Whether the index is what `& constant` leaves of a number, and an index of the table."""
    assert isinstance(lookup.value, tuple)
    index = program.body[lookup.args[0]]
    limits = [program.body[arg].value for arg in index.args if program.body[arg].op == "constant"]
    return index.op == "and_" and any(isinstance(limit, int) and 0 <= limit < len(lookup.value) for limit in limits)


def _acts_on_masks(program: Program, item: Instruction) -> bool:
    return all(program.body[arg].type is ScalarType.MASK for arg in item.args)


def _constant(item: Instruction, width: LaneWidth) -> str:
    assert isinstance(item.value, (bool, int, float))
    value, vector = number(item.value, item.type), width.vector(item.type)
    if item.type is ScalarType.MASK:
        return f"splat_mask<{vector}>({value})"
    return (
        f"splat_pair<{vector.removesuffix('x2')}>({value})" if width.is_pair(item.type) else f"splat<{vector}>({value})"
    )


def _shift(program: Program, item: Instruction, args: Sequence[str]) -> str:
    count = _constant_count(program, item)
    return f"{item.op}({args[0]}, {args[1]})" if count is None else f"{item.op}_by<{count}>({args[0]})"


def _constant_count(program: Program, item: Instruction) -> int | None:
    """The count of a shift by a constant inside the word."""
    if item.op not in _SHIFTS:
        return None
    count = program.body[item.args[1]]
    inside = count.op == "constant" and isinstance(count.value, int) and 0 <= count.value < 8 * item.type.lane_bytes
    return int(count.value) if inside and isinstance(count.value, int) else None
