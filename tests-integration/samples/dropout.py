"""Rows of random omission: what is fixed about the results is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW
SHAPES = {1: (2, 3, 4), 2: (2, 3, 4, 2), 3: (2, 3, 2, 2, 2)}


def samples(*shapes: tuple[int, ...], evaluation: Any = False, has_default: bool = True) -> Any:
    def cases(make: Make) -> Iterator[Case]:
        for shape in shapes:
            yield case(make(*shape), 0.3, True)
            yield case(make(*shape), 0.5, evaluation)
        x = make(*shapes[0])
        yield case(x, 0.0, True)
        yield refused(x, 1.5, True, error=ValueError, match=r"p must be (in|between)")
        yield refused(x, -0.1, True, error=ValueError, match=r"p must be (in|between)")

    return cases


for prefix in ("", "nn.functional."):
    row(f"{prefix}alpha_dropout", dtypes=ANY_FLOAT, random=True, grad=False)(samples((3, 4), (), (0, 2)))
    row(f"{prefix}feature_alpha_dropout", dtypes=ANY_FLOAT, random=True, grad=False)(samples((3, 4), (2, 3, 4)))
row("nn.functional.dropout", dtypes=ANY_FLOAT, random=True, grad=False)(samples((3, 4), (), (0, 2)))


@row(
    "native_dropout_backward",
    dtypes=ANY_FLOAT,
    reference=lambda grad, mask, scale: np.where(mask, grad * np.asarray(scale, grad.dtype), 0),
    torch="ops.aten.native_dropout_backward",
    grad=(0,),
)
def native_dropout_backward(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.bools(3, 4), 2.0)
    yield case(make(0, 2), make.bools(0, 2), 1.25)


row("feature_dropout", dtypes=ANY_FLOAT, random=True, grad=False)(samples((3, 4), (2, 3, 4)))
for n in (1, 2, 3):
    row(f"nn.functional.dropout{n}d", dtypes=ANY_FLOAT, random=True, grad=False)(samples(SHAPES[n], SHAPES[n][1:]))
