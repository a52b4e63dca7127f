"""Exported programs: one graph gives what the function gives, for all sizes it says it is for, and no others."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright import nn
from tensorwright.export import Dim, ExportError

B, T = Dim("B"), Dim("T", min=1)


class Encoder(nn.Module):
    """Recurrence, attention, convolution, normalization, and Python that computes with sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(6, 6, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.convolution = nn.Conv1d(6, 4, 3, padding=1)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("positions", tw.randn(64, 6))

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        batch, length, width = x.shape
        x = x * width**-0.5 + self.positions[:length]
        mask = tw.full((length, length), float("-inf")).triu(1)
        x = self.layer(self.recurrent(x)[0], src_mask=mask)
        y: tw.Tensor = self.norm(self.convolution(x.transpose(1, 2)))
        return y.reshape(batch, -1, 2).mean(2) / length


def agree(exported: Callable[..., Any], function: Callable[..., Any], *args: tw.Tensor) -> bool:
    got, expected = exported(*args), function(*args)
    return got.shape == expected.shape and bool(((got == expected) | (got != got) & (expected != expected)).all())


def test_one_graph_serves_all_sizes() -> None:
    model = Encoder().eval()
    exported = tw.export(model, (tw.randn(2, 4, 6),), dynamic_shapes={"x": {0: B, 1: Dim("T", min=1, max=64)}})
    assert exported.range_constraints == {"B": (0, None), "T": (1, 64)}
    for shape in [(2, 4, 6), (1, 1, 6), (3, 9, 6), (1, 64, 6)]:
        assert agree(exported, model, tw.randn(shape))
    with pytest.raises(ValueError, match=r"input 'x' must have size T with T from 1 to 64 in dimension 1, got 65"):
        exported(tw.randn(1, 65, 6))
    with pytest.raises(ValueError, match=r"input 'x' must have size 6 in dimension 2, got 7"):
        exported(tw.randn(1, 5, 7))


def test_decomposed_programs_serve_the_same_sizes() -> None:
    model = Encoder().eval()
    exported = tw.export(model, (tw.randn(2, 4, 6),), dynamic_shapes=({0: B, 1: Dim("T", min=1, max=64)},))
    core = exported.run_decompositions()
    assert "tw::reshape" not in str(core)
    assert "tw::lstm_layer" in str(core)  # one op, however long the sequences are
    for shape in [(2, 4, 6), (5, 7, 6), (1, 1, 6)]:
        assert agree(core, model, tw.randn(shape))


def count_kept(x: tw.Tensor) -> tw.Tensor:
    kept = x[x > 0]
    return kept.sum() / (kept.shape[0] + x.shape[0])


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "slices": (lambda x: x[:, 1:] - x[:, :-1], (tw.ones(2, 5),), ({0: B, 1: T},)),
    "steps": (lambda x: x[::2, -1], (tw.ones(5, 3),), ({0: T},)),
    "last": (lambda x: x[-3:], (tw.ones(5, 3),), ({0: Dim("T", min=3)},)),
    "halves": (lambda x: x[: x.shape[0] // 2], (tw.ones(6),), ({0: T},)),
    "view": (lambda x: x.view(-1, 4).sum(1), (tw.ones(8),), ({0: 4 * T},)),
    "flatten": (lambda x: x.flatten(1) @ tw.ones(x.shape[1] * 3, 2), (tw.ones(2, 4, 3),), ({0: B, 1: T},)),
    "outer": (lambda x, y: (x[:, None] * y).reshape(-1), (tw.ones(3), tw.ones(4)), ({0: B}, {0: T})),
    "arange": (lambda x: x + tw.arange(x.shape[0]) / x.shape[0], (tw.ones(3),), ({0: T},)),
    "mean by hand": (lambda x: x.sum() / x.numel(), (tw.ones(3, 2),), ({0: T},)),
    "scaled": (lambda x: x * (1 / x.shape[0] ** 0.5), (tw.ones(3, 2),), ({0: T},)),
    "padded": (lambda x: nn.functional.pad(x, (1, 2)), (tw.ones(3, 2),), ({0: B, 1: T},)),
    "pooled": (lambda x: nn.functional.max_pool1d(x, 3, 2), (tw.ones(1, 2, 9),), ({2: Dim("T", min=3)},)),
    "resized": (lambda x: nn.functional.interpolate(x, scale_factor=2), (tw.ones(1, 1, 5),), ({2: T},)),
    "joined": (lambda x, y: tw.cat([x, y, x]), (tw.ones(3), tw.ones(4)), ({0: B}, {0: T})),
    "kept": (lambda x: x[x > 0] * 2, (tw.tensor([1.0, -1.0, 2.0]),), ({0: T},)),
    "kept and counted": (count_kept, (tw.tensor([1.0, -1.0, 2.0]),), ({0: T},)),
    "shifted": (lambda x, y: x[:-1] * y, (tw.ones(4), tw.ones(3)), ({0: T + 1}, {0: T})),
    "nowhere": (lambda x: x.new_zeros(0, x.shape[0]).sum(1), (tw.ones(3),), ({0: T},)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_python_computes_from_sizes(name: str) -> None:
    function, args, shapes = FUNCTIONS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = tw.export(function, args, dynamic_shapes=shapes)
    symbols = exported.sizes.symbols

    @given(st.fixed_dictionaries({key: st.integers(symbol.low, 30) for key, symbol in symbols.items()}))
    @settings(max_examples=25, deadline=None)
    def check(sizes: dict[str, int]) -> None:
        inputs = [
            tw.randn([size if isinstance(size, int) else size[1] * sizes[size[0]] + size[2] for size in item.sizes])
            for item in exported.sizes.tensors
        ]
        assert agree(exported, function, *inputs)

    check()


def test_sizes_may_be_results() -> None:
    exported = tw.export(lambda x: (x.shape[0] * 3, x + 1), (tw.ones(2),), dynamic_shapes=({0: T},))
    assert exported(tw.ones(7))[0] == 21


# ---- what cannot be exported --------------------------------------------------------------------------------------


def branching(x: tw.Tensor) -> tw.Tensor:
    return x * 2 if x.shape[0] > 7 else x + 1


def test_a_branch_on_a_size_is_named_with_its_line() -> None:
    with pytest.raises(
        ExportError, match=r"(?s)which ops run depends on sizes.*test_export.py:\d+.*use Dim\('B', max=7\)"
    ):
        tw.export(branching, (tw.ones(3),), dynamic_shapes=({0: B},))
    assert tw.export(branching, (tw.ones(3),), dynamic_shapes=({0: Dim("B", max=7)},))(tw.ones(7))[0] == 2


def test_a_range_ends_above_a_branch_below_the_example() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        return x * 2 if x.shape[0] > 5 else x + 1

    exported = tw.export(function, (tw.ones(10),), dynamic_shapes=({0: B},))
    assert exported.range_constraints == {"B": (6, None)}
    with pytest.raises(ValueError, match="B from 6 on"):
        exported(tw.ones(5))


def test_sizes_of_anybody_do_not_overflow() -> None:
    text = "dim n from 0\nfunc @forward(%x: tensor<float32, [{}]>) {{\n  return(%x)\n}}\n"
    for size in ("n - 9223372036854775807", "-9223372036854775807*n + 1", "n*n"):
        with contextlib.suppress(ValueError):
            tw.jit.parse(text.format(size)).native("run_checked", "forward", [tw.ones(3)])


def test_a_range_over_a_branch_far_away_is_refused() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        return x * 2 if x.shape[0] > 100 else x + 1

    with pytest.raises(ExportError, match=r"B may be 200 by its Dim.*give it a smaller max"):
        tw.export(function, (tw.ones(3),), dynamic_shapes=({0: Dim("B", max=200)},))


def test_a_loop_over_a_size() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        total = tw.zeros(())
        for row in x:
            total = total * 0.5 + row.sum()
        return total

    with pytest.raises(ExportError, match=r"'B' must be 3, as in the example"):
        tw.export(function, (tw.ones(3, 2),), dynamic_shapes=({0: B},))


def test_sizes_that_must_be_equal_or_multiples() -> None:
    args = (tw.ones(3), tw.ones(3))
    with pytest.raises(ExportError, match=r"'B' and 'C' must be equal: use one Dim"):
        tw.export(tw.add, args, dynamic_shapes=({0: B}, {0: Dim("C")}))
    assert tw.export(tw.add, args, dynamic_shapes=({0: B}, {0: B}))(tw.ones(5), tw.ones(5)).shape == (5,)
    with pytest.raises(ExportError, match=r"'B' must be a multiple of 4: use 4\*Dim"):
        tw.export(lambda x: x.view(-1, 4), (tw.ones(8),), dynamic_shapes=({0: B},))


def test_hints_become_what_the_function_allows() -> None:
    auto = Dim.AUTO

    def function(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        return x @ tw.ones(3, 2) + y

    exported = tw.export(function, (tw.ones(4, 3), tw.ones(4, 1)), dynamic_shapes=((auto, auto), (auto, auto)))
    assert exported(tw.ones(9, 3), tw.ones(9, 1)).shape == (9, 2)
    with pytest.raises(ValueError, match="input 'x' must have size 3 in dimension 1"):
        exported(tw.ones(9, 4), tw.ones(9, 1))
    with pytest.raises(ValueError, match="input 'y' must have size 9"):
        exported(tw.ones(9, 3), tw.ones(8, 1))


def test_numbers_that_depend_on_values_are_told_from_sizes() -> None:
    with pytest.raises(
        ExportError, match=r"test_export.py:\d+: tw::div: a number is T or a size that depends on values"
    ):
        tw.export(lambda x: x[x > 0].sum() / x.shape[0], (tw.ones(3),), dynamic_shapes=({0: T},))


def test_tensors_that_python_makes_of_sizes() -> None:
    with pytest.raises(ExportError, match=r"a tensor that is no input depends on sizes"):
        tw.export(lambda x: x + tw.tensor([float(i) for i in range(len(x))]), (tw.ones(3),), dynamic_shapes=({0: B},))


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        ({"z": {0: B}}, "dynamic_shapes names 'z'; the arguments are x, y"),
        (({0: B},), "one entry for each of the 2 arguments"),
        (({5: B}, None), "'x' has 2 dimensions, dynamic_shapes names number 5"),
        (((B,), None), "'x' has 2 dimensions"),
        (({0: "B"}, None), "must be a Dim, an int or None"),
        (({0: 7}, None), "dimension 0 of 'x' is 4, dynamic_shapes says 7"),
        (({0: 3 * B}, None), r"dimension 0 of 'x' is 4, which is no 3\*B"),
        (({0: B, 1: B}, None), "B is 4 by another input|B is 3 by"),
        ((None, {0: B}), "dynamic_shapes has sizes for 'y', which is a int"),
    ],
)
def test_specifications_that_do_not_fit(shapes: Any, match: str) -> None:
    with pytest.raises(ExportError, match=match):
        tw.export(lambda x, y: x * y, (tw.ones(4, 3), 2), dynamic_shapes=shapes)


def test_dims_are_checked() -> None:
    with pytest.raises(ValueError, match="identifier"):
        Dim("a b")
    with pytest.raises(ValueError, match="there is no size from 5 to 4"):
        Dim("a", min=5, max=4)
    with pytest.raises(ValueError, match="positive ints"):
        Dim("a") * 0


# ---- arguments, writes, modules -----------------------------------------------------------------------------------


def test_nested_arguments_keywords_and_constants() -> None:
    def function(x: dict[str, Any], scale: float = 1.0, *, bias: tw.Tensor) -> dict[str, tw.Tensor]:
        return {"y": x["a"] * scale + x["b"][0], "z": bias + 1}

    inputs = {"a": tw.ones(3), "b": [tw.ones(3)]}
    shapes = {"x": {"a": {0: B}, "b": [{0: B}]}, "bias": None}
    exported = tw.export(function, (inputs, 2.0), {"bias": tw.zeros(1)}, dynamic_shapes=shapes)
    got = exported({"a": tw.ones(5), "b": [tw.ones(5)]}, scale=2.0, bias=tw.ones(1))
    assert got["y"].tolist() == [3.0] * 5
    assert got["z"].tolist() == [2.0]
    assert exported.graph_signature.user_inputs == ("x_a", "x_b_0", "bias")
    with pytest.raises(ValueError, match=r"was 2.0 when the program was exported.*got 3.0"):
        exported(inputs, 3.0, bias=tw.ones(1))
    with pytest.raises(TypeError, match="argument 'bias' is missing"):
        exported(inputs, 2.0)
    with pytest.raises(TypeError, match="nested in another way"):
        exported({"a": tw.ones(5)}, 2.0, bias=tw.ones(1))


def test_running_statistics_are_written() -> None:
    model, same = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    exported = tw.export(model, (tw.randn(4, 3),), dynamic_shapes=({0: Dim("B", min=2)},))
    assert model.num_batches_tracked == 0  # exporting left no trace
    assert set(exported.graph_signature.buffers_to_mutate) == {"running_mean", "running_var", "num_batches_tracked"}
    x = tw.randn(9, 3)
    exported(x), same(x)
    assert model.num_batches_tracked == 1
    tw.testing.assert_close(model.running_var, same.running_var)


def test_written_inputs() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        x.mul_(2)
        return x + 1

    example = tw.ones(3)
    exported = tw.export(function, (example,), dynamic_shapes=({0: B},))
    assert example.tolist() == [1.0] * 3
    x = tw.ones(5)
    assert exported(x).tolist() == [3.0] * 5
    assert x.tolist() == [2.0] * 5
    assert exported.graph_signature.user_inputs_to_mutate == ("x",)


def test_random_numbers_are_as_before() -> None:
    tw.manual_seed(7)
    expected = tw.randn(3)
    tw.manual_seed(7)
    tw.export(nn.Dropout(0.5), (tw.ones(4),), dynamic_shapes=({0: B},))
    assert bool((tw.randn(3) == expected).all())


def test_the_module_can_be_trained() -> None:
    model = nn.Linear(3, 1)
    module = tw.export(model, (tw.ones(2, 3),), dynamic_shapes=({0: B},)).module()
    assert dict(module.named_parameters()).keys() == {"weight", "bias"}
    module(tw.ones(5, 3)).sum().backward()
    assert model.weight.grad is not None
    assert model.weight.grad.tolist() == [[5.0] * 3]


def test_the_graph_as_nodes_and_code() -> None:
    exported = tw.export(lambda x: x.relu() + 1, (tw.ones(2),), dynamic_shapes=({0: B},))
    assert [node.op for node in exported.graph.nodes] == ["placeholder", "call_function", "call_function", "output"]
    assert exported.graph_module(tw.tensor([-1.0, 2.0, 3.0])).tolist() == [1.0, 3.0, 4.0]


# ---- archives -----------------------------------------------------------------------------------------------------


def test_archives_keep_all_of_it(tmp_path: Path) -> None:
    model, path = Encoder().eval(), tmp_path / "encoder.twa"
    exported = tw.export(model, (tw.randn(2, 4, 6),), dynamic_shapes={"x": {0: B, 1: Dim("T", min=1, max=64)}})
    tw.export.save(exported, path)
    loaded = tw.export.load(path)
    assert str(loaded) == str(exported)
    assert loaded.graph_signature == exported.graph_signature
    assert loaded.range_constraints == exported.range_constraints
    assert agree(loaded, model, tw.randn(3, 7, 6))
    with pytest.raises(ValueError, match="T from 1 to 64"):
        loaded(tw.randn(1, 65, 6))
    assert agree(tw.jit.load(path), model, tw.randn(1, 3, 6))


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.twa"
    tw.jit.save(tw.jit.trace(lambda x: x + 1, tw.ones(2)), path)
    with pytest.raises(ValueError, match=r"holds no exported program.*jit.load reads"):
        tw.export.load(path)


def test_the_module_is_a_function() -> None:
    assert tw.export is sys.modules["tensorwright.export"]
    assert isinstance(tw.export(lambda x: x, (tw.ones(1),)), tw.export.ExportedProgram)
