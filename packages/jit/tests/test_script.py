"""Scripts: what they refuse and how they say it, modules, gradients, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


# ---- modules ----------------------------------------------------------------------------------------------------


class Block(nn.Module):
    repeats: Final[int] = 2

    def __init__(self, size: int, residual: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.residual = residual
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.repeats):
            y = self.dropout(tw.relu(self.norm(self.linear(x))))
            x = x + y if self.residual else y
        return x


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(4), Block(4, residual=False)])
        self.head = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
        self.register_buffer("calls", tw.zeros(()))
        self.last: int = 0

    def forward(self, x: Tensor, limit: float = 2.0) -> Tensor:
        self.calls += 1
        self.last = self.last + x.size(0)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == 0 and x.abs().max() > limit:
                x = x.clamp(-limit, limit)
        return self.head(x)

    def summed(self, x: Tensor) -> Tensor:
        return self.forward(x).sum()

    @tw.jit.export
    def doubled(self, x: Tensor) -> Tensor:
        return self(x) * 2


def test_modules_share_what_changes() -> None:
    model = Network().eval()
    script = tw.jit.script(model)
    x = tw.randn(5, 4)
    assert same(script(x), model(x))
    assert (model.calls.item(), model.last) == (2.0, 10)
    with tw.no_grad():
        model.head[0].weight.mul_(2)
    assert same(script(x), model(x))
    assert same(script.doubled(x), model.doubled(x))
    assert same(script.summed(x), model.summed(x))
    assert list(script.state_dict()) == list(model.state_dict())
    assert "get_attr @blocks.0.linear.weight" in script.graph
    assert "def forward(x, limit" in script.code


def test_parameters_may_be_replaced() -> None:
    model = nn.Linear(2, 2)
    script = tw.jit.script(model)
    x = tw.randn(3, 2)
    script(x)
    model.weight = nn.Parameter(tw.ones(2, 2))
    assert same(script(x), model(x))
    model.load_state_dict({"weight": tw.eye(2), "bias": tw.zeros(2)})
    assert same(script(x), x)


def test_training_is_read_at_each_call() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
    script = tw.jit.script(model)
    x = tw.randn(8, 4)
    tw.manual_seed(3)
    trained = model(x)
    mean = model[1].running_mean.clone()
    model[1].reset_running_stats()
    tw.manual_seed(3)
    assert same(script(x), trained)
    assert same(model[1].running_mean, mean)
    script.eval()
    assert not model.training
    assert same(script(x), model(x))
    assert not same(script(x), trained)


LAYERS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Conv2d(2, 3, 3, padding=1), (1, 2, 5, 5)),
    (nn.Sequential(nn.Conv1d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)), (2, 2, 4)),
    (nn.MaxPool2d(2), (1, 2, 4, 4)),
    (nn.AdaptiveAvgPool2d((1, 1)), (1, 2, 4, 4)),
    (nn.GroupNorm(2, 4), (2, 4, 3)),
    (nn.LSTMCell(3, 4), (2, 3)),
    (nn.GRUCell(3, 4), (2, 3)),
    (nn.GRU(3, 4, batch_first=True), (5, 2, 3)),
    (nn.GELU(), (3, 3)),
    (nn.Softmax(dim=-1), (3, 3)),
    (nn.PReLU(), (3, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[type(layer).__name__ for layer, _ in LAYERS])
def test_layers(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = tw.randn(*shape)
    layer.eval()
    expected = layer(x)
    got = tw.jit.script(layer)(x)
    if isinstance(expected, tuple):
        assert all(map(same, got, expected))
    else:
        assert same(got, expected)


class Decoder(nn.Module):
    """Text, token by token, until the end or the limit."""

    def __init__(self, words: int = 7, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.cell = nn.GRUCell(width, width)
        self.out = nn.Linear(width, words)
        self.end = 0

    def forward(self, state: Tensor, longest: int = 12) -> tuple[list[int], float]:
        token = 1
        tokens: list[int] = []
        score = 0.0
        while token != self.end and len(tokens) < longest:
            embedded = self.embedding(tw.tensor([token]))
            state = self.cell(embedded, state)
            scores = self.out(state).log_softmax(-1)[0]
            token = int(scores.argmax())
            score += float(scores[token])
            tokens.append(token)
        return tokens, score


class Recurrent(nn.Module):
    """A loop over time with a cell, which may stop early."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTMCell(3, 5), nn.LSTMCell(5, 5)])

    def forward(self, x: Tensor, state: list[tuple[Tensor, Tensor]] | None = None) -> tuple[Tensor, Tensor]:
        if state is None:
            zeros = tw.zeros(x.size(1), 5)
            state = [(zeros, zeros) for _ in self.cells]
        outputs = []
        for step in x:
            for k, cell in enumerate(self.cells):
                h, c = cell(step, state[k])
                state[k] = (h, c)
                step = h
            if step.abs().max() > 0.9:
                break
            outputs.append(step)
        return tw.stack(outputs), state[-1][1]


def test_models_with_loops() -> None:
    tw.manual_seed(0)
    decoder, recurrent = Decoder(), Recurrent()
    scripted_decoder, scripted_recurrent = tw.jit.script(decoder), tw.jit.script(recurrent)
    for _ in range(5):
        state, x = tw.randn(1, 8), tw.randn(6, 2, 3)
        assert scripted_decoder(state, longest=9) == decoder(state, longest=9)
        assert all(map(same, scripted_recurrent(x), recurrent(x)))


# ---- gradients, threads -----------------------------------------------------------------------------------------


def iterated(x: Tensor, w: Tensor) -> Tensor:
    y = x
    while y.detach().norm() < 10:
        y = tw.tanh(y @ w) + y * 1.5
        if y[0, 0] > 3:
            break
    return y.sum()


def with_writes(x: Tensor, w: Tensor) -> Tensor:
    y = tw.zeros_like(x)
    for i in range(y.size(0)):
        y[i] = x[i] * w[i] + (y[i - 1] if i > 0 else x[i])
    return (y * y).sum()


@pytest.mark.parametrize("function", [iterated, with_writes])
def test_gradients_flow_through_scripts(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    script = tw.jit.script(function)
    gradients = []
    x, w = tw.randn(3, 3), tw.randn(3, 3)
    for run in (function, script):
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        run(a, b).backward()
        gradients.append((a.grad, b.grad))
    for eager, scripted in zip(*gradients, strict=True):
        assert eager is not None
        assert scripted is not None
        assert same(eager, scripted)
    double = tw.randn(3, 3, dtype=tw.float64, requires_grad=True)
    assert tw.autograd.gradcheck(script, (double, tw.randn(3, 3, dtype=tw.float64, requires_grad=True)))


def test_a_scripted_module_trains() -> None:
    tw.manual_seed(1)
    model = Block(4)
    script = tw.jit.script(model)
    x, target = tw.randn(16, 4), tw.randn(16, 4)
    losses = []
    script.dropout.eval()
    for _ in range(20):
        loss = ((script(x) - target) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with tw.no_grad():
            for parameter in script.parameters():
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
    assert losses[-1] < losses[0] * 0.9


def test_several_threads_at_once() -> None:
    model = Recurrent()
    script = tw.jit.script(model)
    inputs = [tw.randn(4, 2, 3) for _ in range(8)]
    expected = [model(x)[0] for x in inputs]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(5):
            if not same(script(inputs[k])[0], expected[k]):
                wrong.append(k)  # noqa: PERF401

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- calls ------------------------------------------------------------------------------------------------------


def named(x: Tensor, n: int = 2, *, names: list[str] | None = None) -> tuple[Tensor, int]:
    return x * n, 0 if names is None else len(names)


def test_arguments_as_python_passes_them() -> None:
    script = tw.jit.script(named)
    assert script(tw.ones(1))[0].item() == 2.0
    assert script(tw.ones(1), n=5, names=["a"])[1] == 1
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        script()
    with pytest.raises(TypeError, match=r"argument 'n' must be int, got str"):
        script(tw.ones(1), "2")
    with pytest.raises(TypeError, match=r"argument 'names'\[1\] must be str, got int"):
        script(tw.ones(1), names=["a", 1])
    assert tw.jit.script(script) is script
    assert "int = placeholder @n(2)" in script.graph


def test_print_goes_where_python_prints(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(x: Tensor, n: int) -> None:
        print("n is", n, sep="=", end=";")
        print(f"{n:3d}", [n], x)

    tw.jit.script(talks)(tw.ones(2), 3)
    printed = capsys.readouterr().out
    talks(tw.ones(2), 3)
    assert printed == capsys.readouterr().out


def test_only_python_can_run_what_is_ignored() -> None:
    @tw.jit.ignore
    def outside(x: Tensor) -> Tensor:
        return x + 1

    def calls(x: Tensor) -> Tensor:
        return outside(x) * 2

    script = tw.jit.script(calls)
    assert script(tw.ones(1)).item() == 4.0
    with pytest.raises(ValueError, match="a call of Python is left"):
        script.program.verify("functional")


def test_what_is_traced_or_scripted_may_ask() -> None:
    def asks(x: Tensor) -> Tensor:
        if tw.jit.is_scripting():
            x = x * 2
        if tw.jit.is_tracing():
            x = x + 10
        return x + 1

    assert asks(tw.ones(1)).item() == 2.0
    assert tw.jit.script(asks)(tw.ones(1)).item() == 3.0
    assert tw.jit.trace(asks, (tw.ones(1),), check_trace=False)(tw.ones(1)).item() == 12.0
    assert not tw.jit.is_tracing()


def test_decorators_with_parentheses() -> None:
    @tw.jit.ignore()
    def doubled(x: Tensor) -> Tensor:
        return x + float("1")

    @tw.jit.ignore(drop=True)
    def dropped(x: Tensor) -> Tensor:
        return x

    def both(x: Tensor, flag: bool) -> Tensor:
        if flag:
            return dropped(x)
        return doubled(x)

    program = tw.jit.script(both)
    assert program(tw.ones(1), False).item() == 2.0
    with pytest.raises(RuntimeError, match="dropped"):
        program(tw.ones(1), True)


def test_a_function_that_ignore_mistypes() -> None:
    @tw.jit.ignore
    def outside(x: Tensor) -> int:
        return "no"  # type: ignore[return-value]

    def calls(x: Tensor) -> int:
        return outside(x)

    with pytest.raises(TypeError, match="what outside gives must be int, got str"):
        tw.jit.script(calls)(tw.ones(1))


def test_scripts_without_changes_are_functional() -> None:
    def branches(x: Tensor, n: int) -> Tensor:
        for i in range(n):
            x = x * i if i % 2 else x + i
        return x

    tw.jit.script(branches).program.verify("functional")


def test_archives_hold_control_flow(tmp_path: Path) -> None:
    def halve(x: Tensor, limit: float = 1.0) -> tuple[Tensor, int]:
        turns = 0
        while x.max() > limit:
            x = x / 2
            turns += 1
        return x, turns

    path = tmp_path / "halve.twa"
    tw.jit.save(tw.jit.script(halve), path)
    x = tw.tensor([3.0, 9.0])
    got, turns = tw.jit.load(path)(x, 2.0)
    assert (got.tolist(), turns) == ([0.375, 1.125], 3)
    model = Block(4).eval()
    tw.jit.save(tw.jit.script(model), path)
    x = tw.randn(2, 4)
    assert same(tw.jit.load(path)(x), model(x))
    with pytest.raises(ValueError, match="not list"):
        tw.jit.save(tw.jit.script(list_of_strings_joined), path)


def list_of_strings_joined(xs: list[str]) -> str:
    return ",".join(xs)


# ---- refusals ---------------------------------------------------------------------------------------------------


def uses_try(x: Tensor) -> Tensor:
    try:
        return x
    except ValueError:
        return x


def types_differ(x: Tensor, flag: bool) -> Tensor:
    y = x if flag else "text"
    return y  # noqa: RET504


def one_way_only(x: Tensor, flag: bool) -> Tensor:
    if flag:
        y = x
    return y


def may_be_none(x: Tensor | None) -> Tensor:
    return x + 1


def no_such_method(x: Tensor) -> Tensor:
    return x.nothing()


def wrong_argument(x: Tensor) -> Tensor:
    return x.sum(dimension=1)


def mixed_list(x: Tensor) -> Any:
    return [x, 1]


def loop_changes_type(n: int) -> int:
    y = 0
    for _ in range(n):
        y = str(y)
    return len(y)


def not_before_the_loop(n: int) -> int:
    for i in range(n):
        y = i
    return y


def uses_set(n: int) -> bool:
    return n in {n, 2}


def unknown_name(x: Tensor) -> Tensor:
    return x + nowhere  # type: ignore[name-defined]  # noqa: F821


def calls_a_class(x: Tensor) -> Tensor:
    return threading.Thread()  # type: ignore[return-value]


def wrong_return(x: Tensor) -> int:
    return x


def many(*xs: Tensor) -> Tensor:
    return xs[0]


def yields(x: Tensor) -> Any:
    yield x


def deep_list(x: Tensor) -> Any:
    return x.tolist()


def two_words(a: str) -> str:
    return a % 2


def list_of_strings(xs: list[int]) -> list[int]:
    xs.append("a")  # type: ignore[arg-type]
    return xs


REFUSED = [
    (uses_try, "try cannot be compiled", "try:"),
    (types_differ, "is Tensor on one way and str on the other", 'x if flag else "text"'),
    (one_way_only, "'y' has a value on one way only", "y"),
    (may_be_none, "may be None: it is Tensor | None", "x + 1"),
    (no_such_method, "a Tensor has no attribute 'nothing'", "x.nothing"),
    (wrong_argument, "has no argument 'dimension'", "x.sum(dimension=1)"),
    (mixed_list, "the items of a list have one type", "[x, 1]"),
    (loop_changes_type, "'y' is int before the loop and str after a turn of it", "for _ in range(n):"),
    (not_before_the_loop, "'y' has no value where the loop takes no turn", "y"),
    (uses_set, "a set cannot be compiled", "{n, 2}"),
    (unknown_name, "the name 'nowhere' is not defined", "nowhere"),
    (calls_a_class, "class Thread cannot be compiled", "threading.Thread()"),
    (wrong_return, "gives Tensor, but is declared to give int", "return x"),
    (many, "parameters with a star have no type", "xs: Tensor"),
    (yields, "yield cannot be compiled", "yield x"),
    (deep_list, "tolist() has no type", "x.tolist()"),
    (two_words, "str % int has no meaning", "a % 2"),
    (list_of_strings, "the list holds int, got str", 'xs.append("a")'),
]


@pytest.mark.parametrize(("function", "problem", "marked"), REFUSED, ids=[row[0].__name__ for row in REFUSED])
def test_refusals_name_the_place(function: Callable[..., Any], problem: str, marked: str) -> None:
    with pytest.raises(tw.jit.FrontendError) as caught:
        tw.jit.script(function)
    error = caught.value
    assert problem in str(error)
    first = function.__code__.co_firstlineno
    assert first <= error.lineno < first + 8
    assert error.filename == __file__
    _, _, line, carets, *_ = str(error).split("\n")
    start = carets.index("^")
    assert line[start:].startswith(marked[: carets.count("^")])
    assert carets.count("^") >= min(len(marked), len(line) - start)


def test_a_refusal_inside_of_a_call_shows_the_way_there() -> None:
    def outer(x: Tensor) -> Tensor:
        return x + no_such_method(x)

    with pytest.raises(tw.jit.FrontendError, match=r"called from .*test_script\.py") as caught:
        tw.jit.script(outer)
    assert "no_such_method(x)" in str(caught.value)


def test_what_has_no_source_is_refused() -> None:
    scope: dict[str, Any] = {}
    exec("def made(x): return x", scope)
    with pytest.raises(tw.jit.FrontendError, match="cannot be read"):
        tw.jit.script(scope["made"])
    with pytest.raises(TypeError, match="expected a function, a module or a class, got int"):
        tw.jit.script(3)


def test_shifts_to_the_end_of_64_bits() -> None:
    @tw.jit.script
    def shifted(x: int, by: int) -> int:
        return x << by

    assert [shifted(-1, 63), shifted(-5, 2), shifted(0, 500), shifted(1, 62)] == [-(2**63), -20, 0, 2**62]
    for x, by in ((1, 63), (-2, 63), (1, 64)):
        with pytest.raises(OverflowError):
            shifted(x, by)
