"""Lookup tables of learned vectors."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class _Table(Module[..., Tensor]):
    """Rows that are drawn from N(0, 1), of which one may be the padding's."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        given: Tensor | None,
        freeze: bool,
        device: tw.device | str | None,
        dtype: tw.dtype | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"{name}: padding_idx={padding_idx} is outside the {num_embeddings} rows")
        if given is not None and tuple(given.shape) != (num_embeddings, embedding_dim):
            raise ValueError(f"{name}: expected rows [{num_embeddings}, {embedding_dim}], got {list(given.shape)}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        rows = tw.empty(num_embeddings, embedding_dim, device=device, dtype=dtype) if given is None else given
        self.weight = Parameter(rows, requires_grad=not freeze)
        if given is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new rows; the padding's is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with tw.no_grad():
                self.weight[self.padding_idx].zero_()


def _rows_given(name: str, embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise ValueError(f"{name}.from_pretrained: expected a 2-D tensor, got shape {list(embeddings.shape)}")
    return embeddings.shape[0], embeddings.shape[1]


class Embedding(_Table):
    """Row ``i`` of a learned table for each index ``i``.

    Args:
        num_embeddings: rows.
        embedding_dim: length of a row.
        padding_idx: row that starts at zero and gets no gradient.
        max_norm: rows that are looked up are first scaled down to this norm, in place.
        norm_type: which norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        sparse: refused when it is used; gradients are dense.

    Shapes: input of integers [*], output [*, embedding_dim]. Rows are drawn from N(0, 1).

    Raises:
        IndexError: an index outside [0, num_embeddings).

    Example:
        >>> Embedding(10, 4)(tw.tensor([[1, 2], [3, 4]])).shape
        (2, 2, 4)
    """

    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse

    def forward(self, input: Tensor) -> Tensor:
        """Map indices [*] to vectors [*, embedding_dim]."""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A table with given rows [num_embeddings, embedding_dim], not trained if ``freeze``."""
        rows, width = _rows_given(cls.__name__, embeddings)
        return cls(
            rows,
            width,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def extra_repr(self) -> str:
        """Constructor arguments that are not the defaults."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [
            f"{name}={getattr(self, name)}"
            for name, default in (("padding_idx", None), ("max_norm", None), ("norm_type", 2.0))
            if getattr(self, name) != default
        ]
        parts += [f"{name}=True" for name in ("scale_grad_by_freq", "sparse") if getattr(self, name)]
        return ", ".join(parts)


class EmbeddingBag(_Table):
    """Sum, mean or maximum of the rows of a learned table over bags of indices.

    Args:
        num_embeddings: rows.
        embedding_dim: length of a row.
        max_norm: as in ``Embedding``.
        norm_type: as in ``Embedding``.
        scale_grad_by_freq: as in ``Embedding``.
        mode: ``"mean"``, ``"sum"`` or ``"max"``.
        sparse: refused when it is used; gradients are dense.
        include_last_offset: the last offset is where the last bag ends.
        padding_idx: row that starts at zero, does not count and gets no gradient.

    Example:
        >>> EmbeddingBag(10, 4)(tw.tensor([1, 2, 3]), tw.tensor([0, 2])).shape
        (2, 4)
    """

    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        if mode not in ("mean", "sum", "max"):
            raise ValueError(f"EmbeddingBag: mode must be 'mean', 'sum' or 'max', got {mode!r}")
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Map indices [bags, size], or [*] cut by ``offsets``, to [bags, embedding_dim]."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A table with given rows [num_embeddings, embedding_dim], not trained if ``freeze``."""
        rows, width = _rows_given(cls.__name__, embeddings)
        bag = cls(
            rows,
            width,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    def extra_repr(self) -> str:
        """Constructor arguments that are not the defaults."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [
            f"{name}={getattr(self, name)}"
            for name, default in (("max_norm", None), ("norm_type", 2.0))
            if getattr(self, name) != default
        ]
        parts += [f"{name}=True" for name in ("scale_grad_by_freq",) if getattr(self, name)]
        parts.append(f"mode={self.mode!r}")
        return ", ".join(parts if self.padding_idx is None else [*parts, f"padding_idx={self.padding_idx}"])
