"""Averages of a network's parameters: tw.optim.swa_utils."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn, optim


def moved(model: nn.Module, by: float) -> None:
    with tw.no_grad():
        for parameter in model.parameters():
            parameter.add_(by)


def test_mean_and_exponential_average():
    model = nn.Linear(3, 2).double()
    start = model.weight.detach().numpy().copy()
    mean = optim.swa_utils.AveragedModel(model)
    decayed = optim.swa_utils.AveragedModel(model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.75))
    for _ in range(3):
        mean.update_parameters(model)
        decayed.update_parameters(model)
        moved(model, 1.0)
    np.testing.assert_allclose(mean.module.weight.detach().numpy(), start + 1.0)
    np.testing.assert_allclose(decayed.module.weight.detach().numpy(), start + 0.75 * 0.25 + 0.25 * 2)
    assert mean.n_averaged.item() == 3
    assert list(mean.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


def test_update_bn_computes_the_statistics_of_all_batches():
    model = nn.Sequential(nn.BatchNorm1d(2)).double()
    batches = [tw.from_numpy(np.random.default_rng(i).standard_normal((5, 2))) for i in range(3)]
    optim.swa_utils.update_bn(batches, model)
    expected = np.mean([batch.numpy().mean(0) for batch in batches], 0)
    np.testing.assert_allclose(model[0].running_mean.numpy(), expected, rtol=1e-12)
    assert model[0].momentum == 0.1


def test_swalr_goes_to_its_rate_and_stays():
    sgd = optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = optim.swa_utils.SWALR(sgd, 0.2, anneal_epochs=4, anneal_strategy="linear")
    seen = []
    for _ in range(6):
        sgd.step()
        scheduler.step()
        seen.append(sgd.param_groups[0]["lr"])
    assert seen == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
