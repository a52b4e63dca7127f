"""Loops of every kind, with early ends."""

from __future__ import annotations

from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.tensor(3), d.integer(0, 6)))
def for_range(x: Tensor, n: int) -> Tensor:
    for i in range(n):
        x = x * 0.5 + i
    return x


@corpus(lambda d: (d.integer(-5, 5), d.integer(-5, 15), d.integer(1, 4)))
def range_with_step(a: int, b: int, c: int) -> int:
    total = 0
    for i in range(a, b, c):
        total = total * 3 + i
    for i in range(b, a, -c):
        total -= i
    return total


@corpus(lambda d: (d.tensor(4),))
def while_tensor(x: Tensor) -> Tensor:
    x = x.abs() + 1
    while x.sum() < 100:
        x = x * 1.5
    return x


@corpus(lambda d: (d.integer(1, 200),))
def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@corpus(lambda d: (d.integers(6), d.integer()))
def search_with_break(xs: list[int], wanted: int) -> int:
    found = -1
    for i in range(len(xs)):
        if xs[i] == wanted:
            found = i
            break
    return found


@corpus(lambda d: (d.integers(6, -3, 3), d.integer(-3, 3)))
def search_with_return(xs: list[int], wanted: int) -> int:
    for i, x in enumerate(xs):
        if x == wanted:
            return i
    return -1


@corpus(lambda d: (d.integers(8, -3, 3),))
def skip_with_continue(xs: list[int]) -> int:
    total = 0
    for x in xs:
        if x < 0:
            continue
        if x == 2:
            total += 100
            continue
        total += x
    return total


@corpus(lambda d: (d.integers(7, -4, 4),))
def break_and_continue(xs: list[int]) -> list[int]:
    out = []
    for x in xs:
        if x == 0:
            break
        if x % 2:
            continue
        out.append(x)
    return out


@corpus(lambda d: (d.integers(5, 0, 4), d.integer(0, 4)))
def for_else(xs: list[int], wanted: int) -> str:
    result = ""
    for x in xs:
        if x == wanted:
            result = "found"
            break
    else:
        result = "missing"
    return result


@corpus(lambda d: (d.integer(0, 9),))
def while_else(n: int) -> int:
    while n > 3:
        if n == 7:
            break
        n -= 1
    else:
        n += 100
    return n


@corpus(lambda d: (d.integer(0, 5), d.integer(0, 5)))
def nested_loops(n: int, m: int) -> int:
    total = 0
    for i in range(n):
        for j in range(m):
            if j > i:
                break
            if (i + j) % 3 == 0:
                continue
            total += i * j
    return total


@corpus(lambda d: (d.integers(4, 0, 5), d.integers(4, 0, 5), d.integer(0, 10)))
def return_from_nested_loops(xs: list[int], ys: list[int], wanted: int) -> tuple[int, int]:
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            if x + y == wanted:
                return i, j
    return -1, -1


@corpus(lambda d: (d.integer(0, 20),))
def while_true(n: int) -> int:
    k = 0
    while True:
        k += 1
        if k * k > n:
            break
    return k


@corpus(lambda d: (d.integer(0, 20),))
def while_true_return(n: int) -> int:
    k = 0
    while True:
        if k * 3 > n:
            return k
        k += 1


@corpus(lambda d: (d.integers(4), d.reals(5)))
def zip_two(xs: list[int], ys: list[float]) -> float:
    total = 0.0
    for x, y in zip(xs, ys, strict=False):
        total += x * y
    return total


@corpus(lambda d: (d.integers(4),))
def enumerate_from(xs: list[int]) -> int:
    total = 0
    for i, x in enumerate(xs, start=2):
        total += i * x
    return total


@corpus(lambda d: (d.integers(4), d.integers(4)))
def enumerate_zip(xs: list[int], ys: list[int]) -> int:
    total = 0
    for i, (x, y) in enumerate(zip(xs, ys, strict=False)):
        total += i * x - y
    return total


@corpus(lambda d: (d.integers(5),))
def reversed_list(xs: list[int]) -> int:
    total = 0
    for x in reversed(xs):
        total = total * 2 + x
    return total


@corpus(lambda d: (d.tensor(3, 2),))
def rows_of_a_tensor(x: Tensor) -> Tensor:
    total = x[0] * 0
    for row in x:
        total = total * 2 + row
    return total


@corpus(lambda d: (d.tensor(2), d.tensor(2)))
def tuple_is_unrolled(x: Tensor, y: Tensor) -> Tensor:
    total = x * 0
    for part, scale in ((x, 2), (y, 0.5), (x + y, -1)):
        if scale > 1:
            continue
        total = total + part * scale
    return total


@corpus(lambda d: (d.tensor(2), d.integer(0, 4)))
def unrolled_with_break(x: Tensor, stop: int) -> Tensor:
    for k in (1, 2, 3):
        if k == stop:
            break
        x = x * k + 1
    return x


@corpus(lambda d: (d.tensor(2), d.integer(0, 4)))
def unrolled_with_return(x: Tensor, stop: int) -> Tensor:
    for k in (1, 2, 3):
        x = x + k
        if k == stop:
            return x * 100
    return x


@corpus(lambda d: (d.word(),))
def letters(s: str) -> str:
    out = ""
    for letter in s:
        out = letter + out
    return out


@corpus(lambda d: ({d.word(): d.integer() for _ in range(4)},))
def dict_items(table: dict[str, int]) -> str:
    out = ""
    for key, value in table.items():
        if value > 0:
            out += f"{key}={value};"
    return out


@corpus(lambda d: ({d.integer(): d.integer() for _ in range(5)},))
def dict_keys_and_values(table: dict[int, int]) -> int:
    total = 0
    for key in table:
        total += key
    for value in table.values():
        total -= value * 2
    for key in table:
        total += table[key]
    return total


@corpus(lambda d: (d.integer(1, 6),))
def list_grows_while_looped(n: int) -> list[int]:
    todo = [n]
    done = []
    for x in todo:
        done.append(x)
        if x > 1:
            todo.append(x - 2)
    return done


@corpus(lambda d: (d.tensor(2), d.integer(0, 4)))
def optional_carried(x: Tensor, n: int) -> Tensor:
    best: Tensor | None = None
    for i in range(n):
        candidate = x * i
        if best is None or candidate.sum() > best.sum():
            best = candidate
    if best is None:
        return x
    return best


@corpus(lambda d: (d.integer(0, 5),))
def type_settles_to_number(n: int) -> float:
    x = 1
    for _ in range(n):
        x = x * 0.5
    return x


@corpus(lambda d: (d.integer(0, 5),))
def tuple_carried(n: int) -> int:
    state = (0, 1)
    for _ in range(n):
        state = (state[1], state[0] + state[1])
    return state[0]


@corpus(lambda d: (d.integer(0, 8),))
def swap_carried(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@corpus(lambda d: (d.integers(6),))
def bubble_sort(given: list[int]) -> list[int]:
    xs = given.copy()
    for i in range(len(xs)):
        for j in range(len(xs) - 1 - i):
            if xs[j] > xs[j + 1]:
                xs[j], xs[j + 1] = xs[j + 1], xs[j]
    return xs


@corpus(lambda d: (d.integer(2, 40),))
def primes(n: int) -> list[int]:
    out = []
    for candidate in range(2, n):
        prime = True
        k = 2
        while k * k <= candidate:
            if candidate % k == 0:
                prime = False
                break
            k += 1
        if prime:
            out.append(candidate)
    return out


@corpus(lambda d: (d.tensor(4, 3), d.real(0, 2)))
def loop_with_inner_tensor_break(x: Tensor, limit: float) -> tuple[Tensor, int]:
    total = x[0] * 0
    count = 0
    for i in range(x.shape[0]):
        total = total + x[i].abs()
        if total.max() > limit:
            break
        count += 1
    return total, count


@corpus(lambda d: (d.integer(0, 3), d.integer(0, 3)))
def continue_in_while(n: int, m: int) -> int:
    i = 0
    total = 0
    while i < 10:
        i += 1
        if i % 3 == n:
            continue
        if i % 5 == m:
            total += 50
        total += i
    return total


@corpus(lambda d: (d.integers(6, -5, 5),))
def raise_in_loop(xs: list[int]) -> int:
    total = 0
    for x in xs:
        if x == 4:
            raise ValueError("four")
        total += x
    return total


@corpus(lambda d: (d.integers(5),))
def nested_function_in_loop(xs: list[int]) -> int:
    def signed(x: int) -> int:
        if x < 0:
            return -1
        if x > 0:
            return 1
        return 0

    total = 0
    for x in xs:
        total += signed(x) * x
    return total
