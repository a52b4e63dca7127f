"""The verifier: each rule is broken once, and the sentence says where."""

from __future__ import annotations

import pytest
import tensorwright as tw

BROKEN = {
    "tw::nothing(1)": "there is no op 'tw::nothing'",
    "tw::relu(1, 2)": "takes 1 arguments, got 2",
    "tw::add(1, 2, beta=1)": "no argument 'beta'",
    "tw::add(1, 2, self=1)": "got argument 'self' twice",
    "placeholder()": "placeholder needs a @target",
    "tw::relu @x(1)": "takes neither @target nor regions",
    "if(True) { yield(1) }": "if has 2 regions, got 1",
    "if(True) { yield(1) } { yield(1, 2) }": "yield equally many",
    "if(True) { yield(1) } { }": "a region is empty",
    "if(True) { yield(1) } { return(1) }": "a nested region ends with yield",
    "while(1) (%i: int) { yield(True) } (%j: int) { yield(1, 2) }": "yields 1 values, got 2",
    "for(3, 1) (%i: int) { yield(1) }": "after the count",
    "call @g()": "no function @g",
    "tuple.get((1, 2), 0)": "takes a value",
    "assert(True)": "takes 2 to 3 arguments, got 1",
    "builtin @nothing(1)": "there is no builtin @nothing",
    "builtin @append([], 1)": "there is no builtin @append",
    "effect @append([])": "@append takes 2 arguments, got 1",
    "yield(1)": "nothing may follow this",
}


@pytest.mark.parametrize(("line", "sentence"), BROKEN.items())
def test_each_rule(line: str, sentence: str) -> None:
    program = tw.jit.parse(f"func @f() {{\n%value: object = {line}\nreturn(1)\n}}")
    with pytest.raises(ValueError, match=r"graph @f") as caught:
        program.verify()
    assert sentence in str(caught.value)


def test_a_function_ends_with_return() -> None:
    with pytest.raises(ValueError, match="must end with yield or return"):
        tw.jit.parse("func @f() { %x: object = tw::relu(1) }").verify()


def test_values_are_not_used_outside_of_their_region() -> None:
    text = "func @f() { if(True) { %x: int = tw::relu(1) yield(1) } { yield(2) } return(1) }"
    program = tw.jit.parse(text)
    program.verify()
    with pytest.raises(ValueError, match="not defined here"):
        tw.jit.parse(text.replace("return(1)", "return(%x)"))


LEVELS = {
    "tw::add(%x, 1, into=%x)": ("functional", "a write into a tensor"),
    "tw::batch_norm(%x, None, None, %x, %x, True)": ("functional", "a write into an argument"),
    "py.call @f(%x)": ("functional", "a call of Python"),
    "effect @append([], %x)": ("functional", "a change of a list or dict, a print, or a switch"),
    "tw::cross_entropy(%x, %x)": ("core", "written over smaller ops"),
}


@pytest.mark.parametrize(("line", "refusal"), LEVELS.items())
def test_levels(line: str, refusal: tuple[str, str]) -> None:
    program = tw.jit.parse(f"func @f(%x: tensor<float32, ?>) {{\n%y: object = {line}\nreturn(%y)\n}}")
    level, sentence = refusal
    program.verify("capture")
    with pytest.raises(ValueError, match=sentence):
        program.verify(level)


def test_unknown_level() -> None:
    with pytest.raises(ValueError, match="level must be one of capture, functional, core, grouped, planned, got 'l9'"):
        tw.jit.parse("func @f() { return(1) }").verify("l9")
