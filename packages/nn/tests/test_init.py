"""Initial values have the distributions that their papers prescribe."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import init

SHAPE = (200, 100, 3, 3)
FAN_IN, FAN_OUT = 900, 1800


@pytest.mark.parametrize(
    ("fill", "std", "bound"),
    [
        (init.xavier_uniform_, math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (init.xavier_normal_, math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / FAN_OUT), None),
        (lambda t: init.uniform_(t, -3.0, 3.0), math.sqrt(3), 3.0),
        (lambda t: init.normal_(t, 0.0, 2.0), 2.0, None),
        (lambda t: init.trunc_normal_(t, std=1.0, a=-1.0, b=1.0), 0.5396, 1.0),  # std of N(0, 1) within one sigma
    ],
)
def test_moments(fill, std, bound):
    tw.manual_seed(1)
    values = fill(tw.empty(SHAPE)).numpy()
    assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
    assert abs(values.std() / std - 1) < 0.01
    if bound is not None:
        assert abs(values).max() <= bound
        assert abs(values).max() > 0.999 * bound


def test_constants_and_identities():
    assert init.constant_(tw.empty(2), 3.0).tolist() == [3.0, 3.0]
    assert init.ones_(tw.empty(2)).tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(init.eye_(tw.empty(2, 3)).numpy(), np.eye(2, 3))
    x = tw.randn(1, 4, 5, 5)
    for groups in (1, 2):
        kernel = init.dirac_(tw.empty(4, 4 // groups, 3, 3), groups)
        assert nn.functional.conv2d(x, kernel, padding=1, groups=groups).tolist() == x.tolist()


def test_layers_start_as_pytorch_documents():
    tw.manual_seed(2)
    weight = nn.Linear(400, 300).weight.detach().numpy()
    assert abs(weight).max() <= 1 / 20
    assert abs(weight.std() * 20 * math.sqrt(3) - 1) < 0.01
    assert abs(nn.Embedding(500, 100).weight.detach().numpy().std() - 1) < 0.02


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: init.xavier_normal_(tw.empty(3)), r"at least 2 dimensions, got shape \[3\]"),
        (lambda: init.calculate_gain("softer"), "unknown nonlinearity 'softer'"),
        (lambda: init.kaiming_normal_(tw.empty(2, 2), mode="fan"), "'fan_in' or 'fan_out', got 'fan'"),
        (lambda: init.eye_(tw.empty(2)), "expected 2 dimensions"),
        (lambda: init.dirac_(tw.empty(3, 3)), "expected 3 to 5 dimensions"),
        (lambda: init.dirac_(tw.empty(3, 3, 3), groups=2), "groups=2 does not divide 3"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
