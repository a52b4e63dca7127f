"""Random programs with branches, loops and writes: passes keep what they give, and what they leave in their input."""

from __future__ import annotations

import random

import pytest
import tensorwright as tw
from tensorwright import Tensor

TYPE = "tensor<float32, [3, 3]>"
ROW = "tensor<float32, [3]>"


class Writer:
    """Writes functions of two matrices, a bool and a count."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def value(self, known: list[str]) -> list[str]:
        name = self.name()
        call = self.random.choice(
            ["tw::add({a}, {b})", "tw::mul({a}, 1)", "tw::relu({a})", "tw::sub({a}, {b})", "tw::clone({a})",
             "tw::t({a})", "tw::neg({a})", "tw::tanh({a})", "tw::matmul({a}, {b})"]
        )  # fmt: skip
        a, b = self.random.choice(known), self.random.choice(known)
        known.append(name)
        return [f"{name}: {TYPE} = {call.format(a=a, b=b)}"]

    def write(self, known: list[str]) -> list[str]:
        target, name = self.random.choice(known), self.name()
        if self.random.random() < 0.5:
            return [f"{name}: {TYPE} = tw::tanh({target}, into={target})"]
        row = self.name()
        return [
            f"{row}: {ROW} = tw::select({target}, {self.random.randrange(2)}, {self.random.randrange(3)})",
            f"{name}: {ROW} = tw::add({row}, 0.5, into={row})",
        ]

    def branch(self, known: list[str], depth: int) -> list[str]:
        sides = []
        for _ in range(2):
            inner = list(known)
            lines = self.lines(inner, depth + 1)
            fresh = self.name()
            lines.append(f"{fresh}: {TYPE} = tw::mul({self.random.choice(inner)}, 2)")
            sides.append("{\n" + "\n".join([*lines, f"yield({fresh})"]) + "\n}")
        pair, name = self.name(), self.name()
        known.append(name)
        condition = self.random.choice(["%c", "%c", "True"])
        return [
            f"{pair}: tuple<{TYPE}> = if({condition}) {sides[0]} {sides[1]}",
            f"{name}: {TYPE} = tuple.get({pair}, 0)",
        ]

    def loop(self, known: list[str], depth: int) -> list[str]:
        start, carried, i, fresh = self.name(), self.name(), self.name(), self.name()
        first = f"{start}: {TYPE} = tw::clone({self.random.choice(known)})"
        inner = list(known)
        lines = self.lines(inner, depth + 1)
        lines.append(f"{fresh}: {TYPE} = tw::add({carried}, {self.random.choice(inner)})")
        pair, name = self.name(), self.name()
        count = self.random.choice(["%n", "2", "0"])
        body = "\n".join([*lines, f"yield({fresh})"])
        known.append(name)
        return [
            first,
            f"{pair}: tuple<{TYPE}> = for({count}, {start}) ({i}: int, {carried}: {TYPE}) {{\n{body}\n}}",
            f"{name}: {TYPE} = tuple.get({pair}, 0)",
        ]

    def lines(self, known: list[str], depth: int = 0) -> list[str]:
        lines = []
        for _ in range(self.random.randrange(2, 6)):
            kind = self.random.random()
            if kind < 0.45 or (depth >= 2 and kind >= 0.75):
                lines += self.value(known)
            elif kind < 0.75:
                lines += self.write(known)
            elif kind < 0.88:
                lines += self.branch(known, depth)
            else:
                lines += self.loop(known, depth)
        return lines

    def function(self) -> str:
        known = ["%x", "%y"]
        lines = self.lines(known)
        results = ", ".join(self.random.sample(known[2:], min(3, len(known) - 2)))
        head = f"func @f(%x: {TYPE}, %y: {TYPE}, %c: bool, %n: int)"
        return head + " {\n" + "\n".join(lines) + f"\nreturn([{results}])\n}}"


def run(text: str, passes: list[str], flag: bool, count: int) -> list[Tensor]:
    program = tw.jit.parse(text)
    tw.jit.run_passes(program, passes, verify=True)
    tw.manual_seed(1)
    x, y = tw.randn(3, 3), tw.randn(3, 3)
    results = program.run("f", x, y, flag, count)
    return [result.clone() for result in results] + [x, y]


SEQUENCES = [
    ["functionalise"],
    ["functionalise", *tw.jit._passes.CLEANUP, *tw.jit._passes.CLEANUP],
    ["unroll", "functionalise", "dce", "cse", "shapes", "sink_transposes", "fusion", "dce"],
]


@pytest.mark.parametrize("seed", range(150))
def test_regions_and_writes(seed: int) -> None:
    text = Writer(seed).function()
    for flag, count in ((True, 2), (False, 1), (True, 0)):
        expected = run(text, [], flag, count)
        for passes in SEQUENCES:
            for got, want in zip(run(text, passes, flag, count), expected, strict=True):
                assert bool(((got == want) | ((got != got) & (want != want))).all()), text
