"""Exceptions inside a model say where: the module's path, its arguments, the axis, and where each tensor comes from."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tensorwright as tw
from hypothesis import given
from hypothesis import strategies as st
from tensorwright import Tensor, nn
from tensorwright.nn import functional as F


def raised_by(call: Any, *args: Any, **kwargs: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the tests look at what it is)
        call(*args, **kwargs)
    return caught.value


def note_of(call: Any, *args: Any, **kwargs: Any) -> str:
    (note,) = raised_by(call, *args, **kwargs).__notes__
    return note


def place_of(call: Any, *args: Any, **kwargs: Any) -> str:
    return note_of(call, *args, **kwargs).splitlines()[0]


def origin(note: str, argument: str) -> str:
    found = re.search(rf"^    {re.escape(argument)} +\w+\[[^]]*\] *(.*)$", note, re.MULTILINE)
    assert found, note
    return found[1]


class Block(nn.Module):
    def __init__(self, inner: int = 4) -> None:
        super().__init__()
        self.linear1 = nn.Linear(4, 4)
        self.linear2 = nn.Linear(inner, 4)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        hidden = F.relu(self.linear1(x))
        return self.linear2(hidden) * scale


class Encoder(nn.Module):
    def __init__(self, *inner: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(n) for n in inner)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, scale=2.0)
        return x


class Net(nn.Module):
    def __init__(self, *inner: int) -> None:
        super().__init__()
        self.encoder = Encoder(*inner)
        self.head = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        self.register_buffer("offset", tw.zeros(2))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        y = self.head(self.encoder(x))
        return y + (self.offset if bias is None else bias)


class Fails(nn.Module):
    def forward(self, x: object) -> object:
        raise KeyError("of the user")


def test_the_whole_note() -> None:
    with tw.no_grad():
        note = note_of(Net(4, 5), tw.ones(2, 4))
    line = Block.forward.__code__.co_firstlineno + 1
    assert note == (
        "in encoder.layers.1.linear2 (Linear) of Net\n"
        "  called with input = float32[2, 4]\n"
        "  tensors of linear:\n"
        f"    self    float32[2, *4*]  test_places.py:{line}: hidden = F.relu(self.linear1(x))\n"
        "    weight  float32[4, *5*]  parameter encoder.layers.1.linear2.weight\n"
        "    bias    float32[4]       parameter encoder.layers.1.linear2.bias"
    )


def test_the_note_is_printed_below_the_message() -> None:
    error = raised_by(Net(5), tw.ones(2, 4))
    text = "".join(traceback.format_exception(error))
    assert text.index("ShapeError: linear:") < text.index("in encoder.layers.0.linear2 (Linear) of Net")


def test_paths_are_those_of_the_outermost_module_called() -> None:
    net = Net(5)
    assert place_of(net, tw.ones(2, 4)) == "in encoder.layers.0.linear2 (Linear) of Net"
    assert place_of(net.encoder, tw.ones(2, 4)) == "in layers.0.linear2 (Linear) of Encoder"
    assert place_of(net.encoder.layers[0], tw.ones(2, 4)) == "in linear2 (Linear) of Block"
    assert place_of(nn.Linear(3, 2), tw.ones(2, 4)) == "in Linear"


def test_the_module_itself_may_be_what_fails() -> None:
    note = note_of(Net(4), tw.ones(2, 4), tw.ones(7))
    assert note.startswith("in Net\n  called with x = float32[2, 4], bias = float32[7]\n  tensors of add:\n")
    assert origin(note, "other") == "argument bias of Net"
    assert "float32[2, *2*]" in note
    assert "float32[*7*]" in note


def test_members_of_sequential_name_the_one_before() -> None:
    net = Net()
    net.head[2] = nn.Linear(7, 2)
    with tw.no_grad():
        assert origin(note_of(net, tw.ones(2, 4)), "self") == "output of head.1 (ReLU)"


def test_buffers_and_lists_of_tensors() -> None:
    class Joins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("memory", tw.ones(2, 3))

        def forward(self, parts: list[Tensor]) -> Tensor:
            return tw.cat([self.memory, *parts], 1)

    note = note_of(Joins(), [tw.ones(3, 3)])
    assert "called with parts = list of float32[3, 3]" in note
    assert origin(note, "tensors[0]") == "buffer memory"
    assert origin(note, "tensors[1]") == "argument parts of Joins"


def test_either_branch_may_have_made_a_tensor() -> None:
    class Branches(nn.Module):
        def forward(self, x: Tensor, twice: bool) -> Tensor:
            if twice:
                y = x * 2
            else:
                y = x * 3
            z = y.sum(0)
            for _ in range(2):
                z = z + 1
            return z @ tw.ones(9)

    with tw.no_grad():
        first = Branches.forward.__code__.co_firstlineno
        lines = [f"test_places.py:{first + 5}: z = y.sum(0)", f"test_places.py:{first + 7}: z = z + 1"]
        assert origin(note_of(Branches(), tw.ones(2, 4), True), "self") == " or ".join(lines)


def test_variables_of_loops_and_of_unpacked_values() -> None:
    class Loops(nn.Module):
        def forward(self, *parts: Tensor) -> Tensor:
            for part in [part * 2 for part in parts]:
                last, _ = part, 1
            return last @ tw.ones(9)

    with tw.no_grad():
        note = note_of(Loops(), tw.ones(2, 4), tw.ones(2, 3))
    assert "called with parts = tuple of float32[2, 4], float32[2, 3]" in note
    line = Loops.forward.__code__.co_firstlineno + 2
    assert f"test_places.py:{line}: last, _ = part, 1" in origin(note, "self").split(" or ")


def test_arguments_that_do_not_fit_forward() -> None:
    error = raised_by(Net(4))
    assert isinstance(error, TypeError)
    assert error.__notes__ == ["in Net"]
    assert place_of(nn.Sequential(nn.Linear(2, 2), nn.Bilinear(2, 2, 2)), tw.ones(2)) == "in 1 (Bilinear) of Sequential"
    assert "called with #1 = 3, #2 = 'x', key = Linear" in note_of(nn.ReLU(), 3, "x", key=nn.Linear(1, 1))


def test_exceptions_of_users_get_the_path_and_stay_what_they_are() -> None:
    error = raised_by(nn.Sequential(nn.Identity(), nn.Sequential(Fails())), "text" * 100)
    assert type(error) is KeyError
    assert error.args == ("of the user",)
    assert error.__notes__[0] == "in 1.0 (Fails) of Sequential\n  called with x = '" + ("text" * 15) + "...'"


def test_notes_that_were_there_stay() -> None:
    class Notes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            error = ValueError("bad")
            error.add_note("the user's")
            raise error

    assert raised_by(nn.Sequential(Notes()), 1).__notes__ == [
        "the user's",
        "in 0 (Notes) of Sequential\n  called with x = 1",
    ]


def test_raising_again_adds_no_second_note() -> None:
    class Again(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: object) -> object:
            try:
                return self.inner(x)
            except KeyError as error:
                seen.append(error.__notes__[0])
                raise

    seen: list[str] = []
    error = raised_by(Again(Again(Fails())).inner, 1)
    assert error.__notes__ == ["in inner (Fails) of Again\n  called with x = 1"]
    assert seen == ["in Fails\n  called with x = 1"]
    kept = raised_by(Fails(), 1)

    class Raises(nn.Module):
        def forward(self) -> None:
            raise kept

    assert len(raised_by(Raises()).__notes__) == 1


def test_an_exception_that_is_caught_inside_leaves_nothing() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = Fails()

        def forward(self, x: object) -> object:
            try:
                return self.first(x)
            except KeyError:
                raise ValueError("other") from None

    assert raised_by(Tries(), 2).__notes__ == ["in Tries\n  called with x = 2"]


def test_hooks() -> None:
    def refuse(*args: object) -> None:
        raise ValueError("hook")

    for register in ("register_forward_pre_hook", "register_forward_hook"):
        net = Net(4)
        handle = getattr(net.encoder.layers[0].linear1, register)(refuse)
        assert place_of(net, tw.ones(2, 4)) == "in encoder.layers.0.linear1 (Linear) of Net"
        handle.remove()
        net(tw.ones(2, 4))


def test_hooks_that_always_run_see_no_note_of_outer_modules() -> None:
    seen = []
    net = nn.Sequential(Fails())
    net[0].register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    assert place_of(net, 1) == "in 0 (Fails) of Sequential"
    assert seen == [None]


def test_modules_that_are_no_members() -> None:
    class Ensemble(nn.Module):
        def __init__(self, *members: nn.Module) -> None:
            super().__init__()
            self.members = list(members)

        def forward(self, x: Tensor) -> list[Any]:
            with ThreadPoolExecutor() as pool:
                return list(pool.map(lambda member: member(x), self.members))

    note = note_of(nn.Sequential(Ensemble(Net(4), Net(5))), tw.ones(2, 4))
    assert note.startswith("in 0 > Net.encoder.layers.0.linear2 (Linear) of Sequential\n")
    assert origin(note, "weight") == "parameter 0 > Net.encoder.layers.0.linear2.weight"


def test_modules_shared_by_two_parents_are_named_by_the_one_that_called() -> None:
    shared = Fails()
    net = nn.ModuleDict({"a": nn.Sequential(shared), "b": nn.Sequential(nn.Identity(), shared)})
    net.forward = lambda x: net["b"](x)  # type: ignore[method-assign]
    assert place_of(net, 1) == "in b.1 (Fails) of ModuleDict"


def test_methods_of_modules_count_as_calls() -> None:
    class Embeds(nn.Module):
        def embed(self, x: Tensor) -> Tensor:
            return x @ tw.ones(7)

    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([Embeds()])

        def forward(self, x: Tensor) -> Tensor:
            part = self.parts[0]
            assert isinstance(part, Embeds)
            return part.embed(x)

    assert place_of(Uses(), tw.ones(2, 3)) == "in parts.0 (Embeds) of Uses"


def test_lazy_modules() -> None:
    assert place_of(nn.Sequential(nn.LazyLinear(3)), 3) == "in 0 (LazyLinear) of Sequential"
    assert place_of(nn.Sequential(nn.LazyConv2d(3, 3)), tw.ones(1, 2, 2, 2)) == "in 0 (Conv2d) of Sequential"


def test_classes_that_define_call() -> None:
    class Counts(nn.Linear):
        calls = 0

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return super().__call__(*args, **kwargs)

    layer = Counts(3, 2)
    assert place_of(nn.Sequential(layer), tw.ones(2, 4)) == "in 0 (Counts) of Sequential"
    assert layer.calls == 1


def test_endless_recursion_is_left_alone() -> None:
    class Recurs(nn.Module):
        def forward(self, x: object) -> object:
            return self(x)

    error = raised_by(Recurs(), 1)
    assert isinstance(error, RecursionError)
    assert not hasattr(error, "__notes__")


def test_interrupts_are_no_errors() -> None:
    class Stops(nn.Module):
        def forward(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        Stops()()
    assert not hasattr(caught.value, "__notes__")


def test_tracebacks_have_one_frame_a_module() -> None:
    error = raised_by(Net(5), tw.ones(2, 4))
    names = [frame.f_code.co_qualname for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert names[1:] == ["Net.forward", "Encoder.forward", "Block.forward", "Linear.forward", "linear"]


def test_errors_may_be_copied_and_sent_to_other_processes() -> None:
    error = raised_by(Net(5), tw.ones(2, 4))
    sent = pickle.loads(pickle.dumps(error))
    assert type(sent) is tw.ShapeError
    assert sent.__notes__ == error.__notes__
    assert type(sent.__notes__[0]) is str
    assert sent.failed_call.op == "linear"
    assert sent.failed_call.operands == {}
    assert copy.copy(error).__notes__ == error.__notes__


@given(st.lists(st.sampled_from(["list", "dict", "sequential", "plain"]), max_size=5), st.integers(0, 3))
def test_any_nesting_gives_the_name_that_named_modules_gives(kinds: list[str], before: int) -> None:
    class Calls(nn.Module):
        def __init__(self, kind: str, inner: nn.Module) -> None:
            super().__init__()
            padding = [nn.Identity() for _ in range(before)]
            self.members: Any = {
                "list": lambda: nn.ModuleList([*padding, inner]),
                "dict": lambda: nn.ModuleDict({f"x{i}": m for i, m in enumerate([*padding, inner])}),
                "sequential": lambda: nn.Sequential(*padding, inner),
                "plain": lambda: inner,
            }[kind]()
            self.inner = [inner]

        def forward(self, x: object) -> Any:
            return self.members(x) if isinstance(self.members, nn.Sequential) else self.inner[0](x)

    leaf = Fails()
    model: nn.Module = leaf
    for kind in kinds:
        model = Calls(kind, model)
    name = next(name for name, module in model.named_modules() if module is leaf)
    assert place_of(model, 1) == (f"in {name} (Fails) of Calls" if name else "in Fails")
