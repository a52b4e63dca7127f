"""Arithmetic of Python's numbers."""

from __future__ import annotations

import math

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.integer(), d.integer()))
def integer_arithmetic(a: int, b: int) -> tuple[int, int, int, int, int]:
    return a + b, a - b, a * b, -a, abs(b)


@corpus(lambda d: (d.integer(), d.integer(-3, 3)))
def floor_division(a: int, b: int) -> tuple[int, int]:
    return a // b, a % b


@corpus(lambda d: (d.real(), d.real() if d.truth() else -0.0))
def float_floor_division(a: float, b: float) -> tuple[float, float]:
    return a // b, a % b


@corpus(lambda d: (d.integer(), d.integer(-2, 2)))
def true_division(a: int, b: int) -> float:
    return a / b


@corpus(lambda d: (d.integer(), d.real()))
def mixed(a: int, b: float) -> tuple[float, float, float, float]:
    return a + b, b - a, a * b, a % b


@corpus(lambda d: (d.integer(), d.integer(0, 7), d.real(0, 4)))
def powers(a: int, n: int, x: float) -> tuple[int, float, float, float]:
    return a**n, x**n, 2.0**x, 4**-1


@corpus(lambda d: (d.integer(-3, 3), d.real(-2, 2)))
def power_of_zero(a: int, x: float) -> float:
    return float(a) ** x if a > 0 else float(a) ** -1


@corpus(lambda d: (d.integer(), d.integer(), d.integer(0, 5)))
def bits(a: int, b: int, n: int) -> tuple[int, int, int, int, int, int]:
    return a & b, a | b, a ^ b, ~a, a << n, a >> n


@corpus(lambda d: (d.truth(), d.truth()))
def booleans_as_numbers(a: bool, b: bool) -> tuple[int, bool, bool, int, bool]:
    return a + b, a & b, a | b, a * 3, a ^ b


@corpus(lambda d: (d.integer(), d.integer()))
def comparisons(a: int, b: int) -> list[bool]:
    return [a < b, a <= b, a > b, a >= b, a == b, a != b]


@corpus(lambda d: (d.integer(-2, 2), float(d.integer(-2, 2))))
def int_against_float(a: int, b: float) -> list[bool]:
    return [a < b, a == b, a >= b]


@corpus(lambda d: (d.real(), d.real()))
def extremes(a: float, b: float) -> tuple[float, float, float]:
    return min(a, b), max(a, b, 1.5), min([a, b, 0.0])


@corpus(lambda d: (d.real(), d.integer(0, 3)))
def rounding(x: float, n: int) -> tuple[int, float, int, int, int]:
    return round(x), round(x, n), int(x), math.floor(x), math.ceil(x)


@corpus(lambda d: (d.integer(-2000, 2000),))
def rounding_of_integers(n: int) -> tuple[int, int]:
    return round(n), round(n, -2)  # noqa: RUF057


@corpus(lambda d: (d.integer() + 0.5,))
def rounding_halves(x: float) -> tuple[int, float]:
    return round(x), round(x / 100, 2)


@corpus(lambda d: (d.real(0.1, 9),))
def math_functions(x: float) -> list[float]:
    return [math.sqrt(x), math.exp(x), math.log(x), math.sin(x), math.atan2(x, 2.0), math.log(x, 2), math.tanh(x)]


@corpus(lambda d: (d.real(-2, 2),))
def math_domain(x: float) -> float:
    return math.sqrt(x) + math.log(x)


@corpus(lambda d: (d.real(), d.integer(1, 5)))
def math_constants(r: float, n: int) -> float:
    return math.pi * r**2 + (math.inf if n > 3 else math.e)


@corpus(lambda d: (d.integer(0, 9), d.integer(1, 20)))
def math_of_integers(n: int, m: int) -> tuple[int, int, bool]:
    return math.factorial(n), math.gcd(n, m), math.isnan(float(n))


@corpus(lambda d: (d.integer(0, 4),))
def overflow(n: int) -> int:
    x = 4611686018427387904
    for _ in range(n % 2):
        x = x - n
    return x + (x - 1)


@corpus(lambda d: (complex(d.integer(), d.integer()), complex(d.integer(), 1)))
def complex_numbers(a: complex, b: complex) -> tuple[complex, complex, complex, float, float]:
    return a + b * 2, a * b, a / b, a.real, abs(a)


@corpus(lambda d: (d.real(), d.integer()))
def complex_from_parts(x: float, n: int) -> complex:
    return complex(x, 2.0) - n + 1j


@corpus(lambda d: (d.integer(), d.real()))
def conversions(n: int, x: float) -> tuple[float, int, bool, bool, str]:
    return float(n), int(x), bool(n), bool(x), str(n)


@corpus(lambda d: ("  12 " if d.truth() else "1_0", "2.5e3", "x" if d.integer() > 5 else "7"))
def numbers_from_text(a: str, b: str, c: str) -> tuple[int, float, int]:
    return int(a), float(b), int(c)


@corpus(lambda d: (d.integer(), d.integer(1, 5)))
def divmod_and_pow(a: int, b: int) -> tuple[int, int, int]:
    q, r = divmod(a, b)
    return q, r, pow(b, 3)


@corpus(lambda d: (d.integer(),))
def augmented(n: int) -> float:
    n += 2
    n *= 3
    n -= 1
    n //= 2
    x = n / 4
    x **= 2
    x %= 7
    return x


@corpus(lambda d: (d.integer(1, 1000),))
def digits(n: int) -> list[int]:
    out = []
    while n > 0:
        out.append(n % 10)
        n //= 10
    return out


@corpus(lambda d: (d.integer(1, 60), d.integer(1, 60)))
def euclid(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@corpus(lambda d: (d.real(1, 100),))
def newton(x: float) -> float:
    guess = x
    for _ in range(50):
        following = 0.5 * (guess + x / guess)
        if abs(following - guess) < 1e-12:
            break
        guess = following
    return guess
