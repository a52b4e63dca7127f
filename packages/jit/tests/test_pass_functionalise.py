"""Writes become values: results and what the caller's tensors hold afterwards are those of the graph as captured."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import tensorwright as tw
from tensorwright import Tensor

Step = Callable[[random.Random, Tensor], Tensor]

VIEWS: list[Step] = [
    lambda r, x: x[r.randrange(x.shape[0])] if x.ndim and x.shape[0] else x,
    lambda r, x: x[..., r.randrange(2) :] if x.ndim else x,
    lambda r, x: x[:: r.choice([1, 2])] if x.ndim else x,
    lambda r, x: x.transpose(0, -1) if x.ndim else x,
    lambda r, x: x.unsqueeze(r.randrange(x.ndim + 1)),
    lambda r, x: x.squeeze(),
    lambda r, x: x.diagonal() if x.ndim >= 2 else x,
    lambda r, x: x.permute(*r.sample(range(x.ndim), x.ndim)) if x.ndim else x,
    lambda r, x: x.chunk(2)[-1] if x.ndim and x.shape[0] > 1 else x,
    lambda r, x: x.unbind(-1)[0] if x.ndim and x.shape[-1] else x,
    lambda r, x: x.reshape(-1),
    lambda r, x: x.flatten(),
    lambda r, x: x.contiguous(),
    lambda r, x: x.view(x.shape),
    lambda r, x: x.detach(),
    lambda r, x: x.float(),
]
WRITES: list[Step] = [
    lambda r, x: x.add_(r.randrange(1, 4)),
    lambda r, x: x.mul_(2),
    lambda r, x: x.fill_(r.random()),
    lambda r, x: x.relu_(),
    lambda r, x: x.copy_(x.clone().flip(0)) if x.ndim else x.zero_(),
    lambda r, x: tw.mul(x, 3, out=x),
    lambda r, x: x.clamp_(-2, 2),
]
VALUES: list[Step] = [
    lambda r, x: x * 1.5,
    lambda r, x: x.clone(),
    lambda r, x: x.cumsum(0) if x.ndim else x + 1,
    lambda r, x: x + x.sum(),
]


def random_function(seed: int) -> Callable[[Tensor, Tensor], list[Tensor]]:
    def function(x: Tensor, y: Tensor) -> list[Tensor]:
        r = random.Random(seed)
        known = [x, y]
        for _ in range(r.randrange(4, 16)):
            step = r.choice(r.choice([VIEWS, WRITES, VALUES]))
            known.append(step(r, r.choice(known)))
        return [value + 0 for value in known]

    return function


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def inputs(seed: int = 0) -> tuple[Tensor, Tensor]:
    tw.manual_seed(seed)
    return tw.randn(3, 4), tw.randn(4, 2, 3)


@pytest.mark.parametrize("seed", range(200))
def test_random_views_and_writes(seed: int) -> None:
    function = random_function(seed)
    captured = tw.jit.trace(function, inputs(), check_trace=False)
    tw.jit.run_passes(captured.program, ["functionalise"], verify=True)
    captured.program.verify("functional")
    mine, theirs = inputs(1), inputs(1)
    for got, expected in zip(captured(*mine), function(*theirs), strict=True):
        assert same(got, expected), captured.graph
    assert same(mine[0], theirs[0])
    assert same(mine[1], theirs[1])


CASES = {
    "a write through a view": (
        """
        func @f(%x: tensor<float32, [3, 4]>) {
          %copy: tensor<float32, [3, 4]> = tw::clone(%x)
          %row: tensor<float32, [4]> = tw::select(%copy, 0, 1)
          %written: tensor<float32, [4]> = tw::mul(%row, 2, into=%row)
          return(%copy)
        }""",
        """
        func @f(%x: tensor<float32, [3, 4]>) {
          %copy: tensor<float32, [3, 4]> = tw::clone(%x)
          %row: tensor<float32, [4]> = tw::select(%copy, 0, 1)
          %written: tensor<float32, [4]> = tw::mul(%row, 2)
          %0: tensor<float32, [3, 4]> = tw::select_scatter(%copy, %written, 0, 1)
          return(%0)
        }""",
    ),
    "inputs and attributes are listed": (
        """
        func @f(%x: tensor<float32, [2]>) {
          %n: tensor<int64, []> = get_attr @count()
          %next: tensor<int64, []> = tw::add(%n, 1, into=%n)
          %y: tensor<float32, [2]> = tw::relu(%x, into=%x)
          return(%y)
        }""",
        """
        func @f(%x: tensor<float32, [2]>) {
          %n: tensor<int64, []> = get_attr @count()
          %next: tensor<int64, []> = tw::add(%n, 1)
          %y: tensor<float32, [2]> = tw::relu(%x)
          return(%y, inputs={"x": %y}, attributes={"count": %next})
        }""",
    ),
    "a result of another dtype is converted": (
        """
        func @f(%x: tensor<float32, [2]>, %y: tensor<float64, [2]>) {
          %z: tensor<float32, [2]> = tw::add(%x, %y, into=%x)
          return(%z)
        }""",
        """
        func @f(%x: tensor<float32, [2]>, %y: tensor<float64, [2]>) {
          %z: tensor<float64, [2]> = tw::add(%x, %y)
          %0: tensor<float32, [2]> = tw::copy(%x, %z)
          return(%0, inputs={"x": %0})
        }""",
    ),
    "what a side of an if writes is a result": (
        """
        func @f(%x: tensor<float32, [2]>, %c: bool) {
          %r: tuple<> = if(%c) {
            %y: tensor<float32, [2]> = tw::neg(%x, into=%x)
            yield()
          } {
            yield()
          }
          return(%x)
        }""",
        """
        func @f(%x: tensor<float32, [2]>, %c: bool) {
          %r: tuple<tensor<float32, [2]>> = if(%c) {
            %y: tensor<float32, [2]> = tw::neg(%x)
            yield(%y)
          } {
            yield(%x)
          }
          %0: tensor<float32, [2]> = tuple.get(%r, 0)
          return(%0, inputs={"x": %0})
        }""",
    ),
    "what a loop writes is carried": (
        """
        func @f(%x: tensor<float32, [2, 2]>, %n: int) {
          %r: tuple<tensor<float32, [2, 2]>> = for(%n, %x) (%i: int, %a: tensor<float32, [2, 2]>) {
            %row: tensor<float32, [2]> = tw::select(%a, 0, 0)
            %y: tensor<float32, [2]> = tw::add(%row, %i, into=%row)
            yield(%a)
          }
          return(%x)
        }""",
        """
        func @f(%x: tensor<float32, [2, 2]>, %n: int) {
          %r: tuple<tensor<float32, [2, 2]>, tensor<float32, [2, 2]>> = for(%n, %x, %x)
              (%i: int, %a: tensor<float32, [2, 2]>, %written0: tensor<float32, [2, 2]>) {
            %row: tensor<float32, [2]> = tw::select(%written0, 0, 0)
            %y: tensor<float32, [2]> = tw::add(%row, %i)
            %0: tensor<float32, [2, 2]> = tw::select_scatter(%written0, %y, 0, 0)
            yield(%0, %0)
          }
          %1: tensor<float32, [2, 2]> = tuple.get(%r, 1)
          return(%1, inputs={"x": %1})
        }""",
    ),
}


def normal(text: str) -> str:
    return tw.jit.parse(text).text()


@pytest.mark.parametrize("name", CASES)
def test_text(name: str) -> None:
    before, after = CASES[name]
    program = tw.jit.parse(before)
    program.set_attribute("count", tw.tensor(0))
    tw.jit.run_passes(program, ["functionalise"], verify=True)
    assert program.text() == normal(after)


REFUSED = {
    "call of Python": "%y: object = py.call @g(%x)\n%z: tensor<float32, [2]> = tw::relu(%x, into=%x)\nreturn(%y)",
    "cannot be told which tensors": """
        %r: tuple<tensor<float32, [2]>> = if(%c) { yield(%x) } { yield(%v) }
        %z: tensor<float32, [2]> = tuple.get(%r, 0)
        %w: tensor<float32, [2]> = tw::relu(%z, into=%z)
        return(%w)""",
    "carries on as another tensor": """
        %r: tuple<tensor<float32, [2]>> = while(%x) (%a: tensor<float32, [2]>) {
          yield(%c)
        } (%b: tensor<float32, [2]>) {
          %z: tensor<float32, [2]> = tw::relu(%b, into=%b)
          %w: tensor<float32, [2]> = tw::neg(%b)
          yield(%w)
        }
        return(%r)""",
    "cannot be told": """
        %u: tensor<float32, ?> = tw::relu(%q)
        %z: tensor<float32, ?> = tw::reshape(%u, [-1])
        %w: tensor<float32, ?> = tw::relu(%z, into=%z)
        return(%u)""",
    "lie in the memory that it writes": """
        %r: tuple<tensor<float32, [2]>> = for(0, %x) (%i: int, %a: tensor<float32, [2]>) {
          %b: tensor<float32, [2]> = tw::neg(%a)
          yield(%b)
        }
        %z: tensor<float32, [2]> = tuple.get(%r, 0)
        %w: tensor<float32, [2]> = tw::relu(%z, into=%z)
        return(%x)""",
    "under another name": """
        %r: tuple<tensor<float32, [2]>> = for(2, %x) (%i: int, %a: tensor<float32, [2]>) {
          %b: tensor<float32, [2]> = tw::neg(%x, into=%x)
          %d: tensor<float32, [2]> = tw::neg(%a)
          yield(%d)
        }
        return(%r)""",
    "the memory that it writes": """
        %a: tensor<float32, [2]> = tuple.get(%l, 0)
        %b: tensor<float32, [2]> = tw::neg(%a, into=%a)
        return(%l)""",
    "no form that does not": "%y: tensor<float32, [1]> = tw::resize_(%x, [1])\nreturn(%y)",
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_followed_is_refused(sentence: str) -> None:
    head = (
        "func @f(%x: tensor<float32, [2]>, %v: tensor<float32, [2]>, %q: tensor<float32, ?>, "
        "%l: list<tensor<float32, [2]>>, %c: bool) {\n"
    )
    program = tw.jit.parse(head + REFUSED[sentence] + "\n}")
    with pytest.raises(ValueError, match=f"functionalise: .*{sentence}"):
        tw.jit.run_passes(program, ["functionalise"])


def test_regions_run_as_before() -> None:
    for before, after in CASES.values():
        if "%c: bool" not in before and "%n: int" not in before:
            continue
        for flag in (0, 1, 3):
            shape = (2, 2) if "[2, 2]" in before else (2,)
            x, y = tw.ones(*shape), tw.ones(*shape)
            control = flag if "%n: int" in before else bool(flag)
            assert same(tw.jit.parse(before).run("f", x, control), tw.jit.parse(after).run("f", y, control))
            assert same(x, y)


def test_running_statistics_move_as_in_training() -> None:
    model = tw.nn.Sequential(tw.nn.Conv2d(2, 3, 1), tw.nn.BatchNorm2d(3)).train()
    captured = tw.jit.trace(model, tw.randn(4, 2, 5, 5), check_trace=False)
    tw.jit.run_passes(captured.program, ["functionalise"], verify=True)
    buffers = {path: value.clone() for path, value in captured.program.attributes.items()}
    x = tw.randn(4, 2, 5, 5)
    result = captured(x)
    moved = {path: value.clone() for path, value in captured.program.attributes.items()}
    for path, value in captured.program.attributes.items():
        with tw.no_grad():
            value.copy_(buffers[path])
    assert tw.allclose(model(x), result, rtol=1e-5, atol=1e-6)
    for path, value in captured.program.attributes.items():
        assert tw.allclose(value, moved[path], rtol=1e-5, atol=1e-6), path


def test_writes_into_parts_of_what_shows_elements_twice() -> None:
    def wide(x: tw.Tensor) -> tw.Tensor:
        y = x * 1
        rows = y.expand(2, 3)
        rows[:1].fill_(7.0)  # the second row shows the same three
        return y + rows.sum(0)

    def windows(x: tw.Tensor) -> tw.Tensor:
        y = x * 1
        y.unfold(0, 2, 1)[1].mul_(3.0)
        return y

    given = tw.arange(1.0, 4.0)
    for function in (wide, windows):
        captured = tw.jit.trace(function, given)
        expected = function(given).tolist()
        assert captured(given).tolist() == expected
        tw.jit.run_passes(captured.program, ("functionalise",))
        assert "into=" not in captured.graph
        assert captured(given).tolist() == expected
