"""Machine code for AArch64, interpreted instruction by instruction, gives the bits of eager's kernels.

What the words of the instructions say is what their text says: test_neon.py has a disassembler read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorwright as tw
from tensorwright.jit import _library

Array = npt.NDArray[Any]
Step = Callable[[Array, Array, Array], Array]  # of what the target held and the two sources, as bits

_neon_code = _library.op("neon_code")


def real(bits: Array) -> Array:
    return bits.view(np.float32)


def bits_of(numbers: Array) -> Array:
    return numbers.astype(np.float32).view(np.uint32)


def truth(mask: Array) -> Array:
    return np.where(mask, np.uint32(0xFFFFFFFF), np.uint32(0))


def multiply_add(c: Array, a: Array, b: Array) -> Array:
    """Rounded once, but for one case in a thousand millions."""
    wide = np.longdouble
    return bits_of(real(c).astype(wide) + real(a).astype(wide) * real(b).astype(wide))


def take(before: Array, table: Array, numbers: Array) -> Array:
    index = numbers.view(np.uint8)
    taken = np.where(index < 16, table.view(np.uint8)[index & 15], before.view(np.uint8))
    return taken.astype(np.uint8).view(np.uint32)


STEPS: dict[str, Step] = {
    "mov": lambda d, n, m: n,
    "and": lambda d, n, m: n & m,
    "orr": lambda d, n, m: n | m,
    "eor": lambda d, n, m: n ^ m,
    "bsl": lambda d, n, m: (d & n) | (~d & m),
    "add": lambda d, n, m: n + m,
    "sub": lambda d, n, m: n - m,
    "mul": lambda d, n, m: n * m,
    "smin": lambda d, n, m: np.minimum(n.view(np.int32), m.view(np.int32)).view(np.uint32),
    "smax": lambda d, n, m: np.maximum(n.view(np.int32), m.view(np.int32)).view(np.uint32),
    "fadd": lambda d, n, m: bits_of(real(n) + real(m)),
    "fsub": lambda d, n, m: bits_of(real(n) - real(m)),
    "fmul": lambda d, n, m: bits_of(real(n) * real(m)),
    "fdiv": lambda d, n, m: bits_of(real(n) / real(m)),
    "fneg": lambda d, n, m: bits_of(-real(n)),
    "fmla": multiply_add,
    "fmls": lambda d, n, m: multiply_add(d, n ^ np.uint32(1 << 31), m),
    "fcmgt": lambda d, n, m: truth(real(n) > real(m)),
    "fcmge": lambda d, n, m: truth(real(n) >= real(m)),
    "fcmeq": lambda d, n, m: truth(real(n) == real(m)),
    "tbl": lambda d, n, m: take(np.zeros_like(d), n, m),
    "tbx": take,
}
SHIFTS: dict[str, Callable[[Array, int], Array]] = {
    "shl": lambda n, by: n << np.uint32(by),
    "ushr": lambda n, by: n >> np.uint32(by),
    "sshr": lambda n, by: (n.view(np.int32) >> by).view(np.uint32),
}
AROUND = ("sub sp", "add sp", "add x16", "lsr x", "cmp x", "b.lo", "ret", "nop", "ldr x")


def interpreted(op: str, x: Array) -> Array:
    """What the code for one op makes of four numbers."""
    lines = [line.partition(" ") for line in _neon_code(f"f tw::{op}").splitlines()]
    words = np.array([int(word, 16) for word, _, _ in lines], np.uint32)
    registers = np.zeros((32, 4), np.uint32)
    slots: dict[str, Array] = {}
    for text in (text for _, _, text in lines if text and not text.startswith(AROUND)):
        name, _, rest = text.partition(" ")
        place = rest.partition(", ")[2]
        d, n, m = (registers[int(k)].copy() for k in (re.findall(r"\b[vq](\d+)", rest) + ["0", "0"])[:3])
        if name == "str" and "sp" not in place:
            return real(d)
        if name == "str":
            slots[place] = d
            continue
        if name == "ldr":
            at = int(place.rpartition("#")[2], 16) // 4 if "[" not in place else 0
            d = words[at : at + 4] if at else slots[place] if "sp" in place else bits_of(x)
        elif name in SHIFTS:
            d = SHIFTS[name](n, int(rest.rpartition("#")[2], 0))
        else:
            d = STEPS[name](d, n, m)
        registers[int(re.findall(r"\d+", rest)[0])] = d
    raise AssertionError("nothing is stored")


EDGES = np.array([[0.0, -0.0, np.inf, -np.inf], [np.nan, -np.nan, 88.7, -103.9], [-5.6, -90.0, 9.3, 1e-42]], np.float32)


EAGER: dict[str, Callable[[tw.Tensor], tw.Tensor]] = {
    "exp": tw.exp,
    "exp2": tw.exp2,
    "sigmoid": tw.sigmoid,
    "tanh": tw.tanh,
    "silu": tw.ops.silu,
    "gelu_erf": tw.ops.gelu,
    "gelu_tanh": lambda x: tw.ops.gelu(x, approximate="tanh"),
}


@pytest.mark.parametrize("op", EAGER)
def test_values_are_those_of_eager(op: str) -> None:
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((100, 4)) * 10.0 ** rng.integers(-3, 3, (100, 1))
    for x in [*EDGES, *drawn.astype(np.float32)]:
        with np.errstate(all="ignore"):
            result = interpreted(op, x)
        expected = EAGER[op](tw.from_numpy(x.copy())).numpy()
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(~np.isnan(result), numbers)
        np.testing.assert_array_equal(result.view(np.uint32)[numbers], expected.view(np.uint32)[numbers])
