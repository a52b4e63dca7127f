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
