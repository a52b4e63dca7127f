"""The levels grouped and planned: what makes a program so, and each way in which it can fail to be."""

from __future__ import annotations

import pytest
import tensorwright as tw
from tensorwright import nn

F = "tensor<float32, [4, 8]>"
ROWS = "tensor<float32, [4, 1]>"


def fused(
    inner: str,
    *,
    parameters: str = f"%a: {F}",
    arguments: str = "%x",
    gives: str = "%h",
    kind: str = f"tuple<{F}>",
) -> str:
    """A function with one fusion in it."""
    return (
        f"func @f(%x: {F}, %y: tensor<float32, ?>) {{\n%g: {kind} = fusion({arguments}) ({parameters}) {{\n"
        f'{inner}\nyield({gives})\n}} loc("model.py":7:0)\nreturn(%g)\n}}'
    )


SOFTMAX = f"%e: {F} = tw::exp(%a)\n%s: {ROWS} = tw::sum(%e, [-1], True)\n%h: {F} = tw::div(%e, %s)"
GROUPED = {
    "pointwise": fused(f"%h: {F} = tw::exp(%a)"),
    "over rows": fused(SOFTMAX),
    "rows without their dimension": fused(
        "%s: tensor<float32, [4]> = tw::sum(%a, 1)\n%h: tensor<float32, [4]> = tw::exp(%s)",
        kind="tuple<tensor<float32, [4]>>",
    ),
    "all dimensions": fused(
        "%h: tensor<float32, []> = tw::sum(%a)",
        kind="tuple<tensor<float32, []>>",
    ),
    "two reductions over the same": fused(
        f"%m: {ROWS} = tw::amax(%a, [1], True)\n%d: {F} = tw::sub(%a, %m)\n%h: {ROWS} = tw::sum(%d, [-1], True)",
        kind=f"tuple<{ROWS}>",
    ),
    "sizes with names": fused(f"%h: {F} = tw::exp(%a)").replace("[4, 8]", "[s0, 2*s0]"),
}


@pytest.mark.parametrize("text", GROUPED.values(), ids=GROUPED)
def test_one_sweep_is_grouped(text: str) -> None:
    tw.jit.parse(text).verify("grouped")


NOT_GROUPED = {
    "a parameter of unknown sizes": (
        fused(f"%h: {F} = tw::exp(%a)", parameters="%a: tensor<float32, ?>", arguments="%y"),
        "tensors of known dtype and sizes",
        "%a",
    ),
    "another type than the argument's": (
        fused(f"%h: {F} = tw::exp(%a)", parameters="%a: tensor<float32, [8, 4]>"),
        "has the type of its argument",
        "%a",
    ),
    "a constant for an argument": (
        fused(f"%h: {F} = tw::exp(%a)", arguments="1"),
        "has the type of its argument",
        "%a",
    ),
    "a value of unknown sizes": (
        fused("%h: tensor<float32, ?> = tw::exp(%a)", kind="tuple<tensor<float32, ?>>"),
        "tensors of known dtype and sizes",
        "%h",
    ),
    "two spaces": (
        fused(f"%e: {F} = tw::exp(%a)\n%h: tensor<float32, [2, 4, 8]> = tw::exp(%a)"),
        "other sizes than what the fusion sweeps",
        "%h",
    ),
    "rows of no reduction": (
        fused(f"%e: {F} = tw::exp(%a)\n%h: {ROWS} = tw::exp(%a)"),
        "other sizes than what the fusion sweeps",
        "%h",
    ),
    "reductions over different dimensions": (
        fused(f"%s: {ROWS} = tw::sum(%a, [1], True)\n%h: tensor<float32, [1, 8]> = tw::sum(%a, [0], True)"),
        "over the same dimensions",
        "%h",
    ),
    "a reduction of what is reduced": (
        fused(f"%s: {ROWS} = tw::sum(%a, [1], True)\n%h: {ROWS} = tw::sum(%s, [1], True)"),
        "over the same dimensions",
        "%h",
    ),
    "a dimension that is not there": (
        fused(f"%h: {ROWS} = tw::sum(%a, [2], True)"),
        "there is no dimension 2 of 2",
        "%h",
    ),
    "a parameter given back": (
        fused(f"%h: {F} = tw::exp(%a)", gives="%a"),
        "a fusion gives values that it computes",
        "yield",
    ),
    "a type that is not what it yields": (
        fused(f"%h: {F} = tw::exp(%a)", kind=f"tuple<{ROWS}>"),
        "the tuple of the types that it yields",
        "%g",
    ),
    "a call of Python beside it": (
        fused(f"%h: {F} = tw::exp(%a)").replace("return", "py.call @f(%x)\nreturn"),
        "a call of Python is left",
        "py.call",
    ),
}


@pytest.mark.parametrize("broken", NOT_GROUPED.values(), ids=NOT_GROUPED)
def test_what_is_no_sweep_is_refused_with_its_node(broken: tuple[str, str, str]) -> None:
    text, rule, node = broken
    program = tw.jit.parse(text)
    program.verify()
    with pytest.raises(ValueError, match="graph @f: ") as caught:
        program.verify("grouped")
    message = str(caught.value)
    assert rule in message
    assert node in message.rpartition("in\n")[2]


def chain() -> tw.jit.Program:
    return tw.jit.parse(f"""
func @f(%x: {F}) memory(256) {{
  %a: {F} = tw::exp(%x) at(0)
  %b: {F} = tw::flip(%a, [0]) at(128)
  %c: {F} = tw::relu(%b) at(128)
  %v: tensor<float32, [8, 4]> = tw::transpose(%a, 0, 1)
  %d: {F} = tw::softmax(%c, 1, None)
  %r: tensor<float32, [4, 4]> = tw::matmul(%d, %v)
  return(%r)
}}""")


def test_a_plan_reads_back_and_is_forgotten_with_a_change() -> None:
    program = chain()
    text = program.text()
    assert "func @f(%x: tensor<float32, [4, 8]>) memory(256) {" in text
    assert "tw::relu(%b) at(128)" in text
    assert tw.jit.parse(text).text() == text
    program.verify("planned")
    tw.jit.run_passes(program, ["dce"])  # which finds nothing to do
    program.verify("planned")
    program.native("set_label", program.native("first", "f"), "z")
    assert " at(" not in program.text()
    with pytest.raises(ValueError, match="graph @f: it does not say in what memory its values lie"):
        program.verify("planned")


# The text above with one change, what is said of it, and of which node.
MISPLACED = {
    "over what is still needed": (("%c: " + F, "at(128)", "at(0)"), "lies where one lies that is still needed", "%c"),
    "half over it": (("%b: " + F, "at(128)", "at(64)"), "lies where one lies that is still needed", "%b"),
    "between two lines": (("%a: " + F, "at(0)", "at(4)"), "a multiple of 64", "%a"),
    "beyond the end": (("%b: " + F, "at(128)", "at(192)"), "ends at byte 192 + 128 of a memory of 256", "%b"),
    "far beyond the end": (("%a: " + F, "at(0)", "at(9223372036854775744)"), "of a memory of 256", "%a"),
    "in too small a memory": (("func", "memory(256)", "memory(64)"), "of a memory of 64", "%a"),
    "a view": (("%v", "0, 1)", "0, 1) at(0)"), "makes no value of its own", "%v"),
    "what the caller gets": (("%r", "%v)", "%v) at(0)"), "the caller gets has no place", "%r"),
    "a size that is not known": (("%d", "None)", "None) at(0)"), "of unknown size", "%d"),
    "an op that is not element by element": (("%c", "tw::relu(%b)", "tw::softmax(%b, 1)"), "still needed", "%c"),
    "an op that reads a view beside": (
        ("%c", "tw::relu(%b)", "tw::mul(%b, %w)"),
        "lies where one lies that is still needed",
        "%c",
    ),
}


@pytest.mark.parametrize("broken", MISPLACED.values(), ids=MISPLACED)
def test_a_plan_that_loses_values_is_refused_with_its_node(broken: tuple[tuple[str, str, str], str, str]) -> None:
    (line, before, after), rule, node = broken
    lines = chain().text().splitlines()
    place = next(k for k, each in enumerate(lines) if each.strip().startswith(line))
    assert before in lines[place]
    lines[place] = lines[place].replace(before, after)
    if "unknown" in rule:
        lines[place] = lines[place].replace("[4, 8]", "?")
    if "%w" in after:
        lines.insert(place, f"  %w: {F} = tw::view(%b, [4, 8])")
    program = tw.jit.parse("\n".join(lines))
    program.verify("grouped")
    with pytest.raises(ValueError, match="graph @f: ") as caught:
        program.verify("planned")
    message = str(caught.value)
    assert rule in message
    assert message.partition("in\n")[2].lstrip().startswith(node)


def test_a_place_inside_of_a_region_is_refused() -> None:
    text = f"""
func @f(%x: {F}) memory(128) {{
  %g: tuple<{F}> = fusion(%x) (%a: {F}) {{
    %h: {F} = tw::exp(%a) at(0)
    yield(%h)
  }}
  return(%g)
}}"""
    with pytest.raises(ValueError, match="inside of a region has no place"):
        tw.jit.parse(text).verify("planned")
    with pytest.raises(ValueError, match="says of what memory"):
        tw.jit.parse(text.replace(" memory(128)", ""))


def test_an_op_does_not_write_over_an_argument_that_it_broadcasts() -> None:
    """[1, 16] floats and [4, 16] bools take as many bytes; the first row of results lies over later arguments."""
    text = """
func @f(%x: tensor<float32, [1, 16]>, %y: tensor<float32, [4, 16]>) {
  %a: tensor<float32, [1, 16]> = tw::exp(%x)
  %b: tensor<bool, [4, 16]> = tw::lt(%a, %y)
  %c: tensor<int64, [4]> = tw::sum(%b, [1])
  return(%c)
}"""
    program = tw.jit.parse(text)
    tw.jit.run_passes(program, ["memory"], verify=True)
    assert "memory(128)" in program.text()
    misplaced = text.replace(") {", ") memory(64) {").replace("(%x)", "(%x) at(0)").replace("%y)\n", "%y) at(0)\n")
    with pytest.raises(ValueError, match="still needed"):
        tw.jit.parse(misplaced).verify("planned")


def network() -> nn.Module:
    tw.manual_seed(0)
    layers = [nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 8), nn.Softmax(-1)]
    return nn.Sequential(*layers).eval()


def test_the_passes_claim_the_levels_and_keep_them() -> None:
    claims = {entry.name: (entry.needs, entry.keeps, entry.gives) for entry in tw.jit.passes()}
    assert claims["fusion"] == ("functional", "core", "grouped")
    assert claims["memory"] == ("grouped", "grouped", "planned")
    model, x = network(), tw.randn(4, 16)
    captured = tw.jit.optimize_for_inference(model, x, verify=True)
    captured.program.verify("grouped")
    with pytest.raises(ValueError, match="in what memory"):
        captured.program.verify("planned")
    tw.jit.run_passes(captured.program, ["memory"], verify=True)
    captured.program.verify("planned")
    assert " at(" in captured.graph
    before = tw.jit.planned_runs()
    with tw.no_grad():
        assert bool(tw.allclose(captured(x), model(x), atol=1e-6))
    assert tw.jit.planned_runs().runs == before.runs + 1


def test_a_pass_refuses_to_start_below_its_level() -> None:
    program = tw.jit.parse(NOT_GROUPED["two spaces"][0])
    with pytest.raises(ValueError, match="pass 'memory' cannot start: graph @f: this has other sizes"):
        tw.jit.run_passes(program, ["memory"], verify=True)


def test_a_run_uses_the_stated_plan_and_refuses_a_wrong_one() -> None:
    text = """
func @f(%x: tensor<float32, [64]>) memory(1024) {
  %a: tensor<float32, [64]> = tw::exp(%x) at(0)
  %b: tensor<float32, [64]> = tw::flip(%a, [0]) at(512)
  %c: tensor<float32, [64]> = tw::add(%a, %b)
  return(%c)
}"""
    x = tw.randn(64)
    with tw.no_grad():
        expected = x.exp() + x.exp().flip(0)
        before = tw.jit.planned_runs().runs
        assert tw.jit.parse(text).run("f", x).tolist() == expected.tolist()
        assert tw.jit.planned_runs().runs == before + 1
        with pytest.raises(ValueError, match="still needed"):
            tw.jit.parse(text.replace("at(512)", "at(0)")).run("f", x)


def test_archives_keep_the_plan(tmp_path) -> None:  # type: ignore[no-untyped-def]
    captured = tw.jit.optimize_for_inference(network(), tw.randn(4, 16))
    tw.jit.run_passes(captured.program, ["memory"])
    tw.jit.save(captured, tmp_path / "planned.twa")
    loaded = tw.jit.load(tmp_path / "planned.twa")
    assert loaded.graph == captured.graph
    loaded.program.verify("planned")
