"""nn.utils: gradients clipped, vectors, parametrizations, pruning, fusion, stateless calls; further initial values."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import utils
from tensorwright.nn.utils import parametrizations, parametrize, prune


def given(*shape: int, seed: int = 0) -> tw.Tensor:
    return tw.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def same(a: tw.Tensor, b: tw.Tensor, **kwargs) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **kwargs)


# ---- gradients and vectors -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1.0, 2.0, float("inf")])
def test_clip_grad_norm(order):
    pytest.importorskip("tensorwright.autograd")
    layer = nn.Linear(3, 2).double()
    (layer(given(4, 3)) ** 2).sum().backward()
    grads = [p.grad.numpy().copy() for p in layer.parameters()]
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]), order)
    total = utils.clip_grad_norm_(layer.parameters(), 0.5, order)
    assert total.item() == pytest.approx(norm)
    for p, g in zip(layer.parameters(), grads, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g * min(1.0, 0.5 / (norm + 1e-6)))
    utils.clip_grad_value_(layer.parameters(), 0.01)
    assert max(abs(p.grad.numpy()).max() for p in layer.parameters()) <= 0.01
    layer.weight.grad[0, 0] = float("nan")
    with pytest.raises(RuntimeError, match="not finite"):
        utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)


def test_parameters_as_a_vector_and_back():
    layer = nn.Linear(3, 2)
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,)
    utils.vector_to_parameters(vector * 2, layer.parameters())
    same(utils.parameters_to_vector(layer.parameters()), vector * 2)
    with pytest.raises(ValueError, match="8 elements, the vector 3"):
        utils.vector_to_parameters(tw.ones(3), layer.parameters())


# ---- parametrizations ------------------------------------------------------------------------------------


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


def test_a_parametrized_weight():
    layer = nn.Linear(3, 3).double()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    same(layer.weight, layer.weight.T)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    value = given(3, 3)
    layer.weight = value + value.T
    same(layer.weight, value + value.T)
    clone = copy.deepcopy(layer)
    same(clone(given(2, 3)), layer(given(2, 3)))
    with parametrize.cached():
        assert layer.weight is layer.weight
    before = layer.weight.detach()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["bias", "weight"]
    same(layer.weight, before)


def test_parametrizations_that_do_not_fit():
    class Wider(nn.Module):
        def forward(self, x):
            return tw.cat([x, x])

    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r"parametrized it would be \[6, 3\]"):
        parametrize.register_parametrization(layer, "weight", Wider())
    assert list(layer.state_dict()) == ["weight", "bias"]
    with pytest.raises(ValueError, match="has no tensor 'scale'"):
        parametrize.register_parametrization(layer, "scale", Symmetric())
    with pytest.raises(ValueError, match="is not parametrized"):
        parametrize.remove_parametrizations(layer, "weight")


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, utils.weight_norm])
def test_weight_norm_keeps_the_weight(norm):
    layer = nn.Linear(4, 3).double()
    before = layer.weight.detach().clone()
    norm(layer)
    same(layer.weight, before, rtol=1e-12)
    layer(given(2, 4))
    same(layer.weight, before, rtol=1e-12)
    assert len(list(layer.parameters())) == 3


def test_older_norms_come_off():
    layer = nn.Linear(4, 3).double()
    before = layer.weight.detach().clone()
    utils.remove_weight_norm(utils.weight_norm(layer))
    same(layer.weight, before, rtol=1e-12)
    utils.spectral_norm(layer, n_power_iterations=50)
    layer(given(2, 4))
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1.0)
    utils.remove_spectral_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="no such norm"):
        utils.remove_weight_norm(layer)


@pytest.mark.parametrize(
    "make", [lambda: nn.Linear(4, 3), lambda: nn.Conv2d(2, 3, 2), lambda: nn.ConvTranspose2d(2, 3, 2)]
)
def test_spectral_norm_gives_a_largest_singular_value_of_1(make):
    layer = parametrizations.spectral_norm(make().double(), n_power_iterations=60)
    weight = layer.weight.detach()
    matrix = weight.movedim(1, 0) if isinstance(layer, nn.ConvTranspose2d) else weight
    assert np.linalg.norm(matrix.flatten(1).numpy(), 2) == pytest.approx(1.0, rel=1e-6)
    layer.eval()
    assert layer.weight.tolist() == layer.weight.tolist()
    assert "parametrizations.weight.0._u" in layer.state_dict()


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
def test_orthogonal_stays_orthogonal(shape, orthogonal_map):
    layer = nn.Linear(shape[1], shape[0], bias=False).double()
    parametrizations.orthogonal(layer, orthogonal_map=orthogonal_map)

    def check():
        w = layer.weight.detach().numpy()
        w = w if shape[0] >= shape[1] else w.T
        np.testing.assert_allclose(w.T @ w, np.eye(min(shape)), atol=1e-10)

    check()
    with tw.no_grad():
        layer.parametrizations.weight.original.add_(given(*shape) * 0.3)
    check()


def test_orthogonal_weights_can_be_assigned():
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))
    for use_trivialization in (True, False):
        layer = nn.Linear(4, 4).double()
        parametrizations.orthogonal(layer, orthogonal_map="householder", use_trivialization=use_trivialization)
        layer.weight = tw.from_numpy(q)
        np.testing.assert_allclose(layer.weight.detach().numpy(), q, atol=1e-10)


# ---- pruning ---------------------------------------------------------------------------------------------


def test_pruning_the_smallest_elements_and_then_more():
    layer = nn.Linear(4, 4).double()
    weight = layer.weight.detach().numpy().copy()
    prune.l1_unstructured(layer, "weight", 4)
    order = np.argsort(abs(weight).ravel())
    assert set(np.flatnonzero(layer.weight.detach().numpy() == 0)) == set(order[:4])
    prune.l1_unstructured(layer, "weight", 0.25)  # a quarter of what is left
    assert set(np.flatnonzero(layer.weight.detach().numpy() == 0)) == set(order[:7])
    assert sorted(layer.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    assert prune.is_pruned(layer)
    prune.remove(layer, "weight")
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert not prune.is_pruned(layer)
    assert (layer.weight == 0).sum().item() == 7


def test_pruning_channels():
    layer = nn.Conv2d(3, 4, 2).double()
    norms = np.sqrt((layer.weight.detach().numpy() ** 2).sum((1, 2, 3)))
    prune.ln_structured(layer, "weight", 2, 2, 0)
    zero = (layer.weight.detach().numpy() == 0).all((1, 2, 3))
    assert set(np.flatnonzero(zero)) == set(np.argsort(norms)[:2])
    prune.random_structured(layer, "weight", 1, 0)
    assert (layer.weight.detach().numpy() == 0).all((1, 2, 3)).sum() == 3
    prune.random_unstructured(layer, "bias", 0.5)
    assert (layer.bias == 0).sum().item() == 2


def test_pruning_globally():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)).double()
    owners = [(model[0], "weight"), (model[1], "weight")]
    prune.global_unstructured(owners, prune.L1Unstructured, amount=6)
    assert sum((module.weight == 0).sum().item() for module, _ in owners) == 6
    with pytest.raises(ValueError, match="amount must be a share"):
        prune.l1_unstructured(nn.Linear(2, 2), "weight", 1.5)
    with pytest.raises(ValueError, match="is not pruned"):
        prune.remove(nn.Linear(2, 2), "weight")


# ---- fusion, stateless calls -----------------------------------------------------------------------------


def trained(bn):
    for t in (bn.running_mean, bn.weight.data, bn.bias.data):
        t.copy_(given(*t.shape, seed=t.numel()))
    bn.running_var.copy_(given(*bn.running_var.shape).abs() + 0.5)
    return bn.eval()


@pytest.mark.parametrize("bias", [True, False])
def test_fusion_of_batch_norm(bias):
    x, bn = given(2, 3, 5, 5), trained(nn.BatchNorm2d(4).double())
    conv = nn.Conv2d(3, 4, 2, bias=bias).double().eval()
    same(utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), rtol=1e-9)
    up = nn.ConvTranspose2d(3, 4, 2, bias=bias).double().eval()
    same(utils.fuse_conv_bn_eval(up, bn, transpose=True)(x), bn(up(x)), rtol=1e-9)
    linear, bn1 = nn.Linear(3, 4, bias=bias).double().eval(), trained(nn.BatchNorm1d(4).double())
    same(utils.fuse_linear_bn_eval(linear, bn1)(given(2, 3)), bn1(linear(given(2, 3))), rtol=1e-9)
    with pytest.raises(ValueError, match="must be in evaluation"):
        utils.fuse_conv_bn_eval(conv.train(), bn)


def test_functional_call_replaces_and_restores():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).double()
    model[1].weight = model[0].weight  # shared
    x, weight = given(3, 2), given(2, 2, seed=1)
    before = model(x)
    result = utils.stateless.functional_call(model, {"0.weight": weight}, (x,))
    hidden = x @ weight.T + model[0].bias
    same(result, hidden @ weight.T + model[1].bias)
    same(model(x), before)
    with pytest.raises(KeyError, match="no parameter or buffer 'nope'"):
        utils.stateless.functional_call(model, {"nope": weight}, (x,))
    with pytest.raises(RuntimeError, match="missing names"):
        utils.stateless.functional_call(model, {}, (x,), strict=True)
    every = dict(model.named_parameters())  # names the shared tensor once
    same(utils.stateless.functional_call(model, every, x, strict=True), before)
    bare = nn.Linear(2, 2, bias=False).double()
    same(utils.stateless.functional_call(bare, {"bias": weight[0]}, x), bare(x) + weight[0])
    assert bare.bias is None


def test_functional_call_of_func_is_the_same():
    pytest.importorskip("tensorwright.autograd")
    model, x = nn.Linear(2, 1).double(), given(2)
    weight, bias = given(1, 2, seed=1), given(1, seed=2)
    expected = utils.stateless.functional_call(model, {"weight": weight, "bias": bias}, x)
    same(tw.func.functional_call(model, [{"weight": weight}, {"bias": bias}], x), expected)
    with pytest.raises(ValueError, match="'bias' is given twice"):
        tw.func.functional_call(model, [{"bias": bias}, {"bias": bias}], x)


# ---- initial values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (4, 2, 3)])
def test_orthogonal_initial_values(shape):
    t = nn.init.orthogonal_(tw.empty(*shape, dtype=tw.float64), gain=2.0)
    m = t.numpy().reshape(shape[0], -1)
    m = m if m.shape[0] <= m.shape[1] else m.T
    np.testing.assert_allclose(m @ m.T, 4 * np.eye(m.shape[0]), atol=1e-10)


def test_sparse_initial_values():
    t = nn.init.sparse_(tw.empty(10, 4), 0.35, std=1.0).numpy()
    assert ((t == 0).sum(0) == 4).all()


def test_older_names_warn():
    with pytest.warns(FutureWarning, match="use nn.init.constant_"):
        assert nn.init.constant(tw.empty(2), 3.0).tolist() == [3.0, 3.0]


# ---- values that are not drawn, places in memory --------------------------------------------------------------


def test_skip_init_makes_members_without_values() -> None:
    before = tw.get_rng_state()
    layer = nn.utils.skip_init(nn.Conv2d, 2, 3, 3, bias=False)
    assert type(layer) is nn.Conv2d
    assert layer.bias is None
    assert str(layer.weight.device) == "cpu"
    assert (tw.get_rng_state() == before).all()
    assert str(nn.utils.skip_init(nn.Linear, 2, 3, device="meta").weight.device) == "meta"
    with pytest.raises(TypeError, match="expected a class of modules"):
        nn.utils.skip_init(nn.Linear(1, 1))  # type: ignore[arg-type]


def test_weights_of_convolutions_with_channels_last() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Sequential(nn.ConvTranspose2d(4, 2, 3)), nn.Conv3d(2, 4, 3))
    x = tw.randn(1, 2, 6, 6)
    expected = model[0](x)
    assert nn.utils.convert_conv2d_weight_memory_format(model, tw.channels_last) is model
    weights = [model[0].weight, model[1][0].weight]
    assert all(weight.is_contiguous(memory_format=tw.channels_last) for weight in weights)
    assert model[2].weight.is_contiguous()
    assert tw.allclose(model[0](x), expected)
    nn.utils.convert_conv3d_weight_memory_format(model, tw.channels_last_3d)
    assert model[2].weight.is_contiguous(memory_format=tw.channels_last_3d)
