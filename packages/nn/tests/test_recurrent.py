"""Recurrent layers and cells, packed sequences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn.utils import rnn

RNG = np.random.default_rng(0)


def given(*shape: int) -> tw.Tensor:
    return tw.from_numpy(RNG.standard_normal(shape))


def same(a: tw.Tensor, b: tw.Tensor) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


LAYERS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


def cell_of(name: str, layer: nn.Module, suffix: str = "") -> nn.Module:
    """A cell with the weights of a layer's first layer."""
    cell = LAYERS[name](layer.input_size, layer.hidden_size).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({n: getattr(layer, f"{n}_l0{suffix}").detach() for n in names})
    return cell


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_its_cell_step_by_step(name):
    layer = getattr(nn, name)(3, 4, bidirectional=True).double()
    x = given(5, 2, 3)
    output, _ = layer(x)
    for suffix, order, part in (("", range(5), slice(0, 4)), ("_reverse", reversed(range(5)), slice(4, 8))):
        cell, state = cell_of(name, layer, suffix), None
        for t in order:
            state = cell(x[t], state)
            same(output[t, :, part], state[0] if name == "LSTM" else state)


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_of_batches_and_of_single_sequences(name):
    layer = getattr(nn, name)(3, 4, num_layers=2, batch_first=True).double()
    x = given(2, 5, 3)
    output, state = layer(x)
    assert output.shape == (2, 5, 4)
    hidden = state[0] if name == "LSTM" else state
    assert hidden.shape == (2, 2, 4)
    same(output[:, -1], hidden[-1])
    single, last = layer(x[1])
    same(single, output[1])
    assert (last[0] if name == "LSTM" else last).shape == (2, 4)


@pytest.mark.parametrize("name", LAYERS)
def test_packed_sequences_are_the_sequences_one_by_one(name):
    layer = getattr(nn, name)(3, 4, num_layers=2, bidirectional=True).double()
    sequences = [given(n, 3) for n in (2, 5, 3)]
    packed, state = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    padded, lengths = rnn.pad_packed_sequence(packed)
    assert lengths.tolist() == [2, 5, 3]
    for i, sequence in enumerate(sequences):
        output, last = layer(sequence)
        same(padded[: len(sequence), i], output)
        for mine, theirs in zip(state if name == "LSTM" else [state], last if name == "LSTM" else [last], strict=True):
            same(mine[:, i], theirs)


def test_projected_lstm():
    layer = nn.LSTM(3, 4, proj_size=2).double()
    output, (hidden, cell) = layer(given(5, 2, 3))
    assert output.shape == (5, 2, 2)
    assert hidden.shape == (1, 2, 2)
    assert cell.shape == (1, 2, 4)
    assert list(layer.state_dict()) == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_projected_packed_sequences_are_the_sequences_one_by_one(bidirectional):
    layer = nn.LSTM(3, 4, num_layers=2, proj_size=2, bidirectional=bidirectional).double()
    sequences = [given(n, 3) for n in (2, 5, 3)]
    packed, state = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    padded, _ = rnn.pad_packed_sequence(packed)
    for i, sequence in enumerate(sequences):
        output, last = layer(sequence)
        same(padded[: len(sequence), i], output)
        for mine, theirs in zip(state, last, strict=True):
            same(mine[:, i], theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_lower_precision_are_near_those_in_double(name):
    layer = getattr(nn, name)(3, 8, num_layers=2, bidirectional=True).bfloat16()
    sequences = [given(n, 3).bfloat16() for n in (2, 5, 3)]
    output, _ = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    assert output.data.dtype == tw.bfloat16
    expected, _ = layer.double()(rnn.pack_sequence([s.double() for s in sequences], enforce_sorted=False))
    near = output.data.detach().double().numpy() - expected.data.detach().numpy()
    assert 0 < abs(near).max() < 0.05


def test_autocast_layers_compute_in_lower_precision():
    layer, x = nn.GRU(3, 8), given(5, 2, 3).float()
    exact, _ = layer(x)
    with tw.autocast("cpu", dtype=tw.bfloat16):
        lower, _ = layer(x)
    near = lower.detach().float().numpy() - exact.detach().numpy()
    assert 0 < abs(near).max() < 0.05


def test_dropout_is_between_layers_in_training_only():
    tw.manual_seed(0)
    layer = nn.GRU(3, 4, num_layers=2, dropout=1.0).double()
    x = given(5, 2, 3)
    first, _ = layer(x)
    second, _ = layer(given(5, 2, 3))
    same(first, second)  # nothing passes
    layer.eval()
    assert not np.allclose(layer(x)[0].detach().numpy(), first.detach().numpy())


def test_weights_start_within_their_bound():
    layer = nn.LSTM(3, 16)
    assert max(abs(p.detach().numpy()).max() for p in layer.parameters()) <= 0.25
    assert repr(nn.LSTM(3, 4, 2, batch_first=True)) == "LSTM(3, 4, num_layers=2, batch_first=True)"
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.RNNBase("QRNN", 3, 4), "mode must be one of"),
        (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), "nonlinearity must be"),
        (lambda: nn.GRU(3, 0), "must be positive"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "below hidden_size=4"),
        (lambda: nn.LSTM(3, 4)(tw.ones(2, 5, 2)), "the last 3"),
        (lambda: nn.GRU(3, 4)(tw.ones(5, 2, 3), tw.ones(1, 3, 4)), r"expected a hidden state \[1, 2, H\]"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_padding_and_packing():
    sequences = [tw.arange(n) + 10 * i for i, n in enumerate((3, 1, 2))]
    padded = rnn.pad_sequence(sequences, batch_first=True, padding_value=-1)
    assert padded.tolist() == [[0, 1, 2], [10, -1, -1], [20, 21, -1]]
    assert rnn.pad_sequence(sequences, True, -1, "left").tolist()[1] == [-1, -1, 10]
    packed = rnn.pack_padded_sequence(padded, [3, 1, 2], batch_first=True, enforce_sorted=False)
    assert packed.data.tolist() == [0, 20, 10, 1, 21, 2]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    back, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1, total_length=4)
    assert back.tolist() == [[0, 1, 2, -1], [10, -1, -1, -1], [20, 21, -1, -1]]
    assert lengths.tolist() == [3, 1, 2]
    assert [t.tolist() for t in rnn.unpack_sequence(packed)] == [[0, 1, 2], [10], [20, 21]]
    with pytest.raises(ValueError, match="must not rise"):
        rnn.pack_padded_sequence(padded, [3, 1, 2], batch_first=True)
    with pytest.raises(ValueError, match="between 1 and 3"):
        rnn.pack_padded_sequence(padded, [4, 1, 1], batch_first=True)
