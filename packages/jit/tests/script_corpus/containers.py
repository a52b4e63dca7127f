"""Lists, tuples and dicts."""

from __future__ import annotations

from typing import NamedTuple

import tensorwright as tw
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.integers(4), d.integer()))
def append_and_extend(xs: list[int], n: int) -> list[int]:
    ys = xs + [n]
    ys.append(n * 2)
    ys.extend(xs)
    ys += [1, 2]
    return ys


@corpus(lambda d: (d.integers(5), d.integer(-6, 6)))
def indexing(xs: list[int], k: int) -> int:
    return xs[k] + xs[-1] - xs[0]


@corpus(lambda d: (d.integers(6), d.integer(-7, 7), d.integer(-7, 7)))
def slicing(xs: list[int], a: int, b: int) -> tuple[list[int], list[int], list[int], list[int]]:
    return xs[a:b], xs[::2], xs[::-1], xs[b:a:-2]


@corpus(lambda d: (d.integers(4), d.integer(-5, 5)))
def assignment_of_items(xs: list[int], k: int) -> list[int]:
    ys = xs.copy()
    ys[k] = 100
    ys[0] += 5
    return ys


@corpus(lambda d: (d.integers(5), d.integer(-6, 6)))
def insert_and_pop(xs: list[int], k: int) -> tuple[list[int], int, int]:
    ys = list(xs)
    ys.insert(k, 50)
    a = ys.pop()
    b = ys.pop(k)
    return ys, a, b


@corpus(lambda d: (d.integers(6, 0, 3), d.integer(0, 3)))
def list_methods(xs: list[int], x: int) -> tuple[int, int, list[int]]:
    ys = list(xs)
    ys.remove(x)
    ys.reverse()
    return xs.count(x), xs.index(x), ys


@corpus(lambda d: (d.integers(6), d.words(4)))
def sorting(xs: list[int], ws: list[str]) -> tuple[list[int], list[int], list[str]]:
    ys = list(xs)
    ys.sort()
    return ys, sorted(xs, reverse=True), sorted(ws)


@corpus(lambda d: (d.integers(5), d.integer()))
def membership(xs: list[int], x: int) -> tuple[bool, bool, bool]:
    return x in xs, x not in xs, x in (1, 2, 3)


@corpus(lambda d: (d.integers(5),))
def comprehension(xs: list[int]) -> list[int]:
    return [x * x for x in xs if x > 0]


@corpus(lambda d: (d.integers(3), d.integers(3)))
def nested_comprehension(xs: list[int], ys: list[int]) -> list[list[int]]:
    return [[x * y for y in ys] for x in xs]


@corpus(lambda d: (d.integers(3), d.integers(3)))
def comprehension_of_two(xs: list[int], ys: list[int]) -> list[tuple[int, int]]:
    return [(x, y) for x in xs for y in ys if x < y]


@corpus(lambda d: (d.integers(5),))
def reductions(xs: list[int]) -> tuple[int, int, int, int]:
    return sum(xs), min(xs), max(xs), len(xs)


@corpus(lambda d: (d.integers(5),))
def any_and_all(xs: list[int]) -> tuple[bool, bool, bool]:
    return any(x > 5 for x in xs), all([x < 8 for x in xs]), any([])  # noqa: C419


@corpus(lambda d: (d.integers(3), d.integer(0, 3)))
def repetition(xs: list[int], n: int) -> list[int]:
    return xs * n + [0] * 2


@corpus(lambda d: (d.integers(3),))
def aliases_see_changes(xs: list[int]) -> tuple[list[int], list[int]]:
    a = list(xs)
    b = a
    b.append(1)
    c = a.copy()
    c.append(2)
    return a, c


@corpus(lambda d: (d.integer(1, 4),))
def lists_of_lists(n: int) -> list[list[int]]:
    rows: list[list[int]] = []
    for i in range(n):
        rows.append([])
        for j in range(i + 1):
            rows[i].append(i * j)
    rows[0][0] = 9
    return rows


@corpus(lambda d: (d.integer(0, 6),))
def pascal(n: int) -> list[int]:
    row = [1]
    for _ in range(n):
        row = [1] + [row[i] + row[i + 1] for i in range(len(row) - 1)] + [1]
    return row


@corpus(lambda d: (d.integers(4),))
def list_equality(xs: list[int]) -> tuple[bool, bool, bool]:
    return xs == [1, 2, 3, 4], xs == list(xs), xs < [0, 0]


@corpus(lambda d: (d.integers(3),))
def unpacked_list(xs: list[int]) -> int:
    a, b, c = xs
    return a * 100 + b * 10 + c


@corpus(lambda d: (d.integers(d.integer(1, 3)),))
def unpacked_list_of_unknown_length(xs: list[int]) -> int:
    a, b = xs
    return a - b


@corpus(lambda d: (d.integer(), d.integer()))
def starred(a: int, b: int) -> tuple[int, list[int], int]:
    first, *middle, last = (a, b, a + b, 7)
    return first, middle, last


@corpus(lambda d: (d.integer(), d.real()))
def tuples(a: int, b: float) -> tuple[float, int, bool, tuple[int, float, int]]:
    pair = (a, b)
    triple = pair + (3,)
    return pair[1], len(triple), pair == (a, b), triple


@corpus(lambda d: (d.integer(), d.integer(), d.integer(-2, 1)))
def tuple_with_dynamic_index(a: int, b: int, k: int) -> int:
    return (a, b)[k]


@corpus(lambda d: (d.integer(0, 3),))
def del_items(k: int) -> tuple[list[int], dict[str, int]]:
    xs = [1, 2, 3]
    del xs[k]
    table = {"a": 1, "b": 2}
    del table["a"]
    return xs, table


class Point(NamedTuple):
    x: Tensor
    y: Tensor
    weight: float = 1.0

    def moved(self, by: float) -> Point:
        return Point(self.x + by, self.y + by, self.weight)


@corpus(lambda d: (d.tensor(2), d.tensor(2), d.real()))
def named_tuple(x: Tensor, y: Tensor, by: float) -> Point:
    p = Point(x, y)
    q = Point(x=p.y, y=p.x, weight=by)
    return q.moved(by) if by > 0 else p


@corpus(lambda d: (Point(d.tensor(2), d.tensor(2), 2.0),))
def named_tuple_argument(p: Point) -> Tensor:
    x, y, weight = p
    return (x + y) * weight + p[0] * p.weight


@corpus(lambda d: (d.words(5),))
def counting(ws: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for w in ws:
        if w in counts:
            counts[w] += 1
        else:
            counts[w] = 1
    return counts


@corpus(lambda d: (d.integer(), d.integer(0, 3)))
def dict_literal(n: int, k: int) -> int:
    table = {0: n, 1: n * 2, 2: -n}
    return table[k]


@corpus(lambda d: (d.integer(0, 3),))
def dict_methods(k: int) -> tuple[int, int | None, int, list[int], int]:
    table = {0: 5, 1: 6}
    table.update({2: 7})
    a = table.get(k, -1)
    b = table.get(k)
    c = table.setdefault(k, 100)
    d = table.pop(0)
    return a, b, c + d, list(table.keys()), len(table)


@corpus(lambda d: (d.integers(4),))
def dict_comprehension(xs: list[int]) -> dict[int, int]:
    return {x: x * x for x in xs if x != 0}


@corpus(lambda d: (d.words(3), d.integers(3)))
def dict_of_zip(keys: list[str], values: list[int]) -> dict[str, int]:
    return dict(zip(keys, values, strict=False))


@corpus(lambda d: (d.integer(), d.integer()))
def tuple_keys(a: int, b: int) -> int:
    table = {(0, 0): 1}
    table[(a, b)] = 2
    table[(b, a)] = 3
    return table[(a, b)] * 10 + len(table)


@corpus(lambda d: (d.tensor(2), d.integer(0, 4)))
def list_of_tensors(x: Tensor, n: int) -> Tensor:
    parts = []
    for i in range(n):
        parts.append(x * i)  # noqa: PERF401
    if len(parts) == 0:
        return x
    return tw.stack(parts).sum(0) + tw.cat(parts).max()


@corpus(lambda d: (d.tensor(2), d.tensor(2)))
def dict_of_tensors(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    out = {"x": x, "y": y}
    out["sum"] = out["x"] + out["y"]
    return out


@corpus(lambda d: ([(d.integer(), d.word()) for _ in range(3)],))
def list_of_tuples(pairs: list[tuple[int, str]]) -> str:
    out = ""
    for number, word in pairs:
        out += word * (number % 3)
    return out


def push(xs: list[int], x: int) -> None:
    xs.append(x)


@corpus(lambda d: (d.integer(),))
def changed_by_a_function(n: int) -> list[int]:
    xs: list[int] = []
    push(xs, n)
    push(xs, n + 1)
    return xs


@corpus(lambda d: (d.integers(6, 0, 20),))
def quicksort(xs: list[int]) -> list[int]:
    if len(xs) <= 1:
        return xs
    pivot = xs[0]
    return quicksort([x for x in xs[1:] if x < pivot]) + [pivot] + quicksort([x for x in xs[1:] if x >= pivot])


@corpus(lambda d: (d.integers(5),))
def tuple_of_list(xs: list[int]) -> tuple[int, ...]:
    return tuple(x + 1 for x in xs)
