"""Random programs, built node by node as the front ends build them: every kind of node, constant, type and label."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import tensorwright as tw

_NODE, _LIST, _TUPLE, _DICT, _SLICE, _ELLIPSIS = range(6)  # the marks of arguments, see csrc/ir/values.h

DTYPES = ("bool", "uint8", "int16", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")
DIMS = (
    *("0", "1", "7", "9223372036854775807", "s0", "s1", "s0 + 1", "2*s0*s1 - 3", "s0**2", "s0 // 2", "(s1 % 8) + 1"),
    *("max(s0, 4)", "min(s0 - s1, s1 // 3)", "-1*s0 + 5", "(s0*s1 + 3) // (s1 + 1)", "b*a - 3*(c % (b + a))"),
)
PLAIN = ("int", "float", "bool", "complex", "str", "none", "dtype", "device", "token", "object", "number")
LABELS = ("x", "x", "7", "12", "a.b", "weight.0", "has space", "Größe", "%", "", "loc", "at", "memory", "None", "inf")
TARGETS = ("f", "layers.0.weight", "odd name", 'with "quotes"', "new\nline", "ü", "func", "\\", "\x01")
FILES = ("model.py", "a b.py", 'C:\\new "x".py', "größe.py", "tab\t.py")
LETTERS = [*"abc \"\\/'{}%\n\r\t\b\f", "\x00", "\x1f", "\x7f", "ü", "\u2028", "漢", "\U0001f600"]
REALS = (0.0, -0.0, 1.0, -1.5, 0.1, 5e-324, 1.7976931348623157e308, 1e22, 1e-7, math.inf, -math.inf, math.nan)
LARGE = "func @large() { return((9223372036854775808, 18446744073709551615)) }"
OPS = ("tw::add", "tw::relu", "tw::sum", "tw::max.dim", "tw::cat", "tw::softmax")


class RandomProgram:
    """One program, made from the numbers that `seed` gives."""

    def __init__(self, seed: int) -> None:
        self.choice = random.Random(seed)
        large = self._often(0.1)  # a call from Python takes no int of more than 64 bits with a sign; the text does
        self.program = tw.jit.parse(LARGE) if large else tw.jit.Program()
        self.native = self.program.native
        self.left = self.choice.randint(0, 24)  # nodes that may still be made
        names = self.choice.sample([*TARGETS, "forward", "g.1"], self.choice.randint(1, 3))
        for name in names:
            self.native("add_function", name)
        self.functions = names
        for name in names:
            self._function(name)

    # ---- nodes -----------------------------------------------------------------------------------------------------

    def _node(self, region: int, op: str, args: list[Any], target: str | None = None, **more: Any) -> int:
        label = self.choice.choice(LABELS) if self._often(0.4) else None
        number = self.native(
            "create", region, op, target, args, more.get("keywords"), None, label, more.get("kind") or self._type()
        )
        if self._often(0.4):
            places = [self.choice.choice((0, 1, 12, 2**32 - 1)) for _ in range(self.choice.choice((2, 4)))]
            self.native("set_location", number, self.choice.choice(FILES), *places)
        return int(number)

    def _function(self, name: str) -> None:
        body = int(self.native("body", name))
        values: list[int] = []
        for k in range(self.choice.randint(0, 3)):
            default = [self._constant()] if self._often(0.3) else []
            values.append(self._node(body, "placeholder", default, f"x{k}" if self._often(0.7) else f"odd {k}"))
        self._nodes(body, values, 0)
        keywords: list[Any] = []
        if values and self._often(0.2):
            path = self.choice.choice(TARGETS)
            keywords = ["attributes", [_DICT, path, [_NODE, self.choice.choice(values)]]]
        self._node(body, "return", [self._argument(values)], keywords=keywords, kind="none")

    def _nodes(self, region: int, outer: list[int], depth: int) -> list[int]:
        values = list(outer)
        for _ in range(self.choice.randint(0, 6)):
            if self.left > 0:
                self.left -= 1
                values.append(self._any(region, values, depth))
        return values

    def _any(self, region: int, values: list[int], depth: int) -> int:
        kind = self.choice.randrange(8 if depth < 3 else 5)
        some = [self._argument(values) for _ in range(self.choice.randint(0, 2))]
        if kind < 2:
            op = self.choice.choice(OPS)
            keywords = ["into", [_NODE, self.choice.choice(values)]] if values and self._often(0.2) else []
            return self._node(region, op, some[:1], keywords=keywords)
        if kind == 2:
            return self._node(region, "py.call", some, self.choice.choice(TARGETS))
        if kind == 3:
            return self._node(region, "call", some, self.choice.choice(self.functions))
        if kind == 4:
            return self._node(region, "get_attr", [], self.choice.choice(TARGETS))
        if kind == 5:
            return self._branches(region, values, depth)
        return self._loop(region, values, depth, counted=kind == 6)

    def _branches(self, region: int, values: list[int], depth: int) -> int:
        owner = self._node(region, "if", [self._argument(values)])
        count = self.choice.randint(0, 2)
        for _ in range(2):
            self._region(owner, 0, count, values, depth)
        return owner

    def _loop(self, region: int, values: list[int], depth: int, *, counted: bool) -> int:
        count = self.choice.randint(0, 2)
        carried = [self._argument(values) for _ in range(count)]
        owner = self._node(region, "for" if counted else "while", [3, *carried] if counted else carried)
        if not counted:
            self._region(owner, count, 1, values, depth)
        self._region(owner, count + counted, count, values, depth)
        return owner

    def _region(self, owner: int, parameters: int, results: int, outer: list[int], depth: int) -> None:
        region = int(self.native("add_region", owner))
        inner = [self._node(region, "placeholder", [], f"p{k}") for k in range(parameters)]
        values = self._nodes(region, [*outer, *inner], depth + 1)
        self._node(region, "yield", [self._argument(values) for _ in range(results)], kind="none")

    # ---- arguments -------------------------------------------------------------------------------------------------

    def _argument(self, values: list[int], depth: int = 0) -> Any:
        kind = self.choice.randrange(10 if depth < 3 else 6)
        if kind < 3 and values:
            return [_NODE, self.choice.choice(values)]
        if kind < 6:
            return self._constant()
        items = [self._argument(values, depth + 1) for _ in range(self.choice.randint(0, 3))]
        if kind == 6:
            return [_LIST, *items]
        if kind == 7:
            return [_TUPLE, *items]
        if kind == 8:
            return [_DICT, *(part for item in items for part in (self._constant(), item))]
        return [_SLICE, *(self._argument(values, 3) for _ in range(3))]

    def _constant(self) -> Any:
        choose = self.choice
        kind = choose.randrange(9)
        if kind == 0:
            return choose.choice((True, False, None))
        if kind == 1:
            return choose.choice((0, 1, -1, 2**62, 2**63 - 1, -(2**63), choose.randint(-1000, 1000)))
        if kind <= 3:
            return choose.choice(REALS) if self._often(0.5) else self._any_bits()
        if kind == 4:
            return complex(choose.choice(REALS), self._any_bits())
        if kind == 5:
            return "".join(choose.choices(LETTERS, k=choose.randint(0, 6)))
        if kind == 6:
            return getattr(tw, choose.choice(DTYPES))
        if kind == 7:
            return tw.device(choose.choice(("cpu", "meta")))
        return [_ELLIPSIS, 0]

    def _any_bits(self) -> float:
        """A float of any of the 2^64 patterns: small, large; often a NaN with bits of its own."""
        pattern = self.choice.getrandbits(64) | (0x7FF8 << 48 if self._often(0.1) else 0)
        return float(struct.unpack("<d", pattern.to_bytes(8, "little"))[0])

    # ---- types -----------------------------------------------------------------------------------------------------

    def _type(self, depth: int = 0) -> str:
        kind = self.choice.randrange(9 if depth < 3 else 7)
        if kind < 5:
            return self._tensor()
        if kind < 7:
            return self.choice.choice(PLAIN)
        inner = [self._type(depth + 1) for _ in range(self.choice.randint(0, 3))]
        if kind == 7 or not inner:
            return f"tuple<{', '.join(inner)}>"
        if len(inner) == 2:
            return f"dict<{', '.join(inner)}>"
        return f"{self.choice.choice(('list', 'optional'))}<{inner[0]}>"

    def _tensor(self) -> str:
        sizes = ", ".join(self.choice.choices(DIMS, k=self.choice.randint(0, 3)))
        shape = "?" if self._often(0.2) else f"[{sizes}]"
        dtype = "?" if self._often(0.1) else self.choice.choice(DTYPES)
        return f"tensor<{dtype}, {shape}{self.choice.choice(('', '', ', meta', ', ?', ', device(2, 1)'))}>"

    def _often(self, share: float) -> bool:
        return self.choice.random() < share
