"""Ops that write into arguments in training only: elsewhere these may be read-only, and are not counted as written."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw


def read_only(value: float) -> tw.Tensor:
    array = np.full(3, value, dtype=np.float32)
    array.flags.writeable = False
    return tw.from_numpy(array)


def normalized(op: str, mean: tw.Tensor, variance: tw.Tensor, training: bool) -> tw.Tensor:
    x = tw.arange(24.0).reshape(4, 3, 2)
    result = getattr(tw.ops, op)(x, None, None, mean, variance, training, 0.1, 1e-5)
    return result[0] if isinstance(result, tuple) else result


OPS = ["batch_norm", "native_batch_norm", "instance_norm"]


@pytest.mark.parametrize("op", OPS)
def test_evaluation_takes_read_only_statistics(op: str) -> None:
    assert normalized(op, read_only(0.0), read_only(1.0), False).shape == (4, 3, 2)


@pytest.mark.parametrize("op", OPS)
def test_training_refuses_them(op: str) -> None:
    with pytest.raises(ValueError, match=f"{op}: running_mean is read-only memory"):
        normalized(op, read_only(0.0), read_only(1.0), True)


@pytest.mark.parametrize("op", OPS)
def test_versions_count_writes(op: str) -> None:
    mean, variance = tw.zeros(3), tw.ones(3)
    normalized(op, mean, variance, False)
    assert mean._version == 0
    normalized(op, mean, variance, True)
    assert mean._version > 0
    assert variance._version > 0
