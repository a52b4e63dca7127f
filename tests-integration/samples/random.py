"""Rows of random ops: shapes and dtypes are compared, and what every draw satisfies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import FLOAT, INTEGER, LOW, Case, Make, case, refused, row

REAL_FLOAT = FLOAT + LOW


def all_satisfy(holds: Callable[[Any], Any]) -> Callable[..., None]:
    """A check of every element drawn."""

    def check(result: Any, *_: Any, **__: Any) -> None:
        assert np.all(holds(np.asarray(result)))

    return check


def filler(name: str, dtypes: tuple[str, ...], holds: Callable[[Any], Any], *calls: tuple[Any, ...]) -> None:
    """A row of a method that fills a tensor."""

    def samples(make: Make) -> Iterator[Case]:
        for args in calls or ((),):
            yield case(make(3, 4), *args)
        yield case(make(0), *(calls[0] if calls else ()))
        yield case(make(), *(calls[0] if calls else ()))

    row(f"Tensor.{name}", dtypes=dtypes, check=all_satisfy(holds), random=True, grad=False)(samples)


filler("uniform_", REAL_FLOAT, lambda x: (x >= 0) & (x < 1))
filler("normal_", REAL_FLOAT, np.isfinite, (), (2.0, 0.5))
filler("exponential_", REAL_FLOAT, lambda x: x >= 0, (), (2.0,))
filler("cauchy_", REAL_FLOAT, lambda x: x == x, (), (1.0, 2.0))
filler("log_normal_", REAL_FLOAT, lambda x: x >= 0, (), (0.0, 0.5))
filler("geometric_", REAL_FLOAT + INTEGER, lambda x: x >= 1, (0.5,))
filler("random_", REAL_FLOAT + INTEGER, lambda x: x >= 0, (), (5,), (2, 7))
filler("bernoulli_", REAL_FLOAT + INTEGER, lambda x: (x == 0) | (x == 1), (), (0.3,))


@row("poisson", dtypes=REAL_FLOAT, check=all_satisfy(lambda x: x >= 0), random=True, grad=False)
def poisson(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.0, high=30.0))
    yield case(make(low=0.0))
    yield case(make(0))
    yield refused(make(3, low=-2.0, high=-1.0), error=ValueError, match="rates")


@row("binomial", dtypes=FLOAT, check=all_satisfy(lambda x: x >= 0), random=True, grad=False)
def binomial(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.0, high=30.0), make(3, 4, low=0.0, high=1.0))
    yield case(make(3, 1, low=0.0, high=30.0), make(4, low=0.0, high=1.0))
    yield case(make(0), make(0))
    yield refused(make(3, low=1.0), make(3, low=1.5), error=ValueError, match="prob")


@row("bernoulli", dtypes=REAL_FLOAT, check=all_satisfy(lambda x: (x == 0) | (x == 1)), random=True, grad=False)
def bernoulli(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.0, high=1.0))
    yield case(make(low=0.0, high=1.0))
    yield case(make(0))
    yield refused(make(3, low=1.5), error=ValueError, match="between 0 and 1")


@row("normal", dtypes=REAL_FLOAT, check=all_satisfy(np.isfinite), random=True, grad=False)
def normal(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4, low=0.5))
    yield case(make(3), 0.5)
    yield case(2.0, make(3, low=0.5))
    yield case(2.0, 0.5, (2, 3))


@row("multinomial", dtypes=FLOAT, check=all_satisfy(lambda x: (x >= 0) & (x < 5)), random=True, grad=False)
def multinomial(make: Make) -> Iterator[Case]:
    yield case(make(5, low=0.1), 3)
    yield case(make(2, 5, low=0.1), 7, replacement=True)
    yield refused(make(5, low=0.1), 6, error=ValueError, match="without replacement")


def shaped(name: str, *args: Any, **kwargs: Any) -> None:
    """A row of a factory: a size, and one without elements."""

    def samples(make: Make) -> Iterator[Case]:
        for size in ((2, 3), (0,), ()):
            yield case(*args, size, **kwargs, dtype=make.dtype)

    row(name, dtypes=FLOAT, random=True, grad=False)(samples)


shaped("rand")
shaped("randn")
shaped("randint", 5)


def like(name: str, *args: Any) -> None:
    def samples(make: Make) -> Iterator[Case]:
        for shape in ((2, 3), (0,), ()):
            yield case(make(*shape), *args)

    row(name, dtypes=FLOAT, random=True, grad=False)(samples)


like("rand_like")
like("randn_like")
like("randint_like", 2, 5)


@row("randperm", dtypes=("int64",), random=True, grad=False)
def randperm(make: Make) -> Iterator[Case]:
    yield case(5)
    yield case(0)
