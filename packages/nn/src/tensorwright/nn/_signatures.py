"""What modules are called with and give, for type checkers: ``Module[P, R]``. Nothing of it exists at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorwright import Tensor
    from typing_extensions import ParamSpec, TypeVar

    from .utils.rnn import PackedSequence

    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any, covariant=True)
    Pooled = TypeVar("Pooled", bound="Tensor | tuple[Tensor, Tensor]", default=Tensor, covariant=True)
    State = TypeVar("State", default=Any)
    SequenceT = TypeVar("SequenceT", Tensor, PackedSequence)
else:  # a module class that is subscripted is itself, and for scripts an annotation must say something
    P = R = Pooled = State = SequenceT = Any
