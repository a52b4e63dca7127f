"""Each pass on a program as text: what goes in and what comes out."""

# ruff: noqa: E501  a node of the graph is a line

from __future__ import annotations

import pytest
import tensorwright as tw

F = "tensor<float32, [2, 3]>"
T = "tensor<float32, [3, 2]>"
R = "tensor<float32, [2, 1]>"
# Of a softmax; what a rule leaves unused is for dce.
EXPONENTIALS = f"%0: {R} = tw::amax(%x, [-1], True)\n%1: {F} = tw::sub(%x, %0)\n%2: {F} = tw::exp(%1)\n"

# pass, the function before, and after; %x and %y are [2, 3].
CASES: dict[str, tuple[str, str, str]] = {
    "times one": (
        "canonicalise",
        f"%0: {F} = tw::mul(%x, 1)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::relu(%x) return(%0)",
    ),
    "plus zero keeps -0.0 apart": (
        "canonicalise",
        f"%0: {F} = tw::add(%x, 0.0)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::add(%x, 0.0)\n%1: {F} = tw::relu(%0) return(%1)",
    ),
    "minus zero": (
        "canonicalise",
        f"%0: {F} = tw::sub(%x, 0.0)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::relu(%x) return(%0)",
    ),
    "times one of another dtype": (
        "canonicalise",
        "%0: tensor<float64, [2, 3]> = tw::mul(%x, 1)\n%1: tensor<float64, [2, 3]> = tw::relu(%0) return(%1)",
        "%0: tensor<float64, [2, 3]> = tw::mul(%x, 1)\n%1: tensor<float64, [2, 3]> = tw::relu(%0) return(%1)",
    ),
    "what is returned stays a copy": (
        "canonicalise",
        f"%0: {F} = tw::mul(%x, 1) return(%0)",
        f"%0: {F} = tw::mul(%x, 1) return(%0)",
    ),
    "relu of relu": (
        "canonicalise",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::relu(%x) return(%1)",
    ),
    "transpose of transpose": (
        "canonicalise",
        f"%0: {T} = tw::transpose(%x, 0, 1)\n%1: {F} = tw::transpose(%0, 1, 0)\n%2: {F} = tw::relu(%1) return(%2)",
        f"%0: {T} = tw::transpose(%x, 0, 1)\n%1: {F} = tw::relu(%x) return(%1)",
    ),
    "permutations compose": (
        "canonicalise",
        f"%0: {T} = tw::permute(%x, [1, 0])\n%1: {F} = tw::permute(%0, [-1, 0])\n%2: {F} = tw::relu(%1) return(%2)",
        f"%0: {T} = tw::permute(%x, [1, 0])\n%1: {F} = tw::relu(%x) return(%1)",
    ),
    "reshape of reshape": (
        "canonicalise",
        f"%0: tensor<float32, [6]> = tw::view(%x, [6])\n%1: {T} = tw::reshape(%0, [3, 2])\n%2: {T} = tw::relu(%1) return(%2)",
        f"%0: tensor<float32, [6]> = tw::reshape(%x, [6])\n%1: {T} = tw::reshape(%x, [3, 2])\n%2: {T} = tw::relu(%1) return(%2)",
    ),
    "cast there and back": (
        "canonicalise",
        f"%0: tensor<float64, [2, 3]> = tw::to.dtype(%x, float64)\n%1: {F} = tw::to.dtype(%0, float32)\n%2: {F} = tw::relu(%1) return(%2)",
        f"%0: tensor<float64, [2, 3]> = tw::to.dtype(%x, float64)\n%1: {F} = tw::relu(%x) return(%1)",
    ),
    "a cast that loses digits": (
        "canonicalise",
        f"%0: tensor<float16, [2, 3]> = tw::to.dtype(%x, float16)\n%1: {F} = tw::to.dtype(%0, float32)\n%2: {F} = tw::relu(%1) return(%2)",
        f"%0: tensor<float16, [2, 3]> = tw::to.dtype(%x, float16)\n%1: {F} = tw::to.dtype(%0, float32)\n%2: {F} = tw::relu(%1) return(%2)",
    ),
    "cat of one": (
        "canonicalise",
        f"%0: {F} = tw::cat([%x], 1)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::relu(%x) return(%0)",
    ),
    "arguments by place": (
        "canonicalise",
        f"%0: {F} = tw::add(other=%y, self=%x, alpha=1) return(%0)",
        f"%0: {F} = tw::add(%x, %y) return(%0)",
    ),
    "equal calls": (
        "cse",
        f"%0: {F} = tw::add(%x, %y)\n%1: {F} = tw::add(%y, %x, 1)\n%2: {F} = tw::mul(%0, %1) return(%2)",
        f"%0: {F} = tw::add(%x, %y)\n%1: {F} = tw::mul(%0, %0) return(%1)",
    ),
    "random calls stay": (
        "cse",
        f"%0: {F} = tw::rand([2, 3])\n%1: {F} = tw::rand([2, 3])\n%2: {F} = tw::mul(%0, %1) return(%2)",
        f"%0: {F} = tw::rand([2, 3])\n%1: {F} = tw::rand([2, 3])\n%2: {F} = tw::mul(%0, %1) return(%2)",
    ),
    "two results stay two tensors": (
        "cse",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::relu(%x) return([%0, %1])",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::relu(%x) return([%0, %1])",
    ),
    "an outer value serves a region": (
        "cse",
        f"%0: {F} = tw::relu(%x)\n%1: tuple<{F}> = if(True) {{ %2: {F} = tw::relu(%x)\n%3: {F} = tw::neg(%2) yield(%3) }}"
        f" {{ yield(%0) }}\n%4: {F} = tuple.get(%1, 0) return(%4)",
        f"%0: {F} = tw::relu(%x)\n%1: tuple<{F}> = if(True) {{ %2: {F} = tw::neg(%0) yield(%2) }}"
        f" {{ yield(%0) }}\n%4: {F} = tuple.get(%1, 0) return(%4)",
    ),
    "what nothing uses": (
        "dce",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::rand_like(%0)\n%2: {F} = tw::neg(%x) return(%y)",
        f"%0: {F} = tw::relu(%x)\n%1: {F} = tw::rand_like(%0) return(%y)",
    ),
    "writes stay": (
        "dce",
        f"%0: {F} = tw::relu(%x, into=%x) return(%y)",
        f"%0: {F} = tw::relu(%x, into=%x) return(%y)",
    ),
    "results of an if that nothing takes": (
        "dce",
        f"%0: tuple<{F}, {F}> = if(True) {{ %a: {F} = tw::relu(%x) yield(%a, %x) }} {{ yield(%y, %y) }}\n"
        f"%1: {F} = tuple.get(%0, 1) return(%1)",
        f"%0: tuple<{F}> = if(True) {{ yield(%x) }} {{ yield(%y) }}\n%1: {F} = tuple.get(%0, 0) return(%1)",
    ),
    "a known side": (
        "constant_propagation",
        f"%0: tuple<{F}> = if(False) {{ yield(%x) }} {{ %a: {F} = tw::relu(%y) yield(%a) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
        f"%a: {F} = tw::relu(%y) return(%a)",
    ),
    "constants": (
        "constant_propagation",
        f"%0: tensor<int64, [3]> = tw::arange(3)\n%1: tensor<int64, [3]> = tw::add(%0, 1)\n%2: {F} = tw::add(%x, %1) return(%2)",
        f"%folded.1: tensor<int64, [3]> = get_attr @folded.1()\n%2: {F} = tw::add(%x, %folded.1) return(%2)",
    ),
    "what is too large is not kept": (
        "constant_propagation",
        "%0: tensor<float32, [4096, 4096]> = tw::ones([4096, 4096])\n%1: tensor<float32, [4096, 4096]> = tw::mul(%0, 2) return(%1)",
        "%0: tensor<float32, [4096, 4096]> = tw::ones([4096, 4096])\n%1: tensor<float32, [4096, 4096]> = tw::mul(%0, 2) return(%1)",
    ),
    "numbers of Python": (
        "constant_propagation",
        f"%0: int = builtin @add(2, 3)\n%1: bool = builtin @lt(%0, 4)\n%2: tuple<{F}> = if(%1) {{ yield(%x) }} {{ yield(%y) }}\n"
        f"%3: {F} = tuple.get(%2, 0)\n%4: {F} = tw::add(%3, %0) return(%4)",
        f"%0: {F} = tw::add(%y, 5) return(%0)",
    ),
    "a builtin that raises": (
        "constant_propagation",
        "%0: int = builtin @floordiv(2, 0) return(%0)",
        "%0: int = builtin @floordiv(2, 0) return(%0)",
    ),
    "an assertion that holds": ("constant_propagation", 'assert(True, "no") return(%x)', "return(%x)"),
    "invariants": (
        "loop_invariants",
        f"%0: tuple<{F}> = for(3, %x) (%i: int, %a: {F}) {{ %b: {F} = tw::exp(%y)\n%c: {F} = tw::add(%a, %b) yield(%c) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
        f"%b: {F} = tw::exp(%y)\n%0: tuple<{F}> = for(3, %x) (%i: int, %a: {F}) {{ %c: {F} = tw::add(%a, %b) yield(%c) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
    ),
    "what may be refused stays in a loop that may not run": (
        "loop_invariants",
        f"%0: tuple<{F}> = while(%x) (%a: {F}) {{ yield(False) }} (%b: {F}) {{ %c: {F} = tw::matmul(%y, %y) yield(%c) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
        f"%0: tuple<{F}> = while(%x) (%a: {F}) {{ yield(False) }} (%b: {F}) {{ %c: {F} = tw::matmul(%y, %y) yield(%c) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
    ),
    "unroll": (
        "unroll",
        f"%0: tuple<{F}> = for(2, %x) (%i: int, %a: {F}) {{ %c: {F} = tw::add(%a, %i) yield(%c) }}\n"
        f"%1: {F} = tuple.get(%0, 0) return(%1)",
        f"%c: {F} = tw::add(%x, 0)\n%c.1: {F} = tw::add(%c, 1) return(%c.1)",
    ),
    "shapes": (
        "shapes",
        "%0: tensor<?, ?> = tw::matmul(%x, %w)\n%1: object = tw::max.dim(%0, 0)\n%2: object = tuple.get(%1, 1) return(%2)",
        "%0: tensor<float32, [2, 5]> = tw::matmul(%x, %w)\n"
        "%1: tuple<tensor<float32, [5]>, tensor<int64, [5]>> = tw::max.dim(%0, 0)\n"
        "%2: tensor<int64, [5]> = tuple.get(%1, 1) return(%2)",
    ),
    "softmax": (
        "lift_softmax",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {F} = tw::div(%2, %3)\n%5: {F} = tw::relu(%4) return(%5)",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {F} = tw::softmax(%x, -1)\n%5: {F} = tw::relu(%4) return(%5)",
    ),
    "softmax of columns": (
        "lift_softmax",
        f"{EXPONENTIALS}%3: tensor<float32, [1, 3]> = tw::sum(%2, [0], True)\n%4: {F} = tw::div(%2, %3) return(%4)",
        f"{EXPONENTIALS}%3: tensor<float32, [1, 3]> = tw::sum(%2, [0], True)\n%4: {F} = tw::div(%2, %3) return(%4)",
    ),
    "softmax whose exponentials are used": (
        "lift_softmax",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {F} = tw::div(%2, %3) return([%4, %2])",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {F} = tw::div(%2, %3) return([%4, %2])",
    ),
    "logarithm of softmax": (
        "lift_softmax",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {R} = tw::log(%3)\n%5: {F} = tw::sub(%1, %4)\n%6: {F} = tw::neg(%5) return(%6)",
        f"{EXPONENTIALS}%3: {R} = tw::sum(%2, [-1], True)\n%4: {R} = tw::log(%3)\n%5: {F} = tw::log_softmax(%x, -1)\n%6: {F} = tw::neg(%5) return(%6)",
    ),
    "dropout": (
        "remove_dropout",
        f"%0: {F} = tw::dropout(%x, 0.5, False)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::relu(%x) return(%0)",
    ),
    "dropout in training": (
        "remove_dropout",
        f"%0: {F} = tw::dropout(%x, 0.5)\n%1: {F} = tw::relu(%0) return(%1)",
        f"%0: {F} = tw::dropout(%x, 0.5)\n%1: {F} = tw::relu(%0) return(%1)",
    ),
    "transposes meet": (
        "sink_transposes",
        f"%0: {T} = tw::t(%x)\n%1: {T} = tw::exp(%0)\n%2: {T} = tw::mul(%1, 2)\n%3: {F} = tw::permute(%2, [1, 0])\n%4: {F} = tw::relu(%3) return(%4)",
        f"%1: {F} = tw::exp(%x)\n%2: {F} = tw::mul(%1, 2)\n%4: {F} = tw::relu(%2) return(%4)",
    ),
    "linear": (
        "lift",
        "%t: tensor<float32, [3, 5]> = tw::t(%v)\n%0: tensor<float32, [2, 5]> = tw::matmul(%x, %t)\n"
        "%1: tensor<float32, [2, 5]> = tw::add(%0, %bias) return(%1)",
        "%t: tensor<float32, [3, 5]> = tw::t(%v)\n%0: tensor<float32, [2, 5]> = tw::matmul(%x, %t)\n"
        "%1: tensor<float32, [2, 5]> = tw::linear(%x, %v, %bias) return(%1)",
    ),
    "silu": (
        "lift",
        f"%0: {F} = tw::sigmoid(%x)\n%1: {F} = tw::mul(%0, %x) return(%1)",
        f"%0: {F} = tw::sigmoid(%x)\n%1: {F} = tw::silu(%x) return(%1)",
    ),
    "what is written over others": (
        "decompose",
        f"%0: {F} = tw::gelu(%x)\n%1: tensor<float32, [2, 1]> = tw::mean(%0, [-1], True)\n%2: {F} = tw::pow(%x, 2) return([%1, %2])",
        f"%0: {F} = tw::gelu_erf(%x)\n%1: tensor<float32, [2, 1]> = tw::sum(%0, [-1], True, float32)\n"
        f"%2: tensor<float32, [2, 1]> = tw::div(%1, 3)\n%3: {F} = tw::square(%x) return([%2, %3])",
    ),
    "a transposed argument is copied": (
        "decompose",
        f"%0: {T} = tw::t(%x)\n%1: tensor<float32, [6]> = tw::reshape(%0, [6])\n%2: tensor<float32, [6]> = tw::reshape(%x, [6]) return([%1, %2])",
        f'%0: {T} = tw::t(%x)\n%1: {T} = tw::clone(%0, "contiguous_format")\n%2: tensor<float32, [6]> = tw::view(%1, [6])\n'
        f"%3: tensor<float32, [6]> = tw::view(%x, [6]) return([%2, %3])",
    ),
    "what makes a tensor stays": (
        "decompose",
        f"%0: {F} = tw::zeros([2, 3]) return(%0)",
        f"%0: {F} = tw::zeros([2, 3]) return(%0)",
    ),
    "a group": (
        "fusion",
        f"%0: {F} = tw::exp(%x)\n%1: tensor<float32, [2, 1]> = tw::sum(%0, [-1], True)\n%2: {F} = tw::div(%0, %1)\n"
        f"%3: {F} = tw::matmul(%2, %y) return(%3)",
        f"%0: tuple<{F}> = fusion(%x) (%in0: {F}) {{ %1: {F} = tw::exp(%in0)\n"
        f"%2: tensor<float32, [2, 1]> = tw::sum(%1, [-1], True)\n%3: {F} = tw::div(%1, %2) yield(%3) }}\n"
        f"%4: {F} = tuple.get(%0, 0)\n%5: {F} = tw::matmul(%4, %y) return(%5)",
    ),
    "no group around what lies between": (
        "fusion",
        f"%0: {F} = tw::exp(%x)\n%1: {F} = tw::matmul(%0, %y)\n%2: {F} = tw::add(%0, %1) return(%2)",
        f"%0: {F} = tw::exp(%x)\n%1: {F} = tw::matmul(%0, %y)\n%2: {F} = tw::add(%0, %1) return(%2)",
    ),
}

HEAD = f"func @f(%x: {F}, %y: {F}, %w: tensor<float32, [3, 5]>, %v: tensor<float32, [5, 3]>, %bias: tensor<float32, [5]>) {{\n"


def written(body: str) -> tw.jit.Program:
    return tw.jit.parse(HEAD + body + "\n}")


@pytest.mark.parametrize("name", CASES)
def test_before_and_after(name: str) -> None:
    which, before, after = CASES[name]
    program = written(before)
    tw.jit.run_passes(program, [which], verify=which not in ("shapes", "dce"))
    assert program.text() == written(after).text()


def test_calls_are_inlined() -> None:
    program = tw.jit.parse("""
    func @f(%x: tensor<float32, [2]>) {
      %p: tuple<tensor<float32, [2]>, int> = call @pair(%x)
      %0: tensor<float32, [2]> = tuple.get(%p, 0)
      %1: int = tuple.get(%p, 1)
      %2: tensor<float32, [2]> = tw::add(%0, %1)
      return(%2)
    }
    func @pair(%a: tensor<float32, [2]>) {
      %by: int = placeholder @by(3)
      %0: tensor<float32, [2]> = tw::mul(%a, %by)
      return((%0, %by))
    }
    func @endless(%a: int) {
      %0: int = call @endless(%a)
      return(%0)
    }""")
    assert tw.jit.run_passes(program, ["inline"], verify=True) == 1
    expected = tw.jit.parse("""
    func @f(%x: tensor<float32, [2]>) {
      %0: tensor<float32, [2]> = tw::mul(%x, 3)
      %1: tensor<float32, [2]> = tw::add(%0, 3)
      return(%1)
    }""")
    assert program.text("f") == expected.text("f")
    assert "call @endless" in program.text("endless")


SIZES = {
    "tw::mul(%x, 2)": "[s0, 3]",
    "tw::reshape(%x, [-1])": "[3*s0]",
    "tw::cat([%x, %x], 0)": "[2*s0, 3]",
    "tw::cat([%x, %z], 0)": "[s0 + s1, 3]",
    "tw::slice(%x, 0, 1)": "[s0 - 1, 3]",
    "tw::slice(%x, 0, 0, None, 2)": "[((s0 + 1) // 2), 3]",
    "tw::matmul(%z, tw::t(%x))": "[s1, s0]",
    "tw::sum(%x, [0])": "[3]",
    "tw::add(%x, %z)": "?",
}


@pytest.mark.parametrize("call", SIZES)
def test_sizes_as_expressions(call: str) -> None:
    lines = f"%r: tensor<float32, ?> = {call}"
    if "tw::t(" in call:
        lines = "%t: tensor<float32, ?> = tw::t(%x)\n%r: tensor<float32, ?> = tw::matmul(%z, %t)"
    head = "func @f(%x: tensor<float32, [s0, 3]>, %z: tensor<float32, [s1, 3]>) {\n"
    program = tw.jit.parse(f"{head}{lines}\nreturn(%r)\n}}")
    tw.jit.run_passes(program, ["shapes"])
    assert f"%r: tensor<float32, {SIZES[call]}> =" in program.text()


def test_a_pass_says_what_it_needs() -> None:
    program = written(f"%0: {F} = tw::relu(%x, into=%x) return(%0)")
    with pytest.raises(ValueError, match="pass 'cse' cannot start: graph @f: a write into a tensor is left"):
        tw.jit.run_passes(program, ["cse"], verify=True)
    with pytest.raises(ValueError, match="there is no pass 'magic'; there are functionalise, inline"):
        tw.jit.run_passes(program, ["magic"])


FUSIONS = {
    "%r: object = fusion(%x) { yield() }": "one parameter for each argument",
    f"%r: object = fusion(%x) (%a: {F}) {{ %b: {F} = tw::matmul(%a, %a) yield(%b) }}": "pointwise ops and reductions only",
    f"%r: object = fusion(%x) (%a: {F}) {{ %b: {F} = tw::add(%a, %y) yield(%b) }}": "no argument of it",
}


@pytest.mark.parametrize(("line", "sentence"), FUSIONS.items())
def test_rules_of_fusions(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        written(line + "\nreturn(%x)").verify()


def test_rules_of_updates() -> None:
    with pytest.raises(ValueError, match="no input 'q'"):
        written('return(%x, inputs={"q": %x})').verify()
    with pytest.raises(ValueError, match="inputs= and attributes="):
        written("return(%x, outputs={})").verify()
