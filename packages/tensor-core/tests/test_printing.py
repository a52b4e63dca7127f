"""How tensors print: NumPy's layout and digits, our own notes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    tw.set_printoptions(profile="default")
    yield
    tw.set_printoptions(profile="default")


def like_numpy(array: np.ndarray[Any, Any], precision: int = 4) -> str:
    """What NumPy makes of the elements under our options."""
    with np.printoptions(precision=precision, linewidth=80):
        return np.array2string(array, separator=", ", prefix="tensor(", suffix=",", threshold=1000, edgeitems=3)


def values_of(text: str) -> str:
    """The bracketed part of a tensor's repr."""
    return text[len("tensor(") : text.rindex("]") + 1]


def interesting_floats(width: int) -> st.SearchStrategy[float]:
    plain = st.sampled_from(
        [0.0, -0.0, 1.0, 0.1, 1e-5, 3.14159265, 100.5, 123456.789, 1e8, math.inf, -math.inf, math.nan]
    )
    near = st.floats(-1000, 1000, width=width)
    return st.one_of(plain, near, st.floats(width=width))


def arrays(elements: st.SearchStrategy[Any], dtype: str) -> st.SearchStrategy[np.ndarray[Any, Any]]:
    shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3)
    return shapes.flatmap(
        lambda shape: st.lists(elements, min_size=math.prod(shape), max_size=math.prod(shape)).map(
            lambda values: np.array(values).astype(dtype).reshape(shape)
        )
    )


@pytest.mark.parametrize(("dtype", "width"), [("float64", 64), ("float32", 32), ("float16", 16)])
def test_floats_print_like_numpy(dtype: str, width: int) -> None:
    @settings(max_examples=300, deadline=None)
    @given(arrays(interesting_floats(width), dtype), st.integers(0, 10))
    def check(array: np.ndarray[Any, Any], precision: int) -> None:
        tw.set_printoptions(precision=precision)
        with np.errstate(over="ignore"):
            assert values_of(repr(tw.from_numpy(array))) == like_numpy(array, precision)

    with np.errstate(over="ignore", invalid="ignore"):
        check()


@settings(max_examples=100, deadline=None)
@given(arrays(st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), "int64"))
def test_integers_print_like_numpy(array: np.ndarray[Any, Any]) -> None:
    assert values_of(repr(tw.from_numpy(array))) == like_numpy(array)


@settings(max_examples=100, deadline=None)
@given(arrays(st.complex_numbers(max_magnitude=1e3), "complex128"))
def test_complex_numbers_print_like_numpy(array: np.ndarray[Any, Any]) -> None:
    assert values_of(repr(tw.from_numpy(array))) == like_numpy(array)


@pytest.mark.parametrize("shape", [(1001,), (2000, 3), (3, 1000), (20, 20, 20), (7, 7, 7, 7), (40, 1, 40)])
def test_large_tensors_are_summarised(shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape) / 3
    assert values_of(repr(tw.from_numpy(array))) == like_numpy(array)


def test_long_lines_wrap_like_numpy() -> None:
    array = np.linspace(-1, 1, 200).reshape(2, 100)
    assert values_of(repr(tw.from_numpy(array))) == like_numpy(array)


def test_bools_print_like_numpy() -> None:
    array = np.array([[True, False], [False, False]])
    assert values_of(repr(tw.from_numpy(array))) == like_numpy(array)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: tw.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (lambda: tw.tensor(3), "tensor(3)"),
        (lambda: tw.tensor(0.1), "tensor(0.1)"),
        (lambda: tw.tensor(True), "tensor(True)"),
        (lambda: tw.tensor([1, 2], dtype=tw.int8), "tensor([1, 2], dtype=tensorwright.int8)"),
        (lambda: tw.tensor([1.0], dtype=tw.bfloat16), "tensor([1.], dtype=tensorwright.bfloat16)"),
        (lambda: tw.tensor(1 / 3, dtype=tw.bfloat16), "tensor(0.334, dtype=tensorwright.bfloat16)"),
        (lambda: tw.tensor([1 + 2j]), "tensor([1.+2.j], dtype=tensorwright.complex64)"),
        (lambda: tw.tensor([]), "tensor([])"),
        (lambda: tw.zeros(0, 3), "tensor([], size=(0, 3))"),
        (lambda: tw.zeros(0, dtype=tw.int64), "tensor([], dtype=tensorwright.int64)"),
        (lambda: tw.zeros(2, device="meta"), "tensor(..., size=(2,), device='meta')"),
        (lambda: tw.tensor([math.nan, math.inf, -math.inf]), "tensor([ nan,  inf, -inf])"),
        (lambda: tw.tensor([1e-7, 1.0]), "tensor([1.e-07, 1.e+00])"),
    ],
)
def test_notes(make: Any, text: str) -> None:
    assert repr(make()) == text
    assert str(make()) == text


def test_notes_go_to_a_new_line_when_the_last_one_is_full() -> None:
    text = repr(tw.zeros(18, dtype=tw.int16))
    assert text.splitlines()[-1] == "       dtype=tensorwright.int16)"


def test_views_print_their_own_elements() -> None:
    assert repr(tw.arange(6).reshape(2, 3).T) == "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])"


def test_options() -> None:
    x = tw.tensor([1 / 3, 2000.0])
    tw.set_printoptions(precision=2, sci_mode=False)
    assert repr(x) == "tensor([   0.33, 2000.  ])"
    tw.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([3.33e-01, 2.00e+03])"
    tw.set_printoptions(threshold=2, edgeitems=1)
    assert repr(tw.arange(5)) == "tensor([0, ..., 4])"
    assert tw.get_printoptions().edgeitems == 1


def test_bad_options() -> None:
    with pytest.raises(ValueError, match="profile must be one of"):
        tw.set_printoptions(profile="long")
    with pytest.raises(ValueError, match="precision must not be negative, got -1"):
        tw.set_printoptions(precision=-1)


def test_format() -> None:
    assert f"{tw.tensor(3.14159):.2f}" == "3.14"
    assert f"{tw.tensor([1.0])}" == "tensor([1.])"
    with pytest.raises(TypeError, match=r"shape \[1\] takes no format specification"):
        format(tw.tensor([1.0]), ".2f")


def test_notebooks_show_shape_and_values() -> None:
    text = tw.zeros(2, 2)._repr_html_()
    assert "shape (2, 2), float32, cpu, 16 bytes" in text
    assert "[[0., 0.]," in text
