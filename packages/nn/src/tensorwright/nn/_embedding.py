"""Lookup tables of learned vectors."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class Embedding(Module):
    """Row ``i`` of a learned table for each index ``i``.

    Args:
        num_embeddings: rows.
        embedding_dim: length of a row.
        padding_idx: row that starts at zero and gets no gradient.
        max_norm: only None in this version.

    Shapes: input of integers [*], output [*, embedding_dim]. Rows are drawn from N(0, 1).

    Raises:
        IndexError: an index outside [0, num_embeddings).

    Example:
        >>> Embedding(10, 4)(tw.tensor([[1, 2], [3, 4]])).shape
        (2, 2, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx={padding_idx} is outside the {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(tw.empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new rows."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with tw.no_grad():
                self.weight[self.padding_idx].zero_()

    def forward(self, input: Tensor) -> Tensor:
        """Map indices [*] to vectors [*, embedding_dim]."""
        return F.embedding(input, self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """A table with given rows [num_embeddings, embedding_dim], not trained if ``freeze``."""
        if embeddings.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: expected a 2-D tensor, got shape {list(embeddings.shape)}")
        table = cls(embeddings.shape[0], embeddings.shape[1], padding_idx)
        table.weight = Parameter(embeddings, requires_grad=not freeze)
        return table

    def extra_repr(self) -> str:
        """Constructor arguments."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
