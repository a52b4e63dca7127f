"""Random programs print to a text that reads back to the same program."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import tensorwright as tw
from random_graphs import RandomProgram

GRAPHS = 10_000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_programs_print_and_read_back(part: int) -> None:
    for seed in range(part * GRAPHS // PARTS, (part + 1) * GRAPHS // PARTS):
        program = RandomProgram(seed).program
        program.verify()
        text = program.text()
        again = tw.jit.parse(text)
        assert again.text() == text, f"seed {seed}"
        assert list(nodes(again)) == list(nodes(program)), f"seed {seed}"


def nodes(program: tw.jit.Program) -> Iterator[Any]:
    """What each node is, in program order, without what the text names by itself: numbers and labels."""
    native = program.native
    regions = [native("body", name) for name in program.functions]
    numbers: dict[int, int] = {}
    while regions:
        node = native("first", regions.pop())
        while node is not None:
            numbers[node] = len(numbers)
            op, target, args, keywords, _ = native("record", node)
            yield (
                op,
                target,
                native("type", node),
                bits(args, numbers),
                bits(keywords, numbers),
                native("location", node),
            )
            regions += native("regions", node)
            node = native("next", node)


def bits(value: Any, numbers: dict[int, int]) -> Any:
    """An argument with nodes by their order, and floats apart by their bits."""
    if isinstance(value, tuple):
        if len(value) == 2 and value[0] == 0 and type(value[0]) is int:
            return ("node", numbers.get(value[1], "later"))
        return tuple(bits(item, numbers) for item in value)
    if isinstance(value, (float, complex)):
        return struct.pack("<dd", value.real, value.imag)
    return type(value).__name__, str(value)


def test_the_programs_hold_every_kind_of_thing() -> None:
    """So that the test above says something of each."""
    seen: Counter[str] = Counter()
    for seed in range(500):
        text = RandomProgram(seed).program.text()
        for part in (
            *(" = if(", " = while(", " = for(", "placeholder", "py.call", "get_attr", "call @", "into=", "attributes="),
            *("nan", "nan(0x", "inf", "-0.0", "5e-324", "complex(", "18446744073709551615", "-9223372036854775808"),
            *("slice(", "...", "[]", "()", ",)", "{}", "{", "None", "True", "device(", "float32", "\\u0000", '\\"'),
            *(" loc(", "-4294967295:", "s0", " // ", " % ", "max(", "min(", "dict<", "optional<", "tuple<>", "?, ?"),
            *('@"odd name"', "%has_space", "漢", "\U0001f600"),
        ):
            seen[part] += part in text
    assert not [part for part, count in seen.items() if not count]
