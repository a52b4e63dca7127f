"""Layers against NumPy: values, shapes, modes, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import functional as F

RNG = np.random.default_rng(0)


def given(*shape: int) -> tuple[np.ndarray, tw.Tensor]:
    array = RNG.standard_normal(shape)
    return array, tw.from_numpy(array)


def test_linear():
    x, tx = given(2, 5, 3)
    layer = nn.Linear(3, 4).double()
    expected = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(tx).detach().numpy(), expected, rtol=1e-12)
    assert "bias" not in nn.Linear(3, 4, bias=False).state_dict()


def convolve(x, w, b, stride, padding, dilation, groups):
    """Cross-correlation by its definition."""
    n, _, height, width = x.shape
    out, per_group, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    oh = (height + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, out, oh, ow))
    for o in range(out):
        first = o // (out // groups) * per_group
        for i in range(oh):
            for j in range(ow):
                rows = i * stride[0] + dilation[0] * np.arange(kh)
                columns = j * stride[1] + dilation[1] * np.arange(kw)
                window = padded[:, first : first + per_group][:, :, rows][:, :, :, columns]
                y[:, o, i, j] = (window * w[o]).sum(axis=(1, 2, 3)) + b[o]
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [((1, 1), (0, 0), (1, 1), 1), ((2, 1), (1, 2), (1, 1), 2), ((1, 2), (2, 0), (2, 1), 4)],
)
def test_conv2d(stride, padding, dilation, groups):
    x, tx = given(2, 4, 7, 6)
    layer = nn.Conv2d(4, 8, (3, 2), stride, padding, dilation, groups).double()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = convolve(x, weight, bias, stride, padding, dilation, groups)
    np.testing.assert_allclose(layer(tx).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_conv2d_same_padding_keeps_the_size():
    assert nn.Conv2d(1, 2, 3, padding="same")(tw.ones(1, 1, 5, 6)).shape == (1, 2, 5, 6)
    assert nn.Conv2d(1, 2, (4, 3), padding="same", dilation=2)(tw.ones(1, 1, 9, 8)).shape == (1, 2, 9, 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"groups": 2}, "must be positive and divide in_channels=3"),
        ({"groups": 0}, "groups=0"),
        ({"padding": "full"}, "'same' or 'valid', got 'full'"),
        ({"padding": "same", "stride": 2}, "needs stride 1"),
        ({"padding_mode": "mirror"}, "padding_mode"),
    ],
)
def test_conv2d_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        nn.Conv2d(3, 4, 3, **arguments)


def test_batch_norm_trains_on_the_batch_and_evaluates_on_the_running_statistics():
    layer = nn.BatchNorm2d(3, momentum=0.1).double()
    x, tx = given(4, 3, 5, 2)
    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))

    def normalised(m, v):
        return (x - m.reshape(1, 3, 1, 1)) / np.sqrt(v.reshape(1, 3, 1, 1) + layer.eps)

    np.testing.assert_allclose(layer(tx).detach().numpy(), normalised(mean, variance), rtol=1e-9, atol=1e-12)
    n = 4 * 5 * 2
    running = 0.1 * mean, 0.9 + 0.1 * variance * n / (n - 1)
    np.testing.assert_allclose(layer.running_mean.numpy(), running[0], rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), running[1], rtol=1e-12)
    assert layer.num_batches_tracked.item() == 1
    np.testing.assert_allclose(layer.eval()(tx).detach().numpy(), normalised(*running), rtol=1e-9, atol=1e-12)


def test_batch_norm_cumulative_average():
    layer = nn.BatchNorm1d(2, momentum=None).double()
    batches = [given(5, 2) for _ in range(3)]
    for _, batch in batches:
        layer(batch)
    expected = np.mean([x.mean(axis=0) for x, _ in batches], axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), expected, rtol=1e-12)


def test_batch_norm_without_tracking_uses_the_batch_in_evaluation_too():
    layer = nn.BatchNorm1d(2, affine=False, track_running_stats=False).double().eval()
    x, tx = given(6, 2)
    np.testing.assert_allclose(layer(tx).numpy(), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), rtol=1e-9)
    assert layer.state_dict() == {}


def test_batch_norm_refuses_other_ranks():
    with pytest.raises(ValueError, match=r"BatchNorm2d: expected 4-D input, got 2-D of shape \[2, 3\]"):
        nn.BatchNorm2d(3)(tw.ones(2, 3))


def test_layer_norm():
    x, tx = given(2, 3, 4)
    layer = nn.LayerNorm((3, 4)).double()
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(layer(tx).detach().numpy(), (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-9)
    assert set(nn.LayerNorm(4, bias=False).state_dict()) == {"weight"}


def test_embedding():
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert table.padding_idx == 4
    assert table.weight[4].tolist() == [0.0] * 3
    index = np.array([[0, 4], [2, 2]])
    np.testing.assert_array_equal(table(tw.from_numpy(index)).detach().numpy(), table.weight.detach().numpy()[index])
    with pytest.raises(IndexError, match="5"):
        table(tw.tensor([5]))
    with pytest.raises(ValueError, match="padding_idx=7"):
        nn.Embedding(5, 3, padding_idx=7)
    assert nn.Embedding.from_pretrained(tw.ones(2, 3))(tw.tensor([1])).tolist() == [[1.0] * 3]


def test_dropout_drops_in_training_only():
    tw.manual_seed(0)
    x = tw.ones(10_000)
    layer = nn.Dropout(0.25)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\], got 2"):
        nn.Dropout(2)


def test_pooling():
    x, tx = given(2, 3, 6, 4)
    windows = x.reshape(2, 3, 3, 2, 2, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(tx).numpy(), windows.max(axis=(3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(tx).numpy(), windows.mean(axis=(3, 5)), rtol=1e-12)
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d((3, 2))(tx).numpy(), windows.mean(axis=(3, 5)), rtol=1e-12)
    values, indices = nn.MaxPool2d(2, return_indices=True)(tx)
    np.testing.assert_array_equal(
        np.take_along_axis(x.reshape(2, 3, -1), indices.numpy().reshape(2, 3, -1), 2).reshape(values.shape),
        values.numpy(),
    )


SIGMOID = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
SOFTPLUS = lambda x: np.log1p(np.exp(x))  # noqa: E731


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
        (nn.LeakyReLU(0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
        (nn.ELU(1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
        (nn.CELU(2.0), lambda x: np.where(x > 0, x, 2.0 * np.expm1(x / 2.0))),
        (nn.SELU(), lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
        (nn.SiLU(), lambda x: x * SIGMOID(x)),
        (nn.Mish(), lambda x: x * np.tanh(SOFTPLUS(x))),
        (nn.GELU(), lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
        (
            nn.GELU("tanh"),
            lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
        (nn.Sigmoid(), SIGMOID),
        (nn.Tanh(), np.tanh),
        (nn.Softplus(), SOFTPLUS),
        (nn.Hardtanh(-0.5, 1.5), lambda x: np.clip(x, -0.5, 1.5)),
        (nn.Hardswish(), lambda x: x * np.clip(x + 3, 0, 6) / 6),
        (nn.Hardsigmoid(), lambda x: np.clip(x + 3, 0, 6) / 6),
        (nn.Softmax(1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
        (nn.LogSoftmax(0), lambda x: x - np.log(np.exp(x).sum(0, keepdims=True))),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "",
)
def test_activation(layer, expected):
    x, tx = given(7, 5)
    np.testing.assert_allclose(layer(tx * 3).numpy(), expected(x * 3), rtol=1e-9, atol=1e-12)


def test_in_place_activations_write_into_their_input():
    for layer in (nn.ReLU(inplace=True), nn.ELU(inplace=True), nn.Hardtanh(inplace=True)):
        x = tw.tensor([-2.0, 3.0])
        assert layer(x) is x
        assert x.tolist() != [-2.0, 3.0]


LOGITS, T_LOGITS = given(6, 4)
CLASSES = np.array([0, 3, 1, 1, 2, 0])
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
NLL = -LOG_P[np.arange(6), CLASSES]
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0])


def test_cross_entropy_of_classes():
    classes, weights = tw.from_numpy(CLASSES), tw.from_numpy(WEIGHTS)
    check = np.testing.assert_allclose
    check(nn.CrossEntropyLoss()(T_LOGITS, classes).item(), NLL.mean(), rtol=1e-12)
    check(nn.CrossEntropyLoss(reduction="none")(T_LOGITS, classes).numpy(), NLL, rtol=1e-12)
    w = WEIGHTS[CLASSES]
    check(nn.CrossEntropyLoss(weights)(T_LOGITS, classes).item(), (w * NLL).sum() / w.sum(), rtol=1e-12)
    kept = CLASSES != 1
    check(nn.CrossEntropyLoss(ignore_index=1)(T_LOGITS, classes).item(), NLL[kept].mean(), rtol=1e-12)
    smooth = 0.9 * NLL + 0.1 * -LOG_P.mean(1)
    check(nn.CrossEntropyLoss(label_smoothing=0.1)(T_LOGITS, classes).item(), smooth.mean(), rtol=1e-12)
    check(nn.NLLLoss()(tw.from_numpy(LOG_P), classes).item(), NLL.mean(), rtol=1e-12)


def test_cross_entropy_of_probabilities():
    p = SIGMOID(RNG.standard_normal((6, 4)))
    p /= p.sum(1, keepdims=True)
    expected = -(p * LOG_P).sum(1).mean()
    np.testing.assert_allclose(nn.CrossEntropyLoss()(T_LOGITS, tw.from_numpy(p)).item(), expected, rtol=1e-12)


def test_elementwise_losses():
    y, ty = given(6, 4)
    d = LOGITS - y
    check = np.testing.assert_allclose
    check(nn.MSELoss()(T_LOGITS, ty).item(), (d**2).mean(), rtol=1e-12)
    check(nn.L1Loss(reduction="sum")(T_LOGITS, ty).item(), abs(d).sum(), rtol=1e-12)
    huber = np.where(abs(d) < 0.5, d**2 / (2 * 0.5), abs(d) - 0.25)
    check(nn.SmoothL1Loss(beta=0.5, reduction="none")(T_LOGITS, ty).numpy(), huber, rtol=1e-10, atol=1e-14)
    t = (y > 0).astype(float)
    p = SIGMOID(LOGITS)
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    check(nn.BCELoss()(tw.from_numpy(p), tw.from_numpy(t)).item(), bce.mean(), rtol=1e-9)
    check(nn.BCEWithLogitsLoss()(T_LOGITS, tw.from_numpy(t)).item(), bce.mean(), rtol=1e-9)
    q = SIGMOID(y)
    kl = q * (np.log(q) - LOG_P)
    check(nn.KLDivLoss(reduction="batchmean")(tw.from_numpy(LOG_P), tw.from_numpy(q)).item(), kl.sum() / 6, rtol=1e-9)


def test_losses_refuse_an_unknown_reduction():
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'avg'"):
        nn.MSELoss(reduction="avg")


PAIR_LOSSES: dict[str, dict[str, float]] = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {},
    "huber_loss": {},
    "kl_div": {},
    "poisson_nll_loss": {},
    "hinge_embedding_loss": {},
    "soft_margin_loss": {},
    "multilabel_soft_margin_loss": {},
    "gaussian_nll_loss": {"var": 1.0},
}


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_losses_refuse_targets_with_another_number_of_dimensions(name: str) -> None:
    loss, options = getattr(F, name), PAIR_LOSSES[name]
    column, row = tw.ones(3, 1), tw.ones(3)
    for input, target in ((column, row), (row, column), (tw.ones(2, 3), row), (tw.tensor(1.0), row)):
        with pytest.raises(tw.ShapeError, match=rf"^{name}: .*different numbers of dimensions.*target.unsqueeze\(-1\)"):
            loss(input, target, **options)
    assert loss(column, row.unsqueeze(-1), **options).ndim == 0


def test_one_number_may_be_the_target_of_all() -> None:
    with pytest.warns(UserWarning, match="broadcast"):
        assert F.mse_loss(tw.ones(2, 3), tw.tensor(3.0)).item() == 4.0


def test_older_names_of_the_limits_of_hardtanh():
    layer = nn.Hardtanh(min_value=-2.0, max_value=0.5)
    assert layer(tw.tensor([-3.0, 0.0, 3.0])).tolist() == [-2.0, 0.0, 0.5]
    assert repr(layer) == "Hardtanh(min_val=-2.0, max_val=0.5)"
