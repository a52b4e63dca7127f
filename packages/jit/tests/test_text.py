"""The text form: what is printed reads back to the same; what is wrong is refused with its place."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,6}", fullmatch=True)
DTYPES = st.sampled_from(["bool", "uint8", "int64", "float16", "float32", "complex128", "float8_e5m2"])
CONSTANTS = st.one_of(
    st.integers(-(2**63), 2**64 - 1).map(str),
    st.booleans().map(str),
    st.just("None"),
    st.just("..."),
    st.sampled_from(["inf", "-inf", "nan", "nan(0x7ff8000000000001)", "-0.0", "5e-324", "1.7976931348623157e+308"]),
    DTYPES,
    st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\x7f', exclude_categories=["Cc", "Cs"])).map(
        lambda text: f'"{text}"'
    ),
)
DIMS = st.sampled_from(
    ["0", "1", "7", "s0", "s0 + 1", "2*s0*s1 - 3", "s0**2", "(s0 // 2)", "max(s0, 4)", "(s1 % 8) + 1"]
)


def arguments(values: list[str]) -> st.SearchStrategy[str]:
    leaves = CONSTANTS | st.sampled_from(values) if values else CONSTANTS
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
            st.lists(inner, min_size=2, max_size=3).map(lambda items: f"({', '.join(items)})"),
            inner.map(lambda item: f"({item},)"),
            st.tuples(inner, inner, inner).map(lambda items: f"slice({', '.join(items)})"),
            st.lists(st.tuples(CONSTANTS, inner), max_size=2).map(
                lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
            ),
        ),
        max_leaves=5,
    )


def tensor_types() -> st.SearchStrategy[str]:
    shapes = st.just("?") | st.lists(DIMS, max_size=3).map(lambda sizes: f"[{', '.join(sizes)}]")
    devices = st.sampled_from(["", ", meta", ", ?", ", device(2, 1)"])
    return st.builds(lambda d, s, where: f"tensor<{d}, {s}{where}>", DTYPES | st.just("?"), shapes, devices)


TYPES = st.recursive(
    tensor_types() | st.sampled_from(["int", "float", "str", "none", "object", "token", "tuple<>"]),
    lambda inner: st.one_of(
        inner.map(lambda t: f"list<{t}>"),
        inner.map(lambda t: f"optional<{t}>"),
        st.tuples(inner, inner).map(lambda pair: f"dict<{pair[0]}, {pair[1]}>"),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"tuple<{', '.join(items)}>"),
    ),
    max_leaves=3,
)


@st.composite
def bodies(draw: Any, values: list[str], depth: int, taken: set[str]) -> list[str]:
    lines = []
    values = list(values)
    for _ in range(draw(st.integers(0, 5))):
        args = draw(st.lists(arguments(values), max_size=3))
        keywords = draw(st.dictionaries(WORDS.filter(lambda w: "." not in w), arguments(values), max_size=2))
        inside = ", ".join([*args, *(f"{name}={value}" for name, value in keywords.items())])
        name = draw(WORDS.filter(lambda w: w not in taken))
        taken.add(name)
        op = draw(st.sampled_from(["tw::add", "tw::max.dim", "py.call @f", 'call @"odd name"', "if"]))
        place = draw(st.sampled_from(["", ' loc("model.py":12:4)', ' loc("a b.py":1:2-3:4)']))
        text = f"%{name}: {draw(TYPES)} = {op}({inside})"
        if op == "if" and depth < 2:
            for _ in range(2):
                inner = draw(bodies(values, depth + 1, taken))
                text += " {\n" + "\n".join([*inner, f"yield({draw(arguments(values))})"]) + "\n}"
        lines.append(text + place)
        values.append(f"%{name}")
    return lines


@st.composite
def functions(draw: Any) -> str:
    names = draw(st.lists(WORDS, unique=True, max_size=3))
    head = ", ".join(f"%{name}: {draw(TYPES)}" for name in names)
    values = [f"%{name}" for name in names]
    lines = draw(bodies(values, 0, set(names)))
    return f"func @{draw(WORDS)}({head}) {{\n" + "\n".join(lines) + f"\nreturn({draw(arguments(values))})\n}}"


@settings(max_examples=150, deadline=None)
@given(functions())
def test_random_functions_print_and_read_back(text: str) -> None:
    once = tw.jit.parse(text).text()
    assert tw.jit.parse(once).text() == once


@settings(max_examples=150, deadline=None)
@given(functions(), st.integers(0, 400), st.characters(codec="ascii"))
def test_damaged_text_is_refused_or_read(text: str, place: int, letter: str) -> None:
    damaged = text[:place] + letter + text[place + 1 :]
    with contextlib.suppress(ValueError):
        tw.jit.parse(damaged).text()


REFUSED = {
    "func @f() { return(%x) }": "line 1, column 20: %x is not defined here",
    "func @f(%x: tensor<float33, []>) { return(%x) }": "expected a dtype or ?",
    "func @f(%x: tensr) { return(%x) }": "'tensr' is no type",
    "func @f() { return(1) } func @f() { return(1) }": "a second function @f",
    "func @f(%x: int, %x: int) { return(%x) }": "a second %x",
    'func @f() { return("a) }': "no closing quote",
    "func @f() { return(99999999999999999999999) }": "64 bits",
    "func @f() { return(" + "[" * 300 + "]" * 300 + ") }": "200 levels",
    "func @f(%x: list<int, int>) { return(1) }": "expected 1 types",
    "func @f() {\n  %y: int = tw::add(1\n}": "line 3, column 1: expected ')', got '}'",
    "func @f() { return(nan(0x3ff0000000000000)) }": "no NaN",
    "func @f(%x: tensor<int8, [s0 // 0]>) { return(1) }": "divided by zero",
    "func @f(%x: tensor<int8, [9223372036854775807 * 2]>) { return(1) }": "int64",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items())
def test_what_is_wrong_is_named_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        tw.jit.parse(text)
    assert sentence in str(caught.value)


def test_constants_keep_their_bits() -> None:
    program = tw.jit.parse("func @f() { return((-0.0, 5e-324, nan, 18446744073709551615, 0.1)) }")
    negative_zero, smallest, not_a_number, largest, tenth = program.run("f")
    assert math.copysign(1, negative_zero) == -1
    assert smallest == 5e-324
    assert math.isnan(not_a_number)
    assert largest == 2**64 - 1
    assert tenth == 0.1


def test_sizes_read_back_whatever_was_made_first() -> None:
    sizes = "z*y + b*a - 3*(c % (y + a)), max(z + a, b), (y*x + a) // 2"
    text = f"func @f(%x: tensor<float32, [{sizes}]>) {{\n  return(%x)\n}}\n"
    printed = tw.jit.parse(text).text()
    assert tw.jit.parse(printed).text() == printed
    assert "[-3*(c % (a + y)) + a*b + y*z, max(a + z, b)" in printed
