"""Machine code for AArch64, emitted here and read by a disassembler: each instruction is what its text says."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

import capstone
import pytest
import tensorwright as tw
from tensorwright.jit import _library

_neon_code = _library.op("neon_code")
_disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
RETURN = 0xD65F03C0

UNARY = (
    *("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cosh", "erf", "erfc", "exp", "exp2", "expm1"),
    *("floor", "frac", "gelu_erf", "hardsigmoid", "hardswish", "isfinite", "isinf", "isnan", "log", "log10", "log1p"),
    *("log2", "logical_not", "mish", "neg", "reciprocal", "relu", "round", "rsqrt", "selu", "sigmoid", "sign"),
    *("signbit", "silu", "sinh", "sqrt", "square", "tanh", "trunc"),
)
BINARY = (
    *("atan2", "copysign", "div", "eq", "ge", "gt", "heaviside", "hypot", "le", "logaddexp", "lt", "maximum"),
    *("minimum", "mul", "ne", "xlogy"),
)
PROGRAMS = {
    **{name: f"f tw::{name}" for name in UNARY},
    **{name: f"f tw::{name}/f" for name in BINARY},
    "by a number": "f tw::mul/F tw::add/FF tw::maximum/F",
    "truth values": "m tw::logical_and/m tw::logical_or/M tw::logical_xor/m tw::logical_not",
    "a choice": "m tw::where/ff tw::exp",
    "a long chain": "f tw::exp tw::mul/f tw::tanh tw::div/f tw::erf tw::atan2/f tw::sigmoid tw::log1p tw::maximum/F",
}


# What the machine does, by the numbers of LaneOp in csrc/native/lanes.h: some of it no op of today needs.
LANE_OPS = {
    **{f"two operands, {k}": f"f #{k}/f" for k in (2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 26, 27, 28, 29)},
    **{f"one operand, {k}": f"f #{k}" for k in (8, 17, 24, 25)},
    **{f"fma, signs {signs}": f"f #9:{signs}/ff" for signs in range(4)},
    **{f"rounded, {mode}": f"f #11:{mode}" for mode in (8, 9, 10, 11)},
    **{f"shift {k} by {by}": f"f #{k}:{by}" for k in (18, 19, 20) for by in (0, 1, 16, 31)},
    **{f"shift each, {k}": f"f #{k}/f" for k in (21, 22, 23)},
    **{f"floats compared, {how}": f"f #30:{how}/f" for how in (0x11, 0x12, 0x1E, 0x1D, 0, 4)},
    **{f"integers compared, {how}": f"f #31:{how}/f" for how in (1, 2, 6, 5, 0, 4)},
    "chosen": "m #32/ff",
}
PROGRAMS |= LANE_OPS


class Listing(NamedTuple):
    words: list[int]
    text: list[str]  # of the instructions; what follows is the pool

    @property
    def code(self) -> bytes:
        return struct.pack(f"<{len(self.text)}I", *self.words[: len(self.text)])


def listing(steps: str) -> Listing:
    lines = [line.partition(" ") for line in _neon_code(steps).splitlines()]
    return Listing([int(word, 16) for word, _, _ in lines], [text for _, _, text in lines if text])


@pytest.mark.parametrize("steps", PROGRAMS.values(), ids=PROGRAMS)
def test_a_disassembler_reads_what_was_meant(steps: str) -> None:
    program = listing(steps)
    read = [f"{i.mnemonic} {i.op_str}".strip() for i in _disassembler.disasm(program.code, 0)]
    assert read == program.text


@pytest.mark.parametrize("steps", PROGRAMS.values(), ids=PROGRAMS)
def test_registers_memory_and_jumps_are_those_that_may_be_used(steps: str) -> None:
    program = listing(steps)
    pool = 4 * len(program.text)
    streams = steps.count("f") + 20  # an upper bound of what may be loaded
    targets = []
    for address, text in enumerate(program.text):
        vectors = {int(number) for number in re.findall(r"\b[vqs](\d+)", text)}
        assert not vectors & set(range(8, 16)), text  # the caller's
        pointers = {int(number) for number in re.findall(r"\bx(\d+)", text)}
        assert pointers <= set(range(18)), text
        if text.startswith("ldr q") and "#0x" in text and "[" not in text:
            place = int(text.rpartition("#")[2], 16)
            assert pool <= place < 4 * len(program.words)
            assert place % 16 == 0
        if text.startswith("b.lo"):
            targets.append(int(text.rpartition("#")[2], 16) // 4)
            assert 0 < targets[-1] < address
    assert len(targets) == 1
    assert program.words[: len(program.text)].count(RETURN) == 1
    assert program.text[0] == "sub sp, sp, #0x3c0"
    assert "add sp, sp, #0x3c0" in program.text
    assert streams > 0
    tables = quads_of_tables(program)
    for k in range(len(program.text), len(program.words), 4):
        assert k in tables or len(set(program.words[k : k + 4])) == 1  # a constant for each lane


def quads_of_tables(program: Listing) -> list[int]:
    """Where in the words what `tbl` and `tbx` take from was loaded from, in their order."""
    loaded, found = {}, []
    for text in program.text:
        if load := re.fullmatch(r"ldr q(\d+), #(0x[0-9a-f]+)", text):
            loaded[load[1]] = int(load[2], 16) // 4
        elif take := re.fullmatch(r"tb[lx] v\d+\.16b, \{v(\d+)\.16b\}, v\d+\.16b", text):
            found.append(loaded[take[1]])
    return found


def test_a_table_of_eight_stands_in_two_registers() -> None:
    """Those of `exp` are powers of 2**(1/8), but for one factor."""
    program = listing("f tw::exp")
    low, high = quads_of_tables(program)
    bits = program.words[low : low + 4] + program.words[high : high + 4]
    powers = struct.unpack("<8f", struct.pack("<8I", *bits))
    assert [power / powers[0] for power in powers] == pytest.approx([2 ** (k / 8) for k in range(8)], rel=1e-7)


def test_all_instructions_are_covered() -> None:
    """So that the tests above say something of each that the assembler knows."""
    names = {line.split()[0] for steps in PROGRAMS.values() for line in listing(steps).text}
    wanted = (
        "fadd fsub fmul fdiv fmla fmls fcmeq fcmge fcmgt facgt fsqrt fneg frintn frintm frintp frintz scvtf fcvtzs "
        "add sub and orr eor bic bsl mov mvn cmtst shl ushr ushll xtn ldr str lsr cmp b.lo ret "
        "mul smin smax umin sshl ushl cmgt cmge cmeq abs neg sshr tbl tbx"
    )
    assert set(wanted.split()) <= names


REFUSED = {
    "f tw::nothing": "tw::nothing has no expression",
    "f tw::mul": "no lanes for these operands",
    "tw::mul": "a stream is f, m, F or M",
    "f tw::mul/x": "a stream is f, m, F or M",
    "f #2": "#2 takes 2 operands",
    "f #9:1/f": "#9:1/f takes 3 operands",
    "f #33/f": "there is no lane op 33",
    "f #10/f": "does not fit",
    "f " + "tw::mul/f " * 20: "does not fit",
}


@pytest.mark.parametrize(("steps", "sentence"), REFUSED.items())
def test_what_cannot_be_emitted_is_refused(steps: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        listing(steps)


def test_emitting_runs_nothing_here() -> None:
    before = tw.jit.fusion_runs()
    listing("f tw::exp")
    assert tw.jit.fusion_runs() == before
