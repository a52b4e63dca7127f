"""Programs that are run again for arguments of one kind run fused and planned, with the bits of the function itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import Tensor


def chain(x: Tensor, y: Tensor) -> Tensor:
    z = (x * y + 0.5).abs()
    z = (z * z - x).exp() * 0.25
    return (z + y).relu()


def branches(x: Tensor, y: Tensor) -> Tensor:
    a = (x + y) * 0.5 - 1
    if a.sum() > 0:
        return a.relu() + x
    return a.abs() - y


def numbers(x: Tensor, n: int, by: float) -> tuple[Tensor, int]:
    z = (x * 2 + 1).relu()
    return z * by, n + 1


def several(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a = x * 2 + y
    return a, a.t(), (a - 1).relu().sum(0)


def inputs(seed: int, *shape: int) -> Tensor:
    return tw.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def equal(got: Any, want: Any) -> bool:
    if isinstance(want, tuple):
        return len(got) == len(want) and all(map(equal, got, want))
    if isinstance(want, Tensor):
        return got.dtype == want.dtype and got.shape == want.shape and got.tolist() == want.tolist()
    return bool(got == want)


def ways(function: Callable[..., Any], *args: Any) -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {"script": tw.jit.script(function)}
    if all(isinstance(arg, Tensor) for arg in args) and function is not branches:
        found["trace"] = tw.jit.trace(function, args)
        found["export"] = tw.export.export(function, args)
        dims = {0: tw.export.Dim("n", min=1)}
        if function is chain:
            found["export of any size"] = tw.export.export(function, args, dynamic_shapes=(dims, dims))
    return found


@pytest.mark.parametrize("function", [chain, branches, several], ids=lambda f: f.__name__)
def test_later_runs_are_fused_and_the_same(function: Callable[..., Any]) -> None:
    x, y = inputs(0, 40, 40), inputs(1, 40, 40)
    for way, call in ways(function, x, y).items():
        before = tw.jit.fusion_runs().by_kernel
        with tw.no_grad():
            for seed in range(6):
                args = inputs(seed, 40, 40), inputs(seed + 1, 40, 40)
                assert equal(call(*args), function(*args)), way
        assert tw.jit.fusion_runs().by_kernel - before >= 4, way  # all but the first, which somebody may be alone in


def test_numbers_are_no_part_of_the_kind() -> None:
    scripted = tw.jit.script(numbers)
    with tw.no_grad():
        for n in range(5):
            assert equal(scripted(inputs(n, 9), n, n / 3), numbers(inputs(n, 9), n, n / 3))


def test_a_run_alone_is_not_prepared_for() -> None:
    scripted = tw.jit.script(chain)
    before = tw.jit.fusion_runs()
    with tw.no_grad():
        for size in range(1, 8):
            assert equal(scripted(inputs(0, size), inputs(1, size)), chain(inputs(0, size), inputs(1, size)))
    assert tw.jit.fusion_runs() == before


def test_many_kinds() -> None:
    scripted = tw.jit.script(chain)
    with tw.no_grad():
        for _ in range(3):
            for size in range(1, 20):
                args = inputs(size, size, 3), inputs(1, 3)
                assert equal(scripted(*args), chain(*args))
            wide = inputs(2, 4).double(), inputs(3, 4)
            assert equal(scripted(*wide), chain(*wide))


def test_gradients_and_views_run_as_written() -> None:
    scripted = tw.jit.script(chain)
    x, y = inputs(0, 5, 5), inputs(1, 5, 5)
    with tw.no_grad():
        scripted(x, y), scripted(x, y)
        before = tw.jit.fusion_runs()
        assert equal(scripted(x.t(), y), chain(x.t(), y))
    grads = []
    for call in (scripted, chain):
        leaf = inputs(0, 5, 5).requires_grad_()
        call(leaf, y).sum().backward()
        grads.append(leaf.grad.tolist())  # type: ignore[union-attr]
    assert grads[0] == grads[1]
    assert tw.jit.fusion_runs() == before


class Scale(tw.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = tw.nn.Parameter(tw.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight + 1).relu() - x


def test_tensors_that_change_are_followed() -> None:
    module = Scale()
    scripted = tw.jit.script(module)
    x = inputs(0, 6)
    with tw.no_grad():
        for _ in range(3):
            assert equal(scripted(x), module(x))
        module.weight.mul_(3)
        assert equal(scripted(x), module(x))
        module.weight = tw.nn.Parameter(tw.zeros(6))
        for _ in range(3):
            assert equal(scripted(x), module(x))


def test_a_changed_graph_is_run_as_it_is() -> None:
    captured = tw.jit.trace(chain, (inputs(0, 4), inputs(1, 4)))
    x, y = inputs(2, 4), inputs(3, 4)
    with tw.no_grad():
        for _ in range(3):
            captured(x, y)
        native = captured.program.native
        node = native("first", "forward")
        while native("op", node) != "tw::exp":
            node = native("next", node)
        native("set_op", node, "tw::neg")
        z = (x * y + 0.5).abs()
        for _ in range(3):
            assert equal(captured(x, y), ((z * z - x).neg() * 0.25 + y).relu())


def test_writes_run_as_written() -> None:
    def writes(x: Tensor) -> Tensor:
        y = x * 2 + 1
        x.add_(1)
        return y.relu() + x

    scripted, x, z = tw.jit.script(writes), inputs(0, 4), inputs(0, 4)
    with tw.no_grad():
        for _ in range(4):
            assert equal(scripted(x), writes(z))
            assert equal(x, z)


def test_what_nothing_uses_makes_no_group() -> None:
    text = """
func @f(%x: tensor<float32, [4]>) {
  %0: tensor<float32, [4]> = tw::exp(%x)
  %1: tensor<float32, [4]> = tw::neg(%0)
  return(%x)
}"""
    program = tw.jit.parse(text)
    assert tw.jit.run_passes(program, ["fusion"], verify=True) == 0
    assert "fusion" not in program.text()


def test_errors_are_those_of_the_function() -> None:
    scripted = tw.jit.script(chain)
    with tw.no_grad():
        for _ in range(3):
            with pytest.raises((ValueError, RuntimeError), match="mul"):
                scripted(inputs(0, 3), inputs(0, 4))


def test_threads_share_what_is_prepared() -> None:
    scripted = tw.jit.script(chain)
    wrong: list[int] = []

    def work(k: int) -> None:
        with tw.no_grad():
            for turn in range(50):
                args = inputs(turn, 3 + k % 2, 5), inputs(k, 5)
                if not equal(scripted(*args), chain(*args)):
                    wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
