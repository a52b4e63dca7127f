"""Layers of signals, images and volumes: values by NumPy, state, text, refusals."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn

RNG = np.random.default_rng(0)
SIZES = {1: (9,), 2: (8, 7), 3: (5, 6, 4)}
NAMES = {1: "1d", 2: "2d", 3: "3d"}


def given(*shape: int) -> tuple[np.ndarray, tw.Tensor]:
    array = RNG.standard_normal(shape)
    return array, tw.from_numpy(array)


def close(result: tw.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-9, atol=1e-11)


def layer_of(name: str, dims: int, *args: object, **options: object) -> nn.Module:
    return getattr(nn, name + NAMES[dims])(*args, **options)


# ---- convolutions ---------------------------------------------------------------------------------------


def correlate(padded: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Without stride, dilation and groups: every tap's share of the sum."""
    kernel = w.shape[2:]
    sizes = [n - k + 1 for n, k in zip(padded.shape[2:], kernel, strict=True)]
    result = np.zeros((padded.shape[0], w.shape[0], *sizes))
    for taps in itertools.product(*map(range, kernel)):
        window = padded[(..., *(slice(t, t + n) for t, n in zip(taps, sizes, strict=True)))]
        result += np.einsum("nc...,oc->no...", window, w[(..., *taps)])
    return result + b.reshape(-1, *[1] * len(kernel))


@pytest.mark.parametrize("dims", SIZES)
@pytest.mark.parametrize(
    ("mode", "numpy_mode"),
    [("zeros", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")],
)
def test_convolution_with_every_border(dims: int, mode: str, numpy_mode: str) -> None:
    x, tx = given(2, 3, *SIZES[dims])
    layer = layer_of("Conv", dims, 3, 4, 3, padding=2, padding_mode=mode).double()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    padded = np.pad(x, [(0, 0), (0, 0)] + [(2, 2)] * dims, numpy_mode)
    close(layer(tx), correlate(padded, weight, bias))
    assert ("padding_mode" in repr(layer)) == (mode != "zeros")


@pytest.mark.parametrize("dims", SIZES)
def test_transposed_convolution_is_the_transpose(dims: int) -> None:
    forward = layer_of("Conv", dims, 2, 3, 3, stride=2, padding=1, bias=False).double()
    back = layer_of("ConvTranspose", dims, 3, 2, 3, stride=2, padding=1, bias=False).double()
    back.load_state_dict(forward.state_dict())
    x, tx = given(2, 2, *SIZES[dims])
    image = forward(tx).detach()
    y, ty = given(*image.shape)
    returned = back(ty, output_size=SIZES[dims]).detach()
    assert returned.shape == tx.shape
    np.testing.assert_allclose((image.numpy() * y).sum(), (x * returned.numpy()).sum(), rtol=1e-9)


@pytest.mark.parametrize("dims", SIZES)
def test_sizes_that_a_transposed_convolution_cannot_reach(dims: int) -> None:
    layer = layer_of("ConvTranspose", dims, 1, 1, 3, stride=2)
    x = tw.ones(1, 1, *[3] * dims)
    assert layer(x, output_size=[8] * dims).shape == (1, 1, *[8] * dims)
    with pytest.raises(ValueError, match="dimension 0 must lie between 7 and 8"):
        layer(x, output_size=[9] * dims)
    with pytest.raises(ValueError, match="padding_mode must be 'zeros'"):
        layer_of("ConvTranspose", dims, 1, 1, 3, padding_mode="reflect")


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv1d(2, 4, 3), "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"),
        (nn.Conv2d(2, 4, 3, padding="same"), "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), padding=same)"),
        (
            nn.ConvTranspose1d(2, 4, 3, 2, 1, 1, 2, False, 2),
            "ConvTranspose1d(2, 4, kernel_size=(3,), stride=(2,), padding=(1,), dilation=(2,), output_padding=(1,), "
            "groups=2, bias=False)",
        ),
        (nn.MaxPool1d(2), "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
        (nn.AvgPool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
        (nn.LPPool2d(2, 3), "LPPool2d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"),
        (nn.MaxUnpool2d(2), "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"),
        (nn.AdaptiveMaxPool3d((1, None, 2)), "AdaptiveMaxPool3d(output_size=(1, None, 2))"),
        (nn.Upsample(scale_factor=2), "Upsample(scale_factor=2.0, mode='nearest')"),
        (nn.UpsamplingBilinear2d(3), "UpsamplingBilinear2d(size=3, mode='bilinear')"),
        (nn.ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"),
        (nn.ConstantPad1d((1, 2), 3.0), "ConstantPad1d(padding=(1, 2), value=3.0)"),
        (nn.Fold(4, 2), "Fold(output_size=4, kernel_size=2, dilation=1, padding=0, stride=1)"),
        (nn.PixelShuffle(2), "PixelShuffle(upscale_factor=2)"),
        (
            nn.InstanceNorm1d(3),
            "InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
        ),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        (nn.LocalResponseNorm(2), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)"),
        (nn.Dropout2d(0.3), "Dropout2d(p=0.3, inplace=False)"),
        (nn.LazyConv2d(8, 3), "LazyConv2d(0, 8, kernel_size=(3, 3), stride=(1, 1))"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_text(layer: nn.Module, text: str) -> None:
    assert repr(layer) == text


# ---- pooling --------------------------------------------------------------------------------------------


def blocks(x: np.ndarray, dims: int) -> np.ndarray:
    """Windows of 2 in every dimension, their elements last."""
    x = x[(..., *(slice(0, n - n % 2) for n in x.shape[-dims:]))]
    split = x.reshape(*x.shape[:-dims], *(m for n in x.shape[-dims:] for m in (n // 2, 2)))
    inner = [x.ndim - dims + 2 * d + 1 for d in range(dims)]
    moved = np.moveaxis(split, inner, range(-dims, 0))
    return moved.reshape(*moved.shape[:-dims], -1)


@pytest.mark.parametrize("dims", SIZES)
def test_pooling_of_blocks(dims: int) -> None:
    x, tx = given(2, 3, *SIZES[dims])
    windows = blocks(x, dims)
    close(layer_of("MaxPool", dims, 2)(tx), windows.max(-1))
    close(layer_of("AvgPool", dims, 2)(tx), windows.mean(-1))
    close(layer_of("LPPool", dims, 2, 2)(tx), np.sqrt((windows**2).sum(-1)))
    even = tx[(..., *(slice(0, n - n % 2) for n in SIZES[dims]))]
    halves = tuple(n // 2 for n in SIZES[dims])
    close(layer_of("AdaptiveAvgPool", dims, halves)(even), windows.mean(-1))
    close(layer_of("AdaptiveMaxPool", dims, halves)(even), windows.max(-1))


@pytest.mark.parametrize("dims", SIZES)
def test_unpooling_puts_maxima_back(dims: int) -> None:
    x, tx = given(2, 3, *SIZES[dims])
    values, indices = layer_of("MaxPool", dims, 2, return_indices=True)(tx)
    back = layer_of("MaxUnpool", dims, 2)(values, indices, output_size=tx.shape).numpy()
    assert back.shape == x.shape
    assert np.count_nonzero(back) == values.numel()
    np.testing.assert_array_equal(back[back != 0], x[back != 0])


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pooling(dims: int) -> None:
    x, tx = given(2, 3, *[9] * dims)
    layer = layer_of("FractionalMaxPool", dims, 2, output_ratio=0.5, return_indices=True)
    values, indices = layer(tx)
    assert values.shape == (2, 3, *[4] * dims)
    flat = x.reshape(2, 3, -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, indices.numpy().reshape(2, 3, -1), 2), values.numpy().reshape(2, 3, -1)
    )
    with pytest.raises(ValueError, match="one of output_size and output_ratio"):
        layer_of("FractionalMaxPool", dims, 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        layer_of("FractionalMaxPool", dims, 2, output_ratio=1.5)


# ---- borders, sizes, patches ------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", SIZES)
@pytest.mark.parametrize(
    ("name", "mode"), [("Zero", "constant"), ("Reflection", "reflect"), ("Replication", "edge"), ("Circular", "wrap")]
)
def test_borders(dims: int, name: str, mode: str) -> None:
    x, tx = given(2, 3, *SIZES[dims])
    widths = [(1, 2), (0, 1), (2, 1)][:dims]
    padding = tuple(n for pair in reversed(widths) for n in pair)
    close(layer_of(name + "Pad", dims, padding)(tx), np.pad(x, [(0, 0), (0, 0), *widths], mode))
    close(layer_of("ConstantPad", dims, 1, 0.5)(tx), np.pad(x, [(0, 0)] * 2 + [(1, 1)] * dims, constant_values=0.5))


def test_upsampling() -> None:
    x, tx = given(1, 2, 3, 4)
    close(nn.UpsamplingNearest2d(scale_factor=2)(tx), x.repeat(2, 2).repeat(2, 3))
    rows = np.stack([np.interp(np.linspace(0, 2, 5), range(3), column) for column in x.reshape(2, 3, 4)[0].T], 1)
    close(nn.UpsamplingBilinear2d((5, 4))(tx)[0, 0], rows)
    close(nn.Upsample(size=1, mode="area")(tx), x.mean((2, 3), keepdims=True))


def test_pixels_and_channels() -> None:
    x, tx = given(2, 8, 3, 5)
    close(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(tx)), x)
    close(nn.ChannelShuffle(4)(nn.ChannelShuffle(2)(tx)), x)


def test_folding_what_was_unfolded_counts_the_patches() -> None:
    x, tx = given(2, 3, 5, 6)
    options = {"kernel_size": 3, "padding": 1, "stride": 2}
    counts = nn.Fold((5, 6), **options)(nn.Unfold(**options)(tw.ones(2, 3, 5, 6, dtype=tw.float64)))
    close(nn.Fold((5, 6), **options)(nn.Unfold(**options)(tx)), x * counts.numpy())


# ---- normalisation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", SIZES)
def test_instance_norm(dims: int) -> None:
    x, tx = given(2, 3, *SIZES[dims])
    axes = tuple(range(2, dims + 2))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    layer = layer_of("InstanceNorm", dims, 3)
    close(layer(tx), expected)
    close(layer(tx[0]), expected[0])
    assert list(layer.state_dict()) == []
    tracking = layer_of("InstanceNorm", dims, 3, affine=True, track_running_stats=True).double()
    close(tracking(tx), expected)
    close(tracking.running_mean, 0.1 * mean.mean(0).reshape(3))
    assert tracking.eval()(tx).shape == tx.shape
    with pytest.raises(ValueError, match="expected 3 channels"):
        tracking(tx[:, :2])
    with pytest.warns(UserWarning, match="2 channels instead of 3"):
        layer(tx[:, :2])


def test_group_and_response_norm() -> None:
    x, tx = given(2, 4, 5)
    groups = x.reshape(2, 2, -1)
    expected = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)
    close(nn.GroupNorm(2, 4).double()(tx), expected.reshape(x.shape))
    with pytest.raises(ValueError, match="num_groups=3 must divide num_channels=4"):
        nn.GroupNorm(3, 4)
    near = np.stack([(x[:, max(c - 1, 0) : c + 2] ** 2).sum(1) for c in range(4)], 1)
    close(nn.LocalResponseNorm(3, 0.5, 0.6, 2.0)(tx), x / (2 + 0.5 / 3 * near) ** 0.6)


def test_synchronised_batch_norm_refuses_to_train_alone() -> None:
    layer = nn.SyncBatchNorm(3)
    with pytest.raises(RuntimeError, match="training needs a process group"):
        layer(tw.ones(2, 3))
    assert layer.eval()(tw.ones(2, 3)).shape == (2, 3)
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3, momentum=0.3))
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert isinstance(converted[1], nn.SyncBatchNorm)
    assert converted[1].momentum == 0.3
    assert converted[1].weight is model.state_dict(keep_vars=True)["1.weight"]


# ---- dropout ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dropout1d(), (50, 40, 3)), (nn.Dropout2d(), (50, 40, 3, 2)), (nn.Dropout3d(), (50, 40, 2, 2, 2))],
    ids=lambda value: type(value).__name__,
)
def test_channels_drop_as_a_whole(layer: nn.Module, shape: tuple[int, ...]) -> None:
    tw.manual_seed(1)
    y = layer(tw.ones(*shape)).numpy().reshape(*shape[:2], -1)
    assert np.all(y == y[..., :1])
    assert set(np.unique(y)) == {0.0, 2.0}
    assert abs((y == 0).mean() - 0.5) < 0.05
    assert layer.eval()(tw.ones(*shape)).numpy().min() == 1.0


def test_channels_without_a_batch() -> None:
    tw.manual_seed(2)
    y = nn.Dropout1d()(tw.ones(100, 4)).numpy()
    assert np.all(y == y[:, :1])
    assert set(np.unique(y)) == {0.0, 2.0}


@pytest.mark.parametrize("layer", [nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.3)], ids=lambda v: type(v).__name__)
def test_alpha_dropout_keeps_mean_and_variance(layer: nn.Module) -> None:
    tw.manual_seed(3)
    x = tw.randn(200, 300, 2)
    y = layer(x).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03
    assert layer.eval()(x).numpy() is not None


def test_dropout_in_place_writes_into_its_input() -> None:
    for layer in (nn.Dropout2d(1.0, inplace=True), nn.AlphaDropout(1.0, inplace=True)):
        x = tw.ones(2, 3, 4)
        assert layer(x) is x
        assert x.abs().sum().item() == 0.0


# ---- lazy modules -----------------------------------------------------------------------------------------

LAZY = [
    (lambda: nn.LazyLinear(4), (5, 3), nn.Linear),
    (lambda: nn.LazyConv1d(4, 3), (2, 3, 7), nn.Conv1d),
    (lambda: nn.LazyConv2d(4, 3, groups=1, bias=False), (2, 3, 7, 6), nn.Conv2d),
    (lambda: nn.LazyConv3d(4, 2, padding="same"), (2, 3, 4, 4, 4), nn.Conv3d),
    (lambda: nn.LazyConvTranspose1d(4, 3), (2, 3, 7), nn.ConvTranspose1d),
    (lambda: nn.LazyConvTranspose2d(4, 3, 2), (3, 5, 5), nn.ConvTranspose2d),
    (lambda: nn.LazyConvTranspose3d(4, 2), (2, 3, 3, 3, 3), nn.ConvTranspose3d),
    (lambda: nn.LazyBatchNorm1d(), (5, 3), nn.BatchNorm1d),
    (lambda: nn.LazyBatchNorm2d(affine=False), (5, 3, 2, 2), nn.BatchNorm2d),
    (lambda: nn.LazyBatchNorm3d(), (5, 3, 2, 2, 2), nn.BatchNorm3d),
    (lambda: nn.LazyInstanceNorm1d(), (5, 3, 4), nn.InstanceNorm1d),
    (lambda: nn.LazyInstanceNorm2d(affine=False, track_running_stats=False), (5, 3, 4, 4), nn.InstanceNorm2d),
    (lambda: nn.LazyInstanceNorm3d(), (3, 4, 2, 2), nn.InstanceNorm3d),
]


@pytest.mark.parametrize(("make", "shape", "becomes"), LAZY, ids=[row[2].__name__ for row in LAZY])
def test_lazy_modules_learn_their_shapes(make, shape: tuple[int, ...], becomes: type[nn.Module]) -> None:
    layer = make()
    assert type(layer).__name__ == "Lazy" + becomes.__name__
    y = layer(tw.ones(*shape))
    assert type(layer) is becomes
    again = make()
    again.load_state_dict(layer.state_dict())
    assert list(again.state_dict()) == list(layer.state_dict())
    np.testing.assert_array_equal(
        again.eval()(tw.ones(*shape)).detach().numpy(), layer.eval()(tw.ones(*shape)).detach().numpy()
    )
    if layer.state_dict():
        assert type(again) is becomes
    assert repr(again) == repr(layer)
    assert y.numel() > 0


def test_what_has_no_shape_yet() -> None:
    layer = nn.LazyLinear(3)
    assert repr(layer.weight) == "<UninitializedParameter>"
    for question in (lambda: layer.weight.shape, lambda: layer.weight.size(), lambda: layer.weight.numel()):
        with pytest.raises(RuntimeError, match="uninitialized"):
            question()
    assert isinstance(layer.state_dict()["weight"], nn.UninitializedParameter)
    assert isinstance(copy.deepcopy(layer).weight, nn.UninitializedParameter)
    assert isinstance(pickle.loads(pickle.dumps(layer)).weight, nn.UninitializedParameter)
    converted = nn.Sequential(nn.LazyBatchNorm1d(), layer).double()
    assert isinstance(converted[0].running_mean, nn.UninitializedBuffer)
    assert converted(tw.ones(4, 2, dtype=tw.float64)).dtype == tw.float64
    assert type(layer.weight) is nn.Parameter
    assert layer.weight.shape == (3, 2)


def test_a_state_without_shapes_does_not_fit_one_that_has_them() -> None:
    with pytest.raises(RuntimeError, match="the state's is not known yet"):
        nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())
    lazy = nn.LazyLinear(3)
    lazy.load_state_dict(nn.LazyLinear(3).state_dict())
    assert isinstance(lazy, nn.LazyLinear)


def test_buffers_register_themselves() -> None:
    module = nn.Module()
    module.kept, module.hidden = nn.Buffer(tw.ones(2)), nn.Buffer(tw.ones(3), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "hidden"]
    assert list(module.state_dict()) == ["kept"]
    assert copy.deepcopy(module).kept.tolist() == [1.0, 1.0]
    buffer = nn.UninitializedBuffer()
    buffer.materialize((2, 2))
    assert type(buffer) is nn.Buffer
    assert buffer.shape == (2, 2)
