"""A softmax over many classes, of which few are frequent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from ._containers import ModuleList, Sequential
from ._linear import Linear
from ._module import Module


class ASMoutput(NamedTuple):
    """Log-probabilities of the targets [N], and their negated mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module[[Tensor, Tensor], ASMoutput]):
    """Log-softmax and its loss over classes ordered by frequency (Grave et al. 2017).

    The head knows the most frequent classes and the clusters of the others; a cluster's classes are told apart in a
    space that is smaller the rarer they are.

    Args:
        in_features: features of the input.
        n_classes: classes.
        cutoffs: where clusters begin, rising.
        div_value: factor between the sizes of clusters' spaces.
        head_bias: learn a bias of the head.

    Example:
        >>> layer = AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
        >>> layer(tw.randn(4, 8), tw.tensor([0, 6, 12, 19])).output.shape
        (4,)
    """

    in_features: int
    n_classes: int
    div_value: float
    head_bias: bool
    cutoffs: list[int]
    shortlist_size: int
    n_clusters: int
    head_size: int
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        bounds = list(cutoffs)
        if not bounds or bounds != sorted(set(bounds)) or bounds[0] <= 0 or bounds[-1] > n_classes - 1:
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs must rise from 1 to at most {n_classes - 1}, got {bounds}"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*bounds, n_classes]
        self.shortlist_size, self.n_clusters = bounds[0], len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // (div_value ** (i + 1)))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, device=device, dtype=dtype),
                    Linear(inner, classes, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new weights."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        """Log-probabilities of targets [N] (or one) from inputs [N, in_features], and the loss."""
        if input_.ndim not in (1, 2) or tuple(input_.shape[:-1]) != tuple(target_.shape):
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: expected input [N, in_features] and target [N], or one of each, got "
                f"{list(input_.shape)} and {list(target_.shape)}"
            )
        rows, target = (input_, target_) if input_.ndim == 2 else (input_.unsqueeze(0), target_.unsqueeze(0))
        if target.numel() and not (int(target.min().item()) >= 0 and int(target.max().item()) < self.n_classes):
            raise IndexError(f"AdaptiveLogSoftmaxWithLoss: targets must be in [0, {self.n_classes - 1}]")
        head = F.log_softmax(self.head(rows), 1)
        place = target  # of the target in the head: itself, or its cluster
        output = tw.zeros_like(head[:, 0])
        for i, cluster in enumerate(self.tail):
            inside = (target >= self.cutoffs[i]) & (target < self.cutoffs[i + 1])
            place = place.masked_fill(inside, self.shortlist_size + i)
            chosen = inside.nonzero().flatten()
            if chosen.numel():
                log_p = F.log_softmax(cluster(rows.index_select(0, chosen)), 1)
                of_class = target.index_select(0, chosen) - self.cutoffs[i]
                output = output.index_add(0, chosen, log_p.gather(1, of_class.unsqueeze(1)).squeeze(1))
        output = output + head.gather(1, place.unsqueeze(1)).squeeze(1)
        loss = -output.mean()
        return ASMoutput(output if input_.ndim == 2 else output.squeeze(0), loss)

    def _full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            log_p = F.log_softmax(cluster(input), 1)
            parts.append(log_p + head[:, self.shortlist_size + i].unsqueeze(1))
        return tw.cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes [N, n_classes]."""
        return self._full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class [N]."""
        return self.log_prob(input).argmax(1)
