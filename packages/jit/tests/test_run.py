"""The interpreter: control flow, calls, and what it refuses."""

from __future__ import annotations

import gc

import pytest
import tensorwright as tw


def run(body: str, *args: object, head: str = "") -> object:
    program = tw.jit.parse(f"func @f({head}) {{\n{body}\n}}")
    program.verify()
    return program.run("f", *args)


def test_if_takes_one_side() -> None:
    body = "%r: tuple<int> = if(%c) { yield(1) } { yield(2) }\n%x: int = tuple.get(%r, 0)\nreturn(%x)"
    assert run(body, True, head="%c: bool") == 1
    assert run(body, tw.tensor(False), head="%c: tensor<bool, []>") == 2
    with pytest.raises(ValueError, match="more than one element"):
        run(body, tw.ones(2), head="%c: tensor<bool, []>")


def test_while_carries_values() -> None:
    body = """
    %r: tuple<tensor<float32, ?>> = while(%x) (%a: tensor<float32, ?>) {
      %goes: tensor<bool, []> = tw::lt(%a, 100.0)
      yield(%goes)
    } (%b: tensor<float32, ?>) {
      %next: tensor<float32, ?> = tw::mul(%b, %by)
      yield(%next)
    }
    %y: tensor<float32, ?> = tuple.get(%r, 0)
    return(%y)"""
    assert run(body, tw.tensor(3.0), 2.0, head="%x: tensor<float32, []>, %by: float").item() == 192.0  # type: ignore[attr-defined]


def test_for_counts() -> None:
    body = """
    %r: tuple<tensor<int64, []>> = for(%n, %x) (%i: int, %sum: tensor<int64, []>) {
      %next: tensor<int64, []> = tw::add(%sum, %i)
      yield(%next)
    }
    %y: tensor<int64, []> = tuple.get(%r, 0)
    return(%y)"""
    assert run(body, 5, tw.tensor(0), head="%n: int, %x: tensor<int64, []>").item() == 10  # type: ignore[attr-defined]
    assert run(body, 0, tw.tensor(7), head="%n: int, %x: tensor<int64, []>").item() == 7  # type: ignore[attr-defined]


def test_functions_call_each_other() -> None:
    program = tw.jit.parse("""
    func @f(%x: tensor<float32, ?>) {
      %y: tensor<float32, ?> = call @g(%x, 2.0)
      return(%y)
    }
    func @g(%x: tensor<float32, ?>, %by: float) {
      %y: tensor<float32, ?> = tw::mul(%x, %by)
      return(%y)
    }""")
    assert program.run("f", tw.ones(2)).tolist() == [2.0, 2.0]


def test_endless_recursion_is_refused() -> None:
    program = tw.jit.parse("func @f() { %x: int = call @f() return(%x) }")
    with pytest.raises(RuntimeError, match="200 deep"):
        program.run("f")


def test_defaults_and_missing_arguments() -> None:
    body = "%x: int = placeholder @x(7)\nreturn(%x)"
    assert run(body) == 7
    assert run(body, 3) == 3
    with pytest.raises(TypeError, match="missing argument 'x'"):
        run("return(%x)", head="%x: int")
    with pytest.raises(TypeError, match="takes 1 arguments, got 2"):
        run("return(%x)", 1, 2, head="%x: int")


def test_assert_stops_with_its_message() -> None:
    with pytest.raises(RuntimeError, match="sizes differ"):
        run('assert(False, "sizes differ")\nreturn(1)')


def test_op_errors_pass_through() -> None:
    with pytest.raises(tw.ShapeError, match="matmul"):
        run("%y: object = tw::matmul(%x, %x)\nreturn(%y)", tw.ones(2, 3), head="%x: tensor<float32, ?>")


def test_writes_happen_in_place() -> None:
    x = tw.ones(2)
    run("%y: object = tw::add(%x, 1, into=%x)\nreturn(%y)", x, head="%x: tensor<float32, ?>")
    assert x.tolist() == [2.0, 2.0]


def test_attributes() -> None:
    program = tw.jit.parse("func @f() { %w: object = get_attr @layer.weight() return(%w) }")
    with pytest.raises(ValueError, match=r"no attribute 'layer\.weight'"):
        program.run("f")
    program.set_attribute("layer.weight", tw.ones(3))
    assert program.run("f").tolist() == [1.0, 1.0, 1.0]
    assert list(program.attributes) == ["layer.weight"]


def test_values_die_after_their_last_use() -> None:
    """A chain of a hundred results of 1 MB holds a few at a time."""
    lines = [f"%v{i + 1}: object = tw::add(%v{i}, 1)" for i in range(100)]
    program = tw.jit.parse("func @f(%v0: object) {\n" + "\n".join(lines) + "\nreturn(%v100)\n}")
    x = tw.zeros(256, 1024)
    gc.collect()
    before = resident_bytes()
    assert program.run("f", x)[0, 0].item() == 100.0
    assert resident_bytes() - before < 30_000_000


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_plan_and_interpreter_agree() -> None:
    """An assertion keeps a function from having a plan: then the interpreter runs it."""

    def function(x: tw.Tensor, y: tw.Tensor) -> object:
        parts = x.split(2, 1)
        values, places = (parts[0] @ y).max(0)
        z = tw.cat([values, parts[1].sum(0), x.new_zeros(1)])
        z[0] = 7
        return [z, (places, z.sin().add_(1)), tw.stack([z, z]).mean()]

    captured = tw.jit.trace(function, (tw.randn(3, 4), tw.randn(2, 2)))
    by_plan, text = captured.program, captured.program.text()
    by_node = tw.jit.parse(text.replace(" {\n", ' {\n  assert(True, "")\n', 1))
    for path, tensor in by_plan.attributes.items():
        by_node.set_attribute(path, tensor)
    for _ in range(3):
        x, y = tw.randn(3, 4), tw.randn(2, 2)
        first, second = by_plan.run("forward", x, y), by_node.run("forward", x, y)
        for got, wanted in zip(flat(first), flat(second), strict=True):
            assert bool((got == wanted).all())


def flat(value: object) -> list[tw.Tensor]:
    return [value] if isinstance(value, tw.Tensor) else [leaf for item in value for leaf in flat(item)]  # type: ignore[attr-defined]


def test_a_changed_program_is_planned_again() -> None:
    program = tw.jit.parse("func @f(%x: object) { %w: object = get_attr @w() %y: object = tw::add(%x, %w) return(%y) }")
    program.set_attribute("w", tw.ones(1))
    assert program.run("f", tw.ones(1)).item() == 2.0
    program.set_attribute("w", tw.full((1,), 5.0))
    assert program.run("f", tw.ones(1)).item() == 6.0
    native = program.native
    (add,) = [k for k in range(4) if native("op", k) == "tw::add"]
    native("set_op", add, "tw::mul")
    assert program.run("f", tw.full((1,), 3.0)).item() == 15.0


def test_errors_in_the_middle_lose_nothing() -> None:
    program = tw.jit.parse("""
    func @f(%x: object) {
      %y: object = tw::add(%x, 1)
      %z: object = tw::matmul(%y, %y)
      return(%z)
    }""")
    for _ in range(100):
        with pytest.raises(tw.ShapeError, match="matmul"):
            program.run("f", tw.ones(2, 3))
    assert program.run("f", tw.ones(2, 2)).tolist() == [[8.0, 8.0], [8.0, 8.0]]
