"""Branches, early returns, conditions."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.tensor(3),))
def sign_branch(x: Tensor) -> Tensor:
    if x.sum() > 0:
        return x * 2
    return -x


@corpus(lambda d: (d.integer(),))
def chain_of_elif(n: int) -> str:
    if n < -3:
        return "low"
    elif n < 0:
        return "below"
    elif n == 0:
        return "zero"
    elif n < 4:
        return "above"
    else:
        return "high"


@corpus(lambda d: (d.integer(), d.integer()))
def nested_returns(a: int, b: int) -> int:
    if a > 0:
        if b > 0:
            return a + b
        if b < -4:
            return a - b
        a = a * 2
    else:
        b = b + 1
    return a * 100 + b


@corpus(lambda d: (d.tensor(2, 2), d.truth()))
def assigned_on_both_sides(x: Tensor, flag: bool) -> Tensor:
    if flag:
        y = x + 1
        z = 2.0
    else:
        y = x - 1
        z = 3.0
    return y * z


@corpus(lambda d: (d.tensor(2) if d.truth() else None,))
def optional_default(x: Tensor | None) -> Tensor:
    if x is None:
        x = tw.ones(2)
    return x * 3


@corpus(lambda d: (d.tensor(2) if d.truth() else None, d.tensor(2)))
def optional_and(x: Tensor | None, y: Tensor) -> Tensor:
    if x is not None and x.sum() > 0:
        return x + y
    return y


@corpus(lambda d: (d.tensor(2) if d.truth() else None, d.tensor(2)))
def optional_or(x: Tensor | None, y: Tensor) -> Tensor:
    if x is None or x.sum() > 0:
        return y
    return x


@corpus(lambda d: (d.integer() if d.truth() else None,))
def optional_int(n: int | None) -> int:
    return n if n is not None else -1


@corpus(lambda d: (d.integer() if d.truth() else None,))
def optional_truth(n: int | None) -> int:
    if n:
        return n + 1
    return 0


@corpus(lambda d: (d.integer(), d.integer(), d.integer()))
def conditional_expressions(a: int, b: int, c: int) -> int:
    return (a if a > b else b) if c > 0 else (b if a > b else a)


@corpus(lambda d: (d.integer(), d.integer()))
def short_circuit(a: int, b: int) -> bool:
    return (b != 0 and a // b > 1) or a == 3


@corpus(lambda d: (d.integer(-3, 3), d.integer(-3, 3)))
def operand_values(a: int, b: int) -> int:
    return a or b or 7


@corpus(lambda d: (d.integer(-2, 2), d.integer(-2, 2)))
def operand_values_and(a: int, b: int) -> int:
    return a and b and 7


@corpus(lambda d: (d.integer(), d.integer(), d.integer()))
def compare_chain(a: int, b: int, c: int) -> bool:
    return a < b <= c != 5


@corpus(lambda d: (d.truth(), d.truth()))
def not_and_or(a: bool, b: bool) -> tuple[bool, bool, bool]:
    return not a, not (a and b), not a or not b


@corpus(lambda d: (d.tensor(4),))
def tensor_conditions(x: Tensor) -> Tensor:
    total = x.sum()
    if total > 1 and not (x[0] > 0):
        x = x + 10
    elif total < -1 or x[1] > 0:
        x = x - 10
    return x


@corpus(lambda d: (d.tensor(3), d.integer(0, 3)))
def return_from_depth(x: Tensor, n: int) -> Tensor:
    if n > 0:
        if n > 1:
            if n > 2:
                return x * 8
            x = x + 1
        x = x + 2
    return x


@corpus(lambda d: (d.tensor(3), d.truth(), d.truth()))
def late_flag(x: Tensor, a: bool, b: bool) -> Tensor:
    if a:
        x = x + 1
        if b:
            return x
        x = x * 2
    x = x - 5
    if b:
        x = x * x
    return x


@corpus(lambda d: (d.integer(-3, 3),))
def raised(n: int) -> int:
    if n < 0:
        raise ValueError(f"negative: {n}")
    if n == 0:
        raise KeyError("zero")
    assert n != 2, "two"
    return n


@corpus(lambda d: (d.integer(-3, 3),))
def raised_in_one_side(n: int) -> int:
    if n > 0:
        y = n * 2
    else:
        raise RuntimeError("not positive")
    return y


@corpus(lambda d: (d.integer(-3, 3),))
def assert_with_text(n: int) -> int:
    assert n > 0, f"n is {n}"
    assert n < 3
    return n


@corpus(lambda d: (d.tensor(2), d.integer(0, 2)))
def refined_by_early_return(x: Tensor, n: int) -> Tensor:
    y: Tensor | None = None
    if n == 1:
        y = x * 2
    if y is None:
        return x
    return y + x


@corpus(lambda d: (d.integer(),))
def walrus(n: int) -> int:
    if (m := n * 2) > 4:
        return m
    return m - 1


@corpus(lambda d: (d.tensor(2), d.truth()))
def tuple_on_both_sides(x: Tensor, flag: bool) -> tuple[Tensor, int]:
    pair = (x, 1) if flag else (x + 1, 2)
    first, second = pair
    return first * second, second


@corpus(lambda d: (d.integer(), d.truth()))
def numbers_join(n: int, flag: bool) -> float:
    x = 1 if flag else 0.5
    return x * n


@corpus(lambda d: (d.tensor(2), d.truth()))
def optional_from_branch(x: Tensor, flag: bool) -> Tensor | None:
    if flag:
        return x
    return None


@corpus(lambda d: (d.tensor(2), d.truth()))  # noqa: RET503
def falls_off_the_end(x: Tensor, flag: bool) -> Tensor | None:
    if flag:
        return x


def clipped(x: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    if low > high:
        return x
    return x.clamp(low, high)


@corpus(lambda d: (d.tensor(4), d.real()))
def calls_a_function(x: Tensor, low: float) -> Tensor:
    return clipped(x) + clipped(x, low) + clipped(x, high=0.5)


@corpus(lambda d: (d.tensor(4), d.real(0, 1)))
def inner_function(x: Tensor, by: float) -> Tensor:
    def scaled(y: Tensor, times: int = 2) -> Tensor:
        if times > 1:
            return y * by * times
        return y

    twice = lambda y: scaled(scaled(y))  # noqa: E731
    return twice(x) + scaled(x, times=1)


def factorial(n: int) -> int:
    if n <= 1:
        return 1
    return n * factorial(n - 1)


@corpus(lambda d: (d.integer(0, 9),))
def recursion(n: int) -> int:
    return factorial(n)


def is_even(n: int) -> bool:
    return True if n == 0 else is_odd(n - 1)


def is_odd(n: int) -> bool:
    return False if n == 0 else is_even(n - 1)


@corpus(lambda d: (d.integer(0, 9),))
def mutual_recursion(n: int) -> bool:
    return is_even(n)


@corpus(lambda d: (d.integer(0, 6),))
def fibonacci(n: int) -> int:
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


def apply_twice(f, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    return f(f(x))


@corpus(lambda d: (d.tensor(3),))
def functions_as_arguments(x: Tensor) -> Tensor:
    return apply_twice(tw.sin, x) + apply_twice(lambda y: y * 2, x)


@corpus(lambda d: (d.tensor(2),))
def scripting_is_known(x: Tensor) -> Tensor:
    if not tw.jit.is_scripting():
        print(end="")
    return x + 1


@corpus(lambda d: (d.tensor(2), d.integer()))
def isinstance_is_known(x: Tensor, n: int) -> Tensor:
    if isinstance(n, int | float) and not isinstance(x, (int, float)):
        return x + n
    return x


@corpus(lambda d: (d.tensor(2) if d.truth() else None,))
def isinstance_of_optional(x: Tensor | None) -> int:
    if isinstance(x, Tensor):
        return int(x.numel())
    return 0
