"""The layers of nn as scripts give what they give eagerly, in evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.jit.annotations import List, Optional

Inputs = Callable[[], tuple[tw.Tensor, ...]]


def normal(*shapes: tuple[int, ...]) -> Inputs:
    return lambda: tuple(tw.randn(shape) for shape in shapes)


ROWS, LINES, IMAGES, VOLUMES = normal((2, 4)), normal((2, 4, 8)), normal((2, 4, 8, 8)), normal((2, 4, 6, 6, 6))
BY_RANK = {1: LINES, 2: IMAGES, 3: VOLUMES}
CLASSES = (lambda: tw.randn(2, 4), lambda: tw.tensor([1, 2]))

ACTIVATIONS = [
    "ReLU",
    "ReLU6",
    "ELU",
    "CELU",
    "SELU",
    "GELU",
    "SiLU",
    "Mish",
    "Sigmoid",
    "LogSigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Hardtanh",
    "Hardsigmoid",
    "Hardswish",
    "Hardshrink",
    "Softshrink",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "GLU",
    "Identity",
    "Dropout",
    "AlphaDropout",
]
LOSSES = [
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "HuberLoss",
    "SoftMarginLoss",
    "KLDivLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "PoissonNLLLoss",
    "CosineSimilarity",
    "PairwiseDistance",
    "MultiLabelSoftMarginLoss",
]


def of_ranks(name: str, *args: Any) -> dict[str, tuple[Callable[[], nn.Module], Inputs]]:
    """A layer for one, two and three dimensions of places."""
    return {f"{name}{d}d": (lambda d=d: getattr(nn, f"{name}{d}d")(*args), BY_RANK[d]) for d in (1, 2, 3)}


CASES: dict[str, tuple[Callable[[], nn.Module], Inputs]] = {
    **{name: (lambda name=name: getattr(nn, name)(), ROWS) for name in ACTIVATIONS},
    **{name: (lambda name=name: getattr(nn, name)(dim=-1), ROWS) for name in ("Softmin", "Softmax", "LogSoftmax")},
    **{name: (lambda name=name: getattr(nn, name)(), lambda: (tw.rand(2, 4), tw.rand(2, 4))) for name in LOSSES},
    **of_ranks("Conv", 4, 3, 3),
    **of_ranks("ConvTranspose", 4, 3, 3, 2),
    **of_ranks("BatchNorm", 4),
    **of_ranks("InstanceNorm", 4),
    **of_ranks("MaxPool", 2),
    **of_ranks("AvgPool", 2),
    **of_ranks("AdaptiveAvgPool", 2),
    **of_ranks("AdaptiveMaxPool", 2),
    **of_ranks("LPPool", 2, 2),
    **of_ranks("ReflectionPad", 1),
    **of_ranks("ReplicationPad", 1),
    **of_ranks("ConstantPad", 1, 2.0),
    **of_ranks("CircularPad", 1),
    **of_ranks("ZeroPad", 1),
    "Threshold": (lambda: nn.Threshold(0.1, 0.2), ROWS),
    "Softmax2d": (nn.Softmax2d, IMAGES),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm(8), IMAGES),
    "RMSNorm": (lambda: nn.RMSNorm(8), IMAGES),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), IMAGES),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), IMAGES),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), IMAGES),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGES),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), IMAGES),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), IMAGES),
    "Fold": (lambda: nn.Fold((4, 4), 2), normal((1, 8, 9))),
    "Unfold": (lambda: nn.Unfold(2), IMAGES),
    "Flatten": (nn.Flatten, IMAGES),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), IMAGES),
    "Linear": (lambda: nn.Linear(4, 3), ROWS),
    "Bilinear": (lambda: nn.Bilinear(4, 4, 3), normal((2, 4), (2, 4))),
    "Embedding": (lambda: nn.Embedding(5, 3), lambda: (tw.tensor([1, 2]),)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(5, 3), lambda: (tw.tensor([[1, 2]]),)),
    "CrossEntropyLoss": (nn.CrossEntropyLoss, lambda: tuple(make() for make in CLASSES)),
    "NLLLoss": (nn.NLLLoss, lambda: tuple(make() for make in CLASSES)),
    "MultiMarginLoss": (nn.MultiMarginLoss, lambda: tuple(make() for make in CLASSES)),
    "GaussianNLLLoss": (nn.GaussianNLLLoss, lambda: (tw.randn(2, 4), tw.randn(2, 4), tw.rand(2, 4))),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss, lambda: (tw.randn(2, 4), tw.ones(2, 4))),
    "MarginRankingLoss": (nn.MarginRankingLoss, lambda: (tw.randn(4), tw.randn(4), tw.ones(4))),
    "TripletMarginLoss": (nn.TripletMarginLoss, normal((2, 4), (2, 4), (2, 4))),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss, lambda: (tw.randn(2, 4), tw.randn(2, 4), tw.ones(2))),
    "CTCLoss": (
        nn.CTCLoss,
        lambda: (tw.rand(5, 2, 4).log(), tw.tensor([[1, 2], [1, 2]]), tw.tensor([5, 5]), tw.tensor([2, 2])),
    ),
    "LSTM": (lambda: nn.LSTM(4, 5, 2), normal((3, 2, 4))),
    "GRU": (lambda: nn.GRU(4, 5, bidirectional=True), normal((3, 2, 4))),
    "RNN": (lambda: nn.RNN(4, 5), normal((3, 2, 4))),
    "LSTMCell": (lambda: nn.LSTMCell(4, 5), ROWS),
    "GRUCell": (lambda: nn.GRUCell(4, 5), ROWS),
    "RNNCell": (lambda: nn.RNNCell(4, 5), ROWS),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True),
        normal((2, 3, 8), (2, 5, 8), (2, 5, 8)),
    ),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), normal((2, 3, 8))),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(8, 2, 16), normal((3, 2, 8), (5, 2, 8))),
    "Transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), normal((2, 3, 8), (2, 4, 8))),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2))), ROWS),
}


def leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("name", CASES)
def test_scripts_of_layers(name: str) -> None:
    make, inputs = CASES[name]
    module, args = make().eval(), inputs()
    expected, got = leaves(module(*args)), leaves(tw.jit.script(module)(*args))
    assert len(got) == len(expected)
    for want, have in zip(expected, got, strict=True):
        assert (have is None) == (want is None)
        if want is not None:
            assert bool(((have == want) | (have != have) & (want != want)).all())


def test_types_by_the_names_that_older_code_imports() -> None:
    @tw.jit.script
    def total(parts: List[tw.Tensor], scale: Optional[float] = None) -> tw.Tensor:
        result = parts[0]
        for part in parts[1:]:
            result = result + part
        return result if scale is None else result * scale

    assert total([tw.ones(1), tw.ones(1)], 2.0).item() == 4.0
    with pytest.raises(TypeError):
        total(tw.ones(1))
