"""Groups, state, refusals: what all optimizers share."""

from __future__ import annotations

import pytest
import tensorwright as tw
from tensorwright import optim
from tensorwright.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


def parameter(*values: float) -> tw.Tensor:
    return tw.tensor(values, requires_grad=True)


def descend(w: tw.Tensor, optimizer: optim.Optimizer, steps: int = 1) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()


def test_groups_have_options_of_their_own():
    fast, slow = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([{"params": [fast], "lr": 0.5}, {"params": slow}], lr=0.0)
    (fast + slow).sum().backward()
    optimizer.step()
    assert (fast.item(), slow.item()) == (0.5, 1.0)


def test_parameters_without_gradient_stay():
    used, unused = parameter(1.0), parameter(1.0)
    optimizer = optim.Adam([used, unused], lr=0.1, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    assert unused.item() == 1.0
    assert unused not in optimizer.state


def test_the_parameter_itself_is_updated():
    w = parameter(1.0)
    optimizer, place = optim.SGD([w], lr=0.1), w.data_ptr()
    descend(w, optimizer)
    assert w.data_ptr() == place
    assert w.is_leaf
    assert w.requires_grad


def test_closure_is_run_with_gradients_on_and_its_loss_returned():
    w = parameter(1.0)
    optimizer = optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1.0
    assert w.item() == pytest.approx(0.8)


def test_zero_grad():
    w = parameter(1.0)
    optimizer = optim.SGD([w], lr=0.1)
    w.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


@pytest.mark.parametrize("kind", [lambda p: optim.SGD(p, 0.1, 0.9), lambda p: optim.Adam(p, 0.1, amsgrad=True)])
def test_state_dict_resumes_the_same_trajectory(kind):
    straight, broken = parameter(1.0, 2.0), parameter(1.0, 2.0)
    one, first = kind([straight]), kind([broken])
    descend(straight, one, 6)
    descend(broken, first, 3)
    second = kind([broken])
    second.load_state_dict(first.state_dict())
    descend(broken, second, 3)
    assert broken.tolist() == straight.tolist()


def test_state_dict_has_pytorchs_layout():
    w = parameter(1.0)
    optimizer = optim.Adam([w], lr=0.1)
    descend(w, optimizer)
    state = optimizer.state_dict()
    assert set(state) == {"state", "param_groups"}
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["param_groups"][0]["params"] == [0]
    assert state["param_groups"][0]["betas"] == (0.9, 0.999)


def test_a_group_can_be_added_later():
    w, late = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([w], lr=0.1)
    optimizer.add_param_group({"params": late, "lr": 1.0})
    late.sum().backward()
    optimizer.step()
    assert late.item() == 0.0
    assert "lr: 1.0" in repr(optimizer)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda w: optim.SGD([], 0.1), ValueError, "params is empty"),
        (lambda w: optim.SGD(w, 0.1), TypeError, "wrap it in a list"),
        (lambda w: optim.SGD([3], 0.1), TypeError, r"params\[0\] must be a Tensor, got int"),
        (lambda w: optim.SGD([w * 2], 0.1), ValueError, "not a leaf"),
        (lambda w: optim.SGD([w, w], 0.1), ValueError, "is there twice"),
        (lambda w: optim.SGD([w], -0.1), ValueError, "lr must not be negative, got -0.1"),
        (lambda w: optim.SGD([w], 0.1, momentum=-1), ValueError, "momentum must not be negative"),
        (lambda w: optim.SGD([w], 0.1, nesterov=True), ValueError, "needs momentum > 0"),
        (lambda w: optim.Adam([w], 0.1, (1.0, 0.9)), ValueError, r"betas\[0\] must be in \[0, 1\), got 1.0"),
        (lambda w: optim.Adam([w], 0.1, eps=-1.0), ValueError, "eps must not be negative"),
        (lambda w: optim.Adam([w], 0.1, weight_decay=-1.0), ValueError, "weight_decay must not be negative"),
        (lambda w: optim.Adam([w], float("nan")), ValueError, "lr must not be negative, got nan"),
        (
            lambda w: optim.SGD([w]).load_state_dict(optim.SGD([w, parameter(1.0)]).state_dict()),
            ValueError,
            r"groups have \[1\] parameters, the state has \[2\]",
        ),
    ],
)
def test_misuse_is_told(call, error, words):
    with pytest.raises(error, match=words):
        call(parameter(1.0))


def test_every_name_of_the_stub_is_there() -> None:
    assert {"Adam", "Optimizer", "lr_scheduler", "swa_utils"} <= set(optim.__all__)
    for name in set(optim.__all__) - {"swa_utils"}:  # which needs tensorwright-nn
        assert getattr(optim, name).__name__.endswith(name), name
    with pytest.raises(AttributeError, match="has no attribute 'Adamn'"):
        optim.Adamn  # noqa: B018


def test_hooks_run_around_steps():
    seen, w = [], parameter(1.0)
    optimizer = optim.SGD([w], lr=0.5)
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o is optimizer, w.item())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", args == (o,), w.item())))
    w.grad = tw.ones(1)
    optimizer.step()
    before.remove()
    before.remove()
    optimizer.step()
    assert seen == [("before", True, 1.0), ("after", True, 0.5), ("after", True, 0.0)]


def test_hooks_on_all_optimizers_are_around_the_hooks_of_one():
    seen, w = [], parameter(1.0)
    optimizer = optim.Adam([w])
    w.grad = tw.ones(1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("own before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("own after"))
    with (
        register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o is optimizer))),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("after", o is optimizer))),
    ):
        optimizer.step()
    assert seen == [("before", True), "own before", "own after", ("after", True)]
    del seen[:]
    optim.SGD([w]).step()
    assert seen == []


def test_a_hook_may_come_first():
    seen = []
    optimizer = optim.Adam([parameter(1.0)])
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.state_dict()
    assert seen == ["first", "second"]


def test_a_hook_may_change_the_arguments_of_a_step():
    w = parameter(1.0)
    optimizer = optim.LBFGS([w])
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: (w * w).sum()), kwargs)):
        assert optimizer.step(None).item() == 1.0


class Counting(optim.SGD):
    steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


def test_hooks_run_once_for_a_step_that_calls_its_parents():
    seen, w = [], parameter(1.0)
    optimizer = Counting([w], lr=0.5)
    optimizer.register_step_post_hook(lambda *_: seen.append(optimizer.steps))
    optimizer.step()
    optimizer.step()
    assert seen == [1, 2]


class ByHand(optim.Optimizer):
    """As optimizers of others are written."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @tw.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", 0) + 1
                p.add_(p.grad, alpha=-group["lr"])


def test_optimizers_of_others(recwarn):
    w = parameter(1.0)
    optimizer = ByHand([w], lr=0.5)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)
    w.grad = tw.ones(1)
    optimizer.step()
    schedule.step()
    assert w.item() == 0.5
    assert optimizer.state_dict()["state"] == {0: {"seen": 1}}
    assert not recwarn.list


def test_hooks_run_around_saving_and_loading():
    seen, optimizer = [], optim.SGD([parameter(1.0)], lr=0.5)
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 3})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state["note"]))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["saving", 3, "loaded"]
