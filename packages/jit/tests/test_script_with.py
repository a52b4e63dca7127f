"""``with`` in scripts, against Python itself: values, gradients, what is entered and left on every way."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor

quiet = tw.no_grad()


class Noted:
    """Writes down when it is entered and left."""

    def __init__(self, log: list[int], number: int) -> None:
        self.log = log
        self.number = number

    def __enter__(self) -> int:
        self.log.append(self.number)
        return self.number

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.log.append(-self.number)


def without_gradients(x: Tensor) -> Tensor:
    with tw.no_grad():
        y = x * 2
    return y + x


def nested(x: Tensor) -> tuple[Tensor, Tensor, Tensor, bool, bool]:
    with quiet:
        inside = tw.is_grad_enabled()
        a = x * 2
        with tw.enable_grad():
            b = x * 3
        with tw.inference_mode(False):
            c = x * 4
    return a, b, c, inside, tw.is_grad_enabled()


def switched(x: Tensor, on: bool) -> Tensor:
    with tw.set_grad_enabled(on):
        return x * 2


def written_in_place(x: Tensor, n: int) -> Tensor:
    w = x.clone()
    for _ in range(n):
        with tw.no_grad():
            w = w - 0.5 * w
    return w * x


def one_after_the_other(n: int) -> list[int]:
    log: list[int] = []
    for i in range(n):
        with Noted(log, i + 1) as k, Noted(log, 10):
            if k == 2:
                continue
            if k == 4:
                break
            log.append(100)
    return log


def returns_inside(n: int) -> tuple[int, list[int]]:
    log: list[int] = []
    with Noted(log, 5):
        if n > 3:
            return 1, log
        with Noted(log, 6) as six:
            if n > 2:
                return six, log
        log.append(7)
    return 3, log


def while_inside(n: int) -> list[int]:
    log: list[int] = []
    with Noted(log, 1):
        while n > 0:
            n -= 1
            with Noted(log, n):
                if n == 2:
                    return log
    return log


def nothing(x: Tensor) -> Tensor:
    with nullcontext(3) as three, nullcontext():
        return x * three


def kept_object(n: int) -> list[int]:
    log: list[int] = []
    noted = Noted(log, n)
    with noted:
        log.append(0)
    with noted as again:
        log.append(again)
    return log


@tw.no_grad()
def decorated(x: Tensor) -> Tensor:
    return x * 2


@tw.enable_grad()
@tw.no_grad()
def decorated_twice(x: Tensor) -> Tensor:
    return x * 2


def calls_decorated(x: Tensor) -> Tensor:
    return decorated(x) + x


@tw.set_grad_enabled(False)
def decorated_off(x: Tensor) -> tuple[Tensor, bool]:
    return x * 2, tw.is_grad_enabled()


def seen(value: Any) -> Any:
    """Values with whether gradients flow through them."""
    if isinstance(value, tuple):
        return tuple(map(seen, value))
    return (value.tolist(), value.requires_grad) if isinstance(value, Tensor) else value


CASES: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    (without_gradients, [()]),
    (nested, [()]),
    (switched, [(True,), (False,)]),
    (written_in_place, [(0,), (3,)]),
    (nothing, [()]),
    (decorated, [()]),
    (decorated_twice, [()]),
    (calls_decorated, [()]),
    (decorated_off, [()]),
]


@pytest.mark.parametrize(("function", "calls"), CASES, ids=[row[0].__name__ for row in CASES])
@pytest.mark.parametrize("around", [nullcontext, tw.no_grad])
def test_gradients_are_recorded_where_python_records_them(
    function: Callable[..., Any], calls: list[tuple[Any, ...]], around: Callable[[], Any]
) -> None:
    scripted = tw.jit.script(function)
    x = tw.tensor([1.0, -2.0], requires_grad=True)
    for args in calls:
        with around():
            assert seen(scripted(x, *args)) == seen(function(x, *args))
            assert tw.is_grad_enabled() == (around is nullcontext)


ORDERED = [one_after_the_other, returns_inside, while_inside, kept_object]


@pytest.mark.parametrize("function", ORDERED, ids=[f.__name__ for f in ORDERED])
def test_objects_are_left_on_every_way(function: Callable[[int], Any]) -> None:
    scripted = tw.jit.script(function)
    for n in range(7):
        assert scripted(n) == function(n)


def test_the_gradients_are_those_of_python() -> None:
    def function(x: Tensor) -> Tensor:
        with tw.no_grad():
            scale = x.sum()
        return (x * scale).sum()

    grads = []
    for call in (function, tw.jit.script(function)):
        x = tw.tensor([1.0, 2.0, 4.0], requires_grad=True)
        call(x).backward()
        grads.append(x.grad.tolist())  # type: ignore[union-attr]
    assert grads == [[7.0, 7.0, 7.0]] * 2


def test_a_failure_inside_leaves_the_thread_as_it_was() -> None:
    @tw.jit.script
    def fails(x: Tensor, n: int) -> Tensor:
        with tw.no_grad():
            assert n > 0, "n is not positive"
            return x * n

    x = tw.ones(2, requires_grad=True)
    with pytest.raises(AssertionError, match="n is not positive"):
        fails(x, 0)
    assert tw.is_grad_enabled()
    assert not fails(x, 1).requires_grad


def test_an_object_is_not_left_where_an_exception_ends_the_run() -> None:
    class Loud:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            print("e", self.name)

        def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
            print("l", self.name)

    def runs(n: int) -> int:
        with Loud("a"):
            if n < 0:
                raise ValueError("negative")
            with Loud("b"):
                return n

    scripted = tw.jit.script(runs)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert scripted(2) == 2
        with pytest.raises(ValueError, match="negative"):
            scripted(-1)
    assert "".join(out.getvalue().split()) == "eaeblblaea"


class Halves(tw.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = tw.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        with tw.no_grad():
            y = self.layer(x)
        return y.relu()


def test_archives_keep_the_switch_and_freezing_drops_it(tmp_path: Any) -> None:
    module = Halves().eval()
    scripted = tw.jit.script(module)
    x = tw.randn(3, 2).requires_grad_()
    tw.jit.save(scripted, tmp_path / "halves.twa")
    loaded = tw.jit.load(tmp_path / "halves.twa")
    assert seen(loaded(x)) == seen(module(x))
    captured = tw.jit.Captured(scripted.program, scripted.inputs, scripted.output)
    frozen = tw.jit.freeze(captured, verify=True)
    assert "set_grad" not in frozen.graph
    assert frozen(x).tolist() == module(x).tolist()
    with pytest.raises(ValueError, match="a switch of gradients, is left"):
        scripted.program.verify("functional")


# ---- what is refused -------------------------------------------------------------------------------------------------


class Entered:
    def __init__(self) -> None:
        self.n = 1

    def __enter__(self) -> None: ...


@contextlib.contextmanager
def generated() -> Iterator[None]:
    yield


def autocast(x: Tensor) -> Tensor:
    with tw.autocast("cpu"):
        return x @ x


@tw.autocast("cpu")
def autocast_decorated(x: Tensor) -> Tensor:
    return x @ x


def number(x: Tensor) -> Tensor:
    with x:
        return x


def no_exit(x: Tensor) -> Tensor:
    with Entered():
        return x


def generator(x: Tensor) -> Tensor:
    with generated():
        return x


def file(x: Tensor) -> Tensor:
    with open("x.txt") as f:
        f.read()
    return x


def switch_as(x: Tensor) -> Tensor:
    with tw.no_grad() as n:
        return x * n


def unknown_mode(x: Tensor, on: bool) -> Tensor:
    with tw.inference_mode(on):
        return x


def suppresses(x: Tensor) -> Tensor:
    with contextlib.suppress(ValueError):
        return x


def tries(x: Tensor) -> Tensor:
    try:
        return x
    finally:
        print("done")


def tries_inside(x: Tensor) -> Tensor:
    with tw.no_grad():
        try:
            return x
        except ValueError:
            return x * 2


HELP = "a script enters no_grad, enable_grad"
REFUSED = [
    (autocast, "with autocast cannot be compiled", 'tw.autocast("cpu")', "call the scripted function inside"),
    (
        autocast_decorated,
        "with autocast cannot be compiled",
        "def autocast_decorated",
        "call the scripted function inside",
    ),
    (number, "Tensor is no context", "x:", HELP),
    (no_exit, "class Entered has no __exit__", "Entered()", ""),
    (generator, "with generated cannot be compiled", "generated()", HELP),
    (file, "cannot be compiled", 'open("x.txt")', "@tw.jit.ignore"),
    (switch_as, "this context has no value", "n:", "leave out the `as`"),
    (unknown_mode, "inference_mode() takes True or False", "tw.inference_mode(on)", "set_grad_enabled"),
    (suppresses, "class suppress cannot be compiled", "contextlib.suppress", "@tw.jit.script over the class"),
    (tries, "try cannot be compiled", "try:", "test for the condition before"),
    (tries_inside, "try cannot be compiled", "try:", "@tw.jit.ignore"),
]


@pytest.mark.parametrize(("function", "problem", "marked", "help_"), REFUSED, ids=[row[0].__name__ for row in REFUSED])
def test_refusals_name_file_line_and_what_to_do(
    function: Callable[..., Any], problem: str, marked: str, help_: str
) -> None:
    with pytest.raises(tw.jit.FrontendError) as caught:
        tw.jit.script(function)
    error = caught.value
    message = str(error)
    assert problem in message
    assert help_ in message
    assert error.filename == __file__
    lines = message.split("\n")
    carets = next(k for k, line in enumerate(lines) if line.strip() and not line.strip().strip("^"))
    assert lines[carets - 1][lines[carets].index("^") :].startswith(marked)
