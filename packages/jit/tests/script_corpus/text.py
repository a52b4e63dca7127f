"""Strings."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.integer(), d.real(), d.word(), d.truth()))
def f_strings(n: int, x: float, s: str, b: bool) -> str:
    return f"{n} {x} {s!r} {b} {[n, n]} {(s, x)} {n + 1=}"


@corpus(lambda d: (d.integer(-99999, 99999), d.real(), d.word(), d.integer(1, 9)))
def format_specifications(n: int, x: float, s: str, width: int) -> str:
    return f"|{n:5d}|{n:<8}|{n:+,}|{x:.2f}|{x:10.3e}|{x:g}|{s:>10}|{s:^7}|{s:*<6}|{x:{width}.1f}|{n:#x}|{x:%}|"


@corpus(lambda d: (d.real() * 10.0 ** d.integer(-20, 20),))
def text_of_floats(x: float) -> str:
    return str(x) + repr(-x) + f"{x * 1e30}"


@corpus(lambda d: (complex(d.integer(), d.real()), None if d.truth() else 1.5))
def text_of_others(z: complex, x: float | None) -> str:
    return str(z) + " " + str(x) + str({"a": [1.0], "b": [2.5]}) + str((1,))


@corpus(lambda d: (d.word(),))
def methods(s: str) -> list[str]:
    return [s.upper(), s.lower(), s.strip(), s.lstrip("a "), s.rstrip(), s.replace("a", "--")]


@corpus(lambda d: (d.word() + "," + d.word() + " " + d.word(),))
def splitting(s: str) -> tuple[list[str], list[str], str]:
    return s.split(","), s.split(), "+".join(s.split(","))


@corpus(lambda d: (d.word(), d.word()))
def tests(s: str, other: str) -> list[bool]:
    return [s < other, s == other, "a" in s, s.startswith("a"), s.endswith("Y"), s.isalpha(), s.isdigit(), bool(s)]


@corpus(lambda d: (d.word() + "é日", d.integer(-4, 4)))
def letters_of_unicode(s: str, k: int) -> tuple[int, str, str, str]:
    return len(s), s[-1], s[k:], s[::-1]


@corpus(lambda d: (d.word(), d.integer(0, 9)))
def index_out_of_range(s: str, k: int) -> str:
    return s[k]


@corpus(lambda d: (d.word(), d.integer(-1, 3)))
def building(s: str, n: int) -> str:
    out = s * n
    for i in range(n):
        out += str(i) + ","
    return out + chr(65 + abs(n)) + str(ord("z"))


@corpus(lambda d: (d.word(),))
def counting(s: str) -> tuple[int, int]:
    return s.count("a"), s.find("b")


@corpus(lambda d: ("".join(d.random.choice("()") for _ in range(6)),))
def balanced(s: str) -> bool:
    depth = 0
    for letter in s:
        depth += 1 if letter == "(" else -1
        if depth < 0:
            return False
    return depth == 0


@corpus(lambda d: (d.word(), d.integer(0, 25)))
def caesar(s: str, shift: int) -> str:
    out = ""
    for letter in s:
        if "a" <= letter <= "z":
            out += chr((ord(letter) - 97 + shift) % 26 + 97)
        else:
            out += letter
    return out


@corpus(lambda d: (d.tensor(2),))
def text_of_tensors(x: Tensor) -> str:
    return f"{x} {x.sum():.3f} {x.shape} {x.dtype} {tw.float32}"


@corpus(lambda d: (d.word(),))
def palindrome(s: str) -> bool:
    i, j = 0, len(s) - 1
    while i < j:
        if s[i] != s[j]:
            return False
        i += 1
        j -= 1
    return True


@corpus(lambda d: (d.integer(0, 300),))
def roman(n: int) -> str:
    out = ""
    for value, letters in (
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ):
        while n >= value:
            out += letters
            n -= value
    return out
