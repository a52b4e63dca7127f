"""What type checkers know of a call of a module. Checked by mypy and by pyright, never run: see nox -s typecheck."""

from __future__ import annotations

from typing import Any, assert_type

import tensorwright as tw
from tensorwright import Tensor, nn
from tensorwright.nn.utils.rnn import PackedSequence

x = tw.ones(2, 3)


# ---- layers of nn ----------------------------------------------------------------------------------------

assert_type(nn.Linear(3, 4)(x), Tensor)
assert_type(nn.Linear(3, 4)(input=x), Tensor)
assert_type(nn.Conv2d(3, 4, 3)(x), Tensor)
assert_type(nn.BatchNorm1d(3)(x), Tensor)
assert_type(nn.ReLU()(x), Tensor)
assert_type(nn.Embedding(3, 4)(x), Tensor)
assert_type(nn.CrossEntropyLoss()(x, x), Tensor)
assert_type(nn.MultiheadAttention(4, 2)(x, x, x), tuple[Tensor, Tensor | None])
assert_type(nn.TransformerEncoderLayer(4, 2)(x), Tensor)
assert_type(nn.LSTMCell(3, 4)(x), tuple[Tensor, Tensor])
assert_type(nn.GRUCell(3, 4)(x), Tensor)
assert_type(nn.LSTM(3, 4)(x), tuple[Tensor, tuple[Tensor, Tensor]])
assert_type(nn.LazyLinear(4)(x), Tensor)

nn.Linear(3, 4)(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
nn.Bilinear(3, 3, 4)(x)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

assert_type(nn.MaxPool2d(2)(x), Tensor)
assert_type(nn.MaxPool2d[tuple[Tensor, Tensor]](2, return_indices=True)(x), tuple[Tensor, Tensor])
assert_type(nn.AdaptiveMaxPool1d(2)(x), Tensor)
assert_type(nn.AdaptiveMaxPool1d[tuple[Tensor, Tensor]](2, return_indices=True)(x), tuple[Tensor, Tensor])
assert_type(nn.FractionalMaxPool2d(2, 3)(x), Tensor)


def whole_or_packed(sequence: Tensor, packed: PackedSequence) -> None:
    assert_type(nn.LSTM(3, 4)(sequence)[0], Tensor)
    assert_type(nn.GRU(3, 4)(packed), tuple[PackedSequence, Tensor])


# ---- modules of users ------------------------------------------------------------------------------------


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x: Tensor, times: int = 1) -> list[Tensor]:
        assert_type(self.layer(x), Tensor)
        return [self.layer(x)] * times


class Declared(nn.Module[[Tensor], Tensor]):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Elsewhere(Plain):
    """Inherits what it is called with."""


assert_type(Plain()(x), list[Tensor])
assert_type(Plain()(x, times=2), list[Tensor])
assert_type(Elsewhere()(x), list[Tensor])
assert_type(Declared()(x), Tensor)
Plain()(x, "many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def any_module(module: nn.Module) -> None:
    assert_type(module(x, 1, key=None), Any)


def of_one_tensor(module: nn.Module[[Tensor], Tensor]) -> Tensor:
    return module(x)


any_module(Plain())
any_module(nn.LSTM(3, 4))
of_one_tensor(Declared())
of_one_tensor(nn.Linear(3, 4))
of_one_tensor(nn.Sequential(nn.Flatten(), nn.Linear(3, 4)))
of_one_tensor(nn.LSTM(3, 4))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
any_module(Plain().to(tw.float64).eval())
assert_type(Plain().train()(x), list[Tensor])


# ---- containers ------------------------------------------------------------------------------------------

assert_type(nn.Sequential(nn.Linear(3, 4), nn.ReLU())(x), Tensor)
assert_type(nn.Sequential(nn.ReLU(), nn.MultiheadAttention(4, 2))(x), tuple[Tensor, Tensor | None])
assert_type(nn.Sequential(nn.Linear(3, 4), Plain())(x), Any)
assert_type(nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)])(x), Any)
assert_type(nn.Sequential({"first": nn.Linear(3, 4)})(x), Any)
assert_type(nn.ModuleList([nn.Linear(3, 4)])[0], nn.Module)
