"""Which lines of a function may have given a local variable the value that it has where the function stands."""

from __future__ import annotations

import dis
from collections import defaultdict
from types import CodeType

_NEVER_CONTINUES = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD"}
_JUMPS = {*dis.hasjrel, *dis.hasjabs}


def assigning_lines(code: CodeType, offset: int, name: str) -> list[int]:
    """The lines whose assignment to `name` reaches the instruction at `offset`; 0 stands for the function's call."""
    instructions = {instruction.offset: instruction for instruction in dis.get_instructions(code)}
    before = _predecessors(instructions)
    start = min(instructions)
    lines: set[int] = set()
    seen: set[int] = set()
    pending = [offset]
    while pending:
        here = pending.pop()
        if here == start:
            lines.add(0)
        for earlier in before[here] - seen:
            seen.add(earlier)
            instruction = instructions[earlier]
            if _stores(instruction, name):
                lines.add((instruction.positions and instruction.positions.lineno) or code.co_firstlineno)
            else:
                pending.append(earlier)
    return sorted(lines)


def _stores(instruction: dis.Instruction, name: str) -> bool:
    if instruction.opname not in ("STORE_FAST", "STORE_DEREF", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST"):
        return False
    stored = instruction.argval[:1] if instruction.opname == "STORE_FAST_LOAD_FAST" else instruction.argval
    return name == stored or (isinstance(stored, tuple) and name in stored)


def _predecessors(instructions: dict[int, dis.Instruction]) -> defaultdict[int, set[int]]:
    """By offset of an instruction, those that may run right before it; the edges of `try` are left out."""
    before: defaultdict[int, set[int]] = defaultdict(set)
    offsets = sorted(instructions)
    for offset, following in zip(offsets, [*offsets[1:], None], strict=True):
        instruction = instructions[offset]
        if following is not None and instruction.opname not in _NEVER_CONTINUES:
            before[following].add(offset)
        if instruction.opcode in _JUMPS:
            before[instruction.argval].add(offset)
    return before
