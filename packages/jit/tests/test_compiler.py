"""``tw.compiler``: what code asks and says about compiled functions."""

from __future__ import annotations

import warnings

import pytest
import tensorwright as tw
from tensorwright.jit import CompileWarning


def asks(x: tw.Tensor) -> tw.Tensor:
    """Twice as much where it is recorded."""
    return x * 2 if tw.compiler.is_compiling() else x


def test_code_knows_that_it_is_recorded() -> None:
    x = tw.ones(1)
    assert not tw.compiler.is_compiling()
    assert asks(x).item() == 1.0
    compiled = tw.compile(asks)
    assert [compiled(x).item() for _ in range(3)] == [2.0] * 3
    assert tw.export.export(asks, (x,)).module()(x).item() == 2.0
    assert tw.export.export(lambda x: x + tw.compiler.is_exporting(), (x,)).module()(x).item() == 2.0
    assert tw.compile(lambda x: x + tw.compiler.is_exporting())(x).item() == 1.0
    assert tw.compile(lambda x: x + tw.compiler.is_dynamo_compiling())(x).item() == 2.0
    with pytest.raises(tw.ShapeError):
        tw.compile(lambda x: x @ tw.ones(3, 3))(x)
    assert not tw.compiler.is_compiling()


def test_disabled_functions_run_as_they_are() -> None:
    runs = []

    @tw.compiler.disable(reason="it counts")
    def helper(x: tw.Tensor) -> tw.Tensor:
        runs.append(len(runs))
        return x + len(runs)

    compiled = tw.compile(lambda x: helper(x * 2))
    with pytest.warns(CompileWarning, match=r"helper is disabled for compilation \(it counts\)") as caught:
        assert compiled(tw.ones(1)).item() == 3.0
    assert "test_compiler.py" in str(caught[0].message)
    assert [compiled(tw.ones(1)).item() for _ in range(2)] == [4.0, 5.0]
    with pytest.raises(RuntimeError, match="helper is disabled"):
        tw.compile(lambda x: helper(x), fullgraph=True)(tw.ones(1))
    with pytest.raises(TypeError, match="expected a function or module, got int"):
        tw.compiler.disable(3)  # type: ignore[call-overload]


def test_disabled_modules_keep_their_parameters() -> None:
    layer = tw.compiler.disable(tw.nn.Linear(2, 2))
    assert isinstance(layer, tw.nn.Linear)
    model = tw.nn.Sequential(tw.nn.ReLU(), layer)
    with pytest.warns(CompileWarning, match="forward is disabled"):
        tw.compile(model)(tw.ones(1, 2))
    assert sorted(model.state_dict()) == ["1.bias", "1.weight"]


def test_recordings_are_forgotten() -> None:
    compiled = tw.compile(lambda x: x if x.sum() > 0 else -x)
    with pytest.warns(CompileWarning):
        compiled(tw.ones(1))
    replayed = tw.compile(lambda x: x + 1)
    for _ in range(3):
        replayed(tw.ones(1))
    tw.compiler.reset()
    assert replayed.graphs == []
    assert replayed(tw.ones(1)).item() == 2.0
    assert len(replayed.graphs) == 1
    with pytest.warns(CompileWarning):  # also what could not be replayed is tried again
        compiled(tw.ones(1))


def test_names_that_change_nothing() -> None:
    assert tw.compiler.allow_in_graph(asks) is asks
    assert "graph" in tw.compiler.list_backends()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tw.compiler.cudagraph_mark_step_begin()
