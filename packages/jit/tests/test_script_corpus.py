"""What scripts give is what Python gives, over functions of all kinds and random inputs."""

from __future__ import annotations

import random
from typing import Any

import pytest
import tensorwright as tw
from script_corpus import CASES
from script_corpus.corpus import Case, Draw

SEEDS = range(10)


def outcome(function: Any, args: tuple[Any, ...]) -> Any:
    """What it gives, or the class and the message of what it raises; ops word their own."""
    try:
        return function(*args)
    except (IndexError, tw.ShapeError) as error:
        return type(error)
    except Exception as error:
        return type(error), str(error)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tw.Tensor) and isinstance(b, tw.Tensor):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return bool(((a == b) | (a.isnan() & b.isnan())).all())
    if isinstance(a, (list, tuple)):
        alike = isinstance(b, (list, tuple)) and isinstance(a, list) == isinstance(b, list) and len(a) == len(b)
        return alike and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_scripts_agree_with_python(name: str, case: Case) -> None:
    script = tw.jit.script(case.function)
    script.program.verify()
    for seed in SEEDS:
        expected = outcome(case.function, case.inputs(Draw(random.Random(seed))))
        got = outcome(script, case.inputs(Draw(random.Random(seed))))
        assert same(got, expected), f"seed {seed}: {got} instead of {expected}"


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_graphs_print_and_read_back(name: str, case: Case) -> None:
    script = tw.jit.script(case.function)
    text = script.program.text()
    if "object(" not in text:  # Python's objects have no text
        assert tw.jit.parse(text).text() == text
    compile(script.code, name, "exec")


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 150


def functional(program: tw.jit.Program) -> bool:
    try:
        program.verify("functional")
    except ValueError:
        return False
    return True


def run_of(program: tw.jit.Program) -> Any:
    return lambda *args: program.run("forward", *args)


FUNCTIONAL = [row for row in CASES if functional(tw.jit.script(row[1].function).program)]


@pytest.mark.parametrize(("name", "case"), FUNCTIONAL, ids=[name for name, _ in FUNCTIONAL])
def test_passes_keep_what_scripts_give(name: str, case: Case) -> None:
    script = tw.jit.script(case.function)
    program = tw.jit.parse(script.program.text())
    for path, tensor in script.program.attributes.items():
        program.set_attribute(path, tensor)
    tw.jit.run_passes(program, ["inline", "canonicalise", "cse", "loop_invariants", "dce"])
    program.verify("functional")
    before, after = (run_of(p) for p in (script.program, program))
    arguments = list(script._compiled.parameters)
    for seed in range(3):
        args = case.inputs(Draw(random.Random(seed)))
        if len(args) == len(arguments) and not any(isinstance(arg, dict) for arg in args):
            assert same(outcome(after, args), outcome(before, args))
