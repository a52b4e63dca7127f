"""Lists and dicts of parameters; what is left of older containers; losses and tables with all their options."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn


def test_parameter_list():
    values = nn.ParameterList([tw.ones(2), 3.0])
    values.append(tw.zeros(3))
    assert [name for name, _ in values.named_parameters()] == ["0", "2"]
    assert values[1] == 3.0
    assert len(values[1:]) == 2
    values[0] = tw.full((2,), 5.0)
    assert values[-3].tolist() == [5.0, 5.0]
    assert values.pop(1) == 3.0
    assert list(values.state_dict()) == ["0", "1"]
    with pytest.raises(IndexError, match="out of range for 2 values"):
        values[2]


def test_parameter_dict():
    values = nn.ParameterDict({"a": tw.ones(2), "b": 3.0})
    assert isinstance(values["a"], nn.Parameter)
    assert values.a is values["a"]
    values |= nn.ParameterDict({"c": tw.zeros(1)})
    assert list(values) == ["a", "b", "c"]
    assert list(values.state_dict()) == ["a", "c"]
    assert values.get("d", 7) == 7
    assert values.setdefault("e", tw.ones(1)).tolist() == [1.0]
    assert values.popitem()[0] == "e"
    del values["a"]
    assert "a" not in values
    values.clear()
    assert len(values) == 0
    with pytest.raises(KeyError):
        values["a"]


def test_older_containers():
    with pytest.warns(DeprecationWarning, match="use Module"):
        assert dict(nn.Container(a=nn.Identity()).named_children()).keys() == {"a"}
    assert nn.DataParallel(nn.Identity())(3) == 3
    with pytest.raises(ValueError, match="no devices"):
        nn.DataParallel(nn.Identity(), [0, 1])
    with pytest.warns(DeprecationWarning, match="write reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"


def test_embedding_bag_and_norms_of_rows():
    table = nn.EmbeddingBag(6, 3, mode="sum", padding_idx=0).double()
    rows = table.weight.detach().numpy()
    assert (rows[0] == 0).all()
    result = table(tw.tensor([1, 2, 0, 4]), tw.tensor([0, 2])).detach().numpy()
    np.testing.assert_allclose(result, [rows[1] + rows[2], rows[4]])
    limited = nn.Embedding(6, 3, max_norm=0.5)
    assert np.linalg.norm(limited(tw.tensor([1, 2])).detach().numpy(), axis=1).max() < 0.5001
    assert repr(nn.EmbeddingBag(6, 3)) == "EmbeddingBag(6, 3, mode='mean')"
    with pytest.raises(ValueError, match="outside the 6 rows"):
        nn.Embedding(6, 3, padding_idx=6)


def test_linear_cross_entropy_in_chunks():
    rng = np.random.default_rng(0)
    x, target = tw.from_numpy(rng.standard_normal((10, 4))), tw.from_numpy(rng.integers(0, 7, 10))
    whole = nn.LinearCrossEntropyLoss(4, 7, bias=True, ignore_index=2).double()
    for reduction in ("mean", "sum", "none"):
        options = nn.LinearCrossEntropyOptions(batch_chunk_size=3, chunking_method=None)
        cut = nn.LinearCrossEntropyLoss(4, 7, bias=True, ignore_index=2, reduction=reduction, options=options).double()
        cut.load_state_dict(whole.state_dict())
        whole.reduction = reduction
        np.testing.assert_allclose(cut(x, target).detach().numpy(), whole(x, target).detach().numpy(), rtol=1e-10)
    with pytest.raises(ValueError, match="batch_chunk_size must be positive"):
        nn.LinearCrossEntropyOptions(batch_chunk_size=0)


def test_a_dict_on_the_left_of_a_parameter_dict():
    joined = {"a": nn.Parameter(tw.ones(1)), "b": nn.Parameter(tw.ones(1))} | nn.ParameterDict({"b": tw.zeros(2)})
    assert isinstance(joined, nn.ParameterDict)
    assert list(joined) == ["a", "b"]
    assert joined["b"].shape == (2,)


def test_modules_on_several_devices_run_as_they_are():
    layer = nn.Linear(2, 3)
    x = tw.ones(4, 2)
    assert nn.parallel.data_parallel(layer, x).equal(layer(x))
    assert nn.parallel.data_parallel(layer, (x,), []).equal(layer(x))
    assert nn.parallel.DataParallel is nn.DataParallel
    with pytest.raises(ValueError, match="no devices to choose from"):
        nn.parallel.data_parallel(layer, x, range(2))
    with pytest.raises(RuntimeError, match="no groups of processes"):
        nn.parallel.DistributedDataParallel(layer)
