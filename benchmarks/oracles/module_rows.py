"""A row or more for each class of torch.nn: how it is made, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Library = Any
Array = np.ndarray
GENERATOR = np.random.default_rng(0)


@dataclass(frozen=True)
class Row:
    """`make(library)` gives the module, which is called with `inputs`: arrays become tensors.

    `name` is the class of torch.nn that the row is for. `random` modules are compared in eval mode only; in training
    their results have the right shape. `text` says that both print alike, `tolerance` how far numbers may be apart.
    """

    name: str
    make: Callable[[Library], Any]
    inputs: tuple[Any, ...]
    random: bool = False
    text: bool = True
    tolerance: float = 1e-9


class Fixed:
    """An array whose gradient nobody asks for."""

    def __init__(self, array: Array) -> None:
        self.array = array


def normal(*shape: int) -> Array:
    return GENERATOR.standard_normal(shape)


def positive(*shape: int) -> Array:
    return np.abs(normal(*shape)) + 0.1


def probabilities(*shape: int) -> Array:
    return GENERATOR.uniform(0.05, 0.95, shape)


def signs(*shape: int) -> Array:
    return np.sign(normal(*shape))


def integers(high: int, *shape: int, low: int = 0) -> Array:
    return GENERATOR.integers(low, high, shape)


def row(
    name: str,
    *args: Any,
    inputs: tuple[Any, ...],
    random: bool = False,
    text: bool = True,
    tolerance: float = 1e-9,
    **kwargs: Any,
) -> Row:
    return Row(name, lambda lib: getattr(lib.nn, name)(*args, **kwargs), inputs, random, text, tolerance)


# --- pointwise -------------------------------------------------------------------------------------------------------

X = normal(4, 6)

ACTIVATIONS = [
    *(
        row(name, inputs=(X,))
        for name in (
            "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardswish", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid",
            "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh",
            "Tanhshrink",
        )
    ),
    *(row(name, 1, inputs=(X,)) for name in ("Softmax", "LogSoftmax", "Softmin")),
    # Some of torch's gradients have constants of float32 in them.
    row("CELU", 0.7, inputs=(X,), tolerance=1e-7), row("Hardsigmoid", inputs=(X,), tolerance=1e-7),
    row("ELU", 0.7, inputs=(X,)), row("GELU", "tanh", inputs=(X,)), row("GLU", 0, inputs=(X,)),
    row("Hardshrink", 0.2, inputs=(X,)), row("Hardtanh", -0.3, 0.4, inputs=(X,)), row("LeakyReLU", 0.3, inputs=(X,)),
    row("PReLU", 6, init=0.1, inputs=(X,)), row("Softplus", 2.0, 0.5, inputs=(X,)), row("Softshrink", 0.2, inputs=(X,)),
    row("Threshold", 0.1, 20.0, inputs=(X,)), row("Softmax2d", inputs=(normal(2, 3, 4, 4),)),
    row("RReLU", inputs=(X,), random=True), row("RReLU", 0.25, 0.25, inputs=(X,)),
]  # fmt: skip

DROPOUTS = [
    *(row(name, 0.4, inputs=(normal(3, 4, 5),), random=True) for name in ("Dropout", "AlphaDropout", "Dropout1d")),
    *(row(name, 0.4, inputs=(normal(3, 4, 5, 2),), random=True) for name in ("Dropout2d", "FeatureAlphaDropout")),
    row("Dropout3d", 0.4, inputs=(normal(3, 4, 5, 2, 2),), random=True),
    row("Dropout", 0.0, inputs=(X,)),
]

# --- linear, embeddings, distances -----------------------------------------------------------------------------------

LINEAR = [
    row("Linear", 6, 3, inputs=(X,)), row("Linear", 6, 3, bias=False, inputs=(X,)),
    row("Bilinear", 3, 4, 5, inputs=(normal(2, 3), normal(2, 4))), row("LazyLinear", 3, inputs=(X,)),
    row("Embedding", 5, 4, inputs=(integers(5, 3),)),
    row("Embedding", 5, 4, padding_idx=1, max_norm=0.5, norm_type=1.0, scale_grad_by_freq=True,
        inputs=(integers(5, 3),)),
    row("EmbeddingBag", 5, 4, inputs=(integers(5, 6), np.array([0, 2]))),
    row("EmbeddingBag", 5, 4, mode="max", padding_idx=2, inputs=(integers(5, 3, 2),)),
    row("EmbeddingBag", 5, 4, mode="sum", include_last_offset=True, inputs=(integers(5, 6), np.array([0, 2, 6]))),
    row("CosineSimilarity", inputs=(normal(3, 4), normal(3, 4))),
    row("PairwiseDistance", inputs=(normal(3, 4), normal(3, 4))),
    row("PairwiseDistance", 1.0, keepdim=True, inputs=(normal(3, 4), normal(3, 4))),
    row("Flatten", inputs=(normal(2, 3, 4),)), row("Unflatten", 1, (2, 3), inputs=(X,)),
]  # fmt: skip

# --- convolution, pooling, padding, vision ---------------------------------------------------------------------------

SIDES = {1: (9,), 2: (8, 7), 3: (6, 5, 7)}


def image(dims: int, channels: int = 4) -> Array:
    return normal(2, channels, *SIDES[dims])


def apart(dims: int) -> Array:
    """An image without ties."""
    return GENERATOR.permutation(int(np.prod(image(dims).shape))).reshape(image(dims).shape) / 10.0


CONVOLUTIONS = [
    made
    for dims in (1, 2, 3)
    for made in (
        row(f"Conv{dims}d", 4, 6, 3, inputs=(image(dims),)),
        row(f"Conv{dims}d", 4, 6, 3, 2, 1, groups=2, bias=False, inputs=(image(dims),)),
        row(f"Conv{dims}d", 4, 4, 3, padding="same", dilation=2, padding_mode="circular", inputs=(image(dims),)),
        row(f"ConvTranspose{dims}d", 4, 6, 3, 2, 1, output_padding=1, groups=2, inputs=(image(dims),)),
        row(f"LazyConv{dims}d", 6, 3, inputs=(image(dims),)),
        row(f"LazyConvTranspose{dims}d", 6, 3, inputs=(image(dims),)),
    )
]
POOLS = [
    made
    for dims in (1, 2, 3)
    for made in (
        row(f"MaxPool{dims}d", 3, 2, 1, inputs=(apart(dims),)),
        row(f"MaxPool{dims}d", 2, return_indices=True, ceil_mode=True, inputs=(apart(dims),)),
        row(f"AvgPool{dims}d", 3, 2, 1, inputs=(image(dims),)),
        row(f"AvgPool{dims}d", 2, ceil_mode=True, count_include_pad=False, inputs=(image(dims),)),
        row(f"LPPool{dims}d", 2, 3, inputs=(image(dims),)),
        row(f"AdaptiveAvgPool{dims}d", 3, inputs=(image(dims),)),
        row(f"AdaptiveMaxPool{dims}d", 3, return_indices=True, inputs=(apart(dims),)),
    )
]
POOLS += [
    row("MaxUnpool1d", 2, inputs=(normal(1, 1, 3), np.array([[[0, 3, 4]]]))),
    row("MaxUnpool2d", 2, inputs=(normal(1, 1, 2, 2), np.array([[[[0, 3], [9, 14]]]]))),
    row("MaxUnpool3d", 2, inputs=(normal(1, 1, 1, 1, 2), np.array([[[[[0, 7]]]]]))),
    Row(
        "FractionalMaxPool2d",
        lambda lib: lib.nn.FractionalMaxPool2d(2, 4, _random_samples=lib.tensor([[[0.2, 0.7]] * 4] * 2)),
        (apart(2),),
    ),
    Row(
        "FractionalMaxPool3d",
        lambda lib: lib.nn.FractionalMaxPool3d(2, 3, _random_samples=lib.tensor([[[0.2, 0.7, 0.4]] * 4] * 2)),
        (apart(3),),
    ),
]
PADS = [
    row(f"{kind}Pad{dims}d", *([1.5] if kind == "Constant" else []), inputs=(image(dims),), padding=(1, 2) * dims)
    if kind != "Constant"
    else row(f"ConstantPad{dims}d", (1, 2) * dims, 1.5, inputs=(image(dims),))
    for dims in (1, 2, 3)
    for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero")
]
VISION = [
    row("ChannelShuffle", 2, inputs=(image(2),)), row("PixelShuffle", 2, inputs=(image(2),)),
    row("PixelUnshuffle", 2, inputs=(normal(2, 3, 4, 6),)), row("Unfold", 3, 1, 1, 2, inputs=(image(2),)),
    row("Fold", (4, 5), (2, 3), inputs=(normal(2, 12, 9),)), row("Upsample", (5, 9), inputs=(image(2),)),
    row("Upsample", scale_factor=2.0, mode="bilinear", align_corners=True, inputs=(image(2),)),
    row("UpsamplingNearest2d", scale_factor=2, inputs=(image(2),)),
    row("UpsamplingBilinear2d", (9, 5), inputs=(image(2),)),
]  # fmt: skip

# --- normalisation ---------------------------------------------------------------------------------------------------

NORMALISATIONS = [
    made
    for dims in (1, 2, 3)
    for made in (
        row(f"BatchNorm{dims}d", 4, inputs=(image(dims),)),
        row(f"BatchNorm{dims}d", 4, momentum=None, affine=False, inputs=(image(dims),)),
        row(f"BatchNorm{dims}d", 4, track_running_stats=False, inputs=(image(dims),)),
        row(f"InstanceNorm{dims}d", 4, inputs=(image(dims),)),
        row(f"InstanceNorm{dims}d", 4, affine=True, track_running_stats=True, inputs=(image(dims),)),
        row(f"LazyBatchNorm{dims}d", inputs=(image(dims),)),
        row(f"LazyInstanceNorm{dims}d", affine=True, inputs=(image(dims),)),
    )
]
NORMALISATIONS += [
    row("LayerNorm", 6, inputs=(X,)), row("LayerNorm", (4, 6), bias=False, inputs=(X,)), row("RMSNorm", 6, inputs=(X,)),
    row("GroupNorm", 2, 4, inputs=(image(2),)), row("GroupNorm", 4, 4, affine=False, inputs=(image(2),)),
    row("LocalResponseNorm", 3, inputs=(image(2),)), row("CrossMapLRN2d", 3, inputs=(image(2),)),
    Row("SyncBatchNorm", lambda lib: lib.nn.SyncBatchNorm(4).eval(), (image(2),), random=True),
]  # fmt: skip

# --- recurrent, attention --------------------------------------------------------------------------------------------

SEQUENCE, STATE = normal(5, 2, 3), normal(1, 2, 4)
RECURRENT = [
    row(kind, 3, 4, inputs=(SEQUENCE,), **options)
    for kind in ("RNN", "LSTM", "GRU")
    for options in ({}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True, "bias": False})
]
RECURRENT += [
    row("RNN", 3, 4, nonlinearity="relu", inputs=(SEQUENCE, STATE)), row("GRU", 3, 4, inputs=(normal(5, 3),)),
    row("LSTM", 3, 4, inputs=(SEQUENCE, (STATE, STATE))), row("LSTM", 3, 4, proj_size=2, inputs=(SEQUENCE,)),
    row("RNNCell", 3, 4, inputs=(normal(2, 3), normal(2, 4))),
    row("RNNCell", 3, 4, False, "relu", inputs=(normal(2, 3),)), row("LSTMCell", 3, 4, inputs=(normal(2, 3),)),
    row("GRUCell", 3, 4, inputs=(normal(2, 3), normal(2, 4))),
    Row("RNNBase", lambda lib: lib.nn.RNNBase("LSTM", 3, 4, 2), ()),
    Row("RNNCellBase", lambda lib: lib.nn.RNNCellBase(3, 4, True, 2), ()),
]  # fmt: skip

Q, K, V = normal(5, 2, 8), normal(7, 2, 8), normal(7, 2, 8)
CAUSAL = np.triu(np.full((5, 5), -np.inf), 1)
PADDING = np.array([[0] * 5 + [1] * 2, [0] * 6 + [1]], bool)
ATTENTION = [
    row("MultiheadAttention", 8, 2, inputs=(Q, Q, Q)), row("MultiheadAttention", 8, 2, inputs=(Q, K, V)),
    row("MultiheadAttention", 8, 2, kdim=3, vdim=4, inputs=(Q, normal(7, 2, 3), normal(7, 2, 4))),
    row("MultiheadAttention", 8, 2, bias=False, inputs=(Q, Q, Q, None, True, normal(5, 5) > 1, False)),
    row("MultiheadAttention", 8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True,
        inputs=(normal(2, 5, 8), normal(2, 7, 8), normal(2, 7, 8), PADDING)),
    row("TransformerEncoderLayer", 8, 2, 16, 0.0, inputs=(Q,)),
    row("TransformerEncoderLayer", 8, 2, 16, 0.0, "gelu", norm_first=True, batch_first=True,
        inputs=(normal(2, 5, 8), CAUSAL)),
    row("TransformerDecoderLayer", 8, 2, 16, 0.0, inputs=(Q, K)),
    Row("TransformerEncoder",
        lambda lib: lib.nn.TransformerEncoder(lib.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 2),
        (normal(2, 5, 8), CAUSAL)),
    Row("TransformerDecoder",
        lambda lib: lib.nn.TransformerDecoder(lib.nn.TransformerDecoderLayer(8, 2, 16, 0.0), 2, lib.nn.LayerNorm(8)),
        (Q, K)),
    row("Transformer", 8, 2, 2, 2, 16, 0.0, inputs=(K, Q)),
    row("Transformer", 8, 2, 2, 2, 16, 0.0, batch_first=True,
        inputs=(normal(2, 7, 8), normal(2, 5, 8), None, CAUSAL, None, PADDING)),
]  # fmt: skip

# --- losses ----------------------------------------------------------------------------------------------------------


def holder(lib: Library, build: Callable[[Any], Any]) -> Any:
    """A module with `build(module)` in it, which gives the function of its forward."""

    class Holder(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.function = build(self)

        def forward(self, *inputs: Any) -> Any:
            return self.function(*inputs)

    return Holder()


def _ctc_loss(lib: Library, reduction: str) -> Any:
    def build(module: Any) -> Callable[..., Any]:
        module.loss = lib.nn.CTCLoss(reduction=reduction)
        return lambda x, *rest: module.loss(x.log_softmax(-1), *rest)

    return holder(lib, build)


def _with_reduction(module: Any, reduction: str) -> Any:
    module.reduction = reduction
    return module


CLASSES = integers(6, 4)
LOSSES = [
    replace(made, make=lambda lib, made=made, reduction=reduction: _with_reduction(made.make(lib), reduction))
    for reduction in ("mean", "sum", "none")
    for made in (
        row("BCELoss", inputs=(probabilities(4, 6), probabilities(4, 6))),
        row("BCEWithLogitsLoss", inputs=(X, probabilities(4, 6))),
        row("CosineEmbeddingLoss", 0.2, inputs=(X, normal(4, 6), signs(4))),
        row("CrossEntropyLoss", inputs=(X, CLASSES)), row("CrossEntropyLoss", label_smoothing=0.2, inputs=(X, CLASSES)),
        row("GaussianNLLLoss", inputs=(X, normal(4, 6), positive(4, 6))),
        row("HingeEmbeddingLoss", inputs=(X, signs(4, 6))), row("HuberLoss", delta=0.4, inputs=(X, normal(4, 6))),
        row("KLDivLoss", inputs=(X, probabilities(4, 6))), row("L1Loss", inputs=(X, normal(4, 6))),
        row("MSELoss", inputs=(X, normal(4, 6))),
        row("MarginRankingLoss", 0.3, inputs=(normal(4), normal(4), signs(4))),
        row("MultiLabelMarginLoss", inputs=(normal(3, 4), np.array([[1, 2, -1, 0], [-1, 0, 1, 2], [3, 1, 0, 2]]))),
        row("MultiLabelSoftMarginLoss", inputs=(X, integers(2, 4, 6) * 1.0)),
        row("MultiMarginLoss", inputs=(X, CLASSES)), row("NLLLoss", inputs=(X, CLASSES)),
        row("NLLLoss2d", inputs=(normal(2, 4, 3, 2), integers(4, 2, 3, 2)), text=False),
        row("PoissonNLLLoss", inputs=(X, positive(4, 6))), row("SmoothL1Loss", beta=0.4, inputs=(X, normal(4, 6))),
        row("SoftMarginLoss", inputs=(X, Fixed(signs(4, 6)))),
        row("TripletMarginLoss", inputs=(X, normal(4, 6), normal(4, 6))),
        row("TripletMarginWithDistanceLoss", swap=True, inputs=(X, normal(4, 6), normal(4, 6))),
    )
]  # fmt: skip
LOSSES += [
    *(
        # torch's gradient holds behind log_softmax only.
        Row("CTCLoss", lambda lib, reduction=reduction: _ctc_loss(lib, reduction),  # type: ignore[misc]
            (normal(6, 3, 5), integers(5, 3, 3, low=1), np.array([6, 5, 4]), np.array([3, 2, 1])))
        for reduction in ("mean", "sum", "none")
    ),
    row("AdaptiveLogSoftmaxWithLoss", 8, 20, [5, 10], div_value=2.0,
        inputs=(normal(6, 8), np.array([0, 6, 12, 19, 4, 9]))),
    row("LinearCrossEntropyLoss", 3, 5, bias=True, inputs=(normal(4, 3), integers(5, 4))),
    row("LinearCrossEntropyLoss", 3, 5, out_features=(2,), inputs=(normal(4, 3), integers(5, 4, 2))),
]  # fmt: skip


# --- containers, parameters ------------------------------------------------------------------------------------------


def _uninitialized(lib: Library, kind: str, register: str) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        made = getattr(lib.nn, kind)()
        getattr(module, register)("weight", made)
        made.materialize((4, 6))
        module.weight.data.fill_(0.5)
        return lambda x: x * module.weight

    return holder(lib, build)


def _parameter_list(lib: Library) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        module.weights = lib.nn.ParameterList([lib.ones(6), lib.ones(4, 1)])
        return lambda x: x * module.weights[0] + module.weights[1]

    return holder(lib, build)


def _parameter_dict(lib: Library) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        module.weights = lib.nn.ParameterDict({"scale": lib.ones(6), "shift": lib.ones(4, 1)})
        return lambda x: x * module.weights["scale"] + module.weights["shift"]

    return holder(lib, build)


def _module_list(lib: Library) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        module.layers = lib.nn.ModuleList([lib.nn.Linear(6, 6), lib.nn.Tanh()])
        return lambda x: module.layers[1](module.layers[0](x))

    return holder(lib, build)


def _module_dict(lib: Library) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        module.layers = lib.nn.ModuleDict({"first": lib.nn.Linear(6, 6), "second": lib.nn.Tanh()})
        return lambda x: module.layers["second"](module.layers["first"](x))

    return holder(lib, build)


def _parameter(lib: Library, kind: str) -> Any:
    def build(module: Any) -> Callable[[Any], Any]:
        module.weight = getattr(lib.nn, kind)(lib.full((6,), 0.5))
        return lambda x: x * module.weight

    return holder(lib, build)


CONTAINERS = [
    Row("Sequential", lambda lib: lib.nn.Sequential(lib.nn.Linear(6, 3), lib.nn.BatchNorm1d(3), lib.nn.ReLU()), (X,)),
    Row("DataParallel", lambda lib: lib.nn.DataParallel(lib.nn.Linear(6, 3)), (X,)),
    Row("Container", lambda lib: lib.nn.Container(layer=lib.nn.Linear(6, 3)), ()),
    Row("Module", lambda lib: holder(lib, lambda module: lambda x: x.sin()), (X,)),
    Row("ModuleList", _module_list, (X,)),
    Row("ModuleDict", _module_dict, (X,)),
    Row("ParameterList", _parameter_list, (X,), text=False),  # torch's names its types of tensors
    Row("ParameterDict", _parameter_dict, (X,), text=False),
    Row("Parameter", lambda lib: _parameter(lib, "Parameter"), (X,)),
    Row("Buffer", lambda lib: _parameter(lib, "Buffer"), (X,)),
    Row(
        "UninitializedParameter",
        lambda lib: _uninitialized(lib, "UninitializedParameter", "register_parameter"),
        (X,),
    ),
    Row("UninitializedBuffer", lambda lib: _uninitialized(lib, "UninitializedBuffer", "register_buffer"), (X,)),
    Row(
        "LinearCrossEntropyOptions",
        lambda lib: lib.nn.LinearCrossEntropyLoss(3, 5, options=lib.nn.LinearCrossEntropyOptions()),
        (normal(4, 3), integers(5, 4)),
    ),
]

ROWS = [
    *ACTIVATIONS, *DROPOUTS, *LINEAR, *CONVOLUTIONS, *POOLS, *PADS, *VISION, *NORMALISATIONS, *RECURRENT, *ATTENTION,
    *LOSSES, *CONTAINERS,
]  # fmt: skip
