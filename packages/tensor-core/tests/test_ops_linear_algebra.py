"""Products of vectors, matrices and batches, against NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorwright as tw
from agreement import agree, tensors
from layouts import COMPLEX, INTEGERS, Samples

DTYPES = (*INTEGERS, "float32", "float64", *COMPLEX)
SIZES = [
    (1, 1, 1),
    (3, 4, 5),
    (33, 17, 65),
    (64, 300, 40),
    (200, 100, 150),
    (1, 700, 1),
    (5, 1, 7),
    (0, 3, 2),
    (3, 0, 2),
    (3, 2, 0),
]


def product(a: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    wide = np.complex128 if dtype.kind == "c" else np.float64 if dtype.kind == "f" else np.int64
    return np.matmul(a.astype(wide), b.astype(wide)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "depth", "cols"), SIZES)
def test_mm_takes_any_layout(dtype: str, rows: int, depth: int, cols: int) -> None:
    samples = Samples(rows + depth + cols)
    a, b = samples.array((rows, depth), dtype), samples.array((depth, cols), dtype)
    expected = product(a, b, np.dtype(dtype))
    for _ in range(4):
        result = tw.mm(samples.tensor(a), samples.tensor(b))
        assert result.numpy().dtype == expected.dtype
        if np.dtype(dtype).kind in "fc":
            tolerance = 1e-3 if expected.dtype.itemsize // (2 if expected.dtype.kind == "c" else 1) == 4 else 1e-11
            np.testing.assert_allclose(result.numpy(), expected, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("dtype", [tw.float16, tw.bfloat16])
def test_half_precision_accumulates_in_float32(dtype: tw.dtype) -> None:
    row = tw.ones(1, 4096).to(dtype)
    assert tw.mm(row, row.t()).item() == 4096.0


@pytest.mark.parametrize("seed", range(20))
def test_bmm(seed: int) -> None:
    samples = Samples(seed)
    batch, rows, depth, cols = (int(n) for n in samples.random.integers(0, 20, 4))
    a, b = samples.array((batch, rows, depth), "float64"), samples.array((batch, depth, cols), "float64")
    agree(tw.bmm(samples.tensor(a), samples.tensor(b)), a @ b)
    agree(tw.bmm(samples.tensor(a)[:1].expand(batch, rows, depth) if batch else tw.tensor(a), tw.tensor(b)), a[:1] @ b)


@pytest.mark.parametrize("shape", [(4, 6), (6,), (1,), (4, 1), ()])
def test_addmm(shape: tuple[int, ...]) -> None:
    samples = Samples(5)
    bias, a, b = (samples.array(s, "float64") for s in (shape, (4, 5), (5, 6)))
    agree(tw.addmm(*tensors(bias, a, b), beta=0.5, alpha=2), 0.5 * bias + 2 * a @ b)
    c = samples.array((3, 4, 6), "float64")
    batches = samples.array((3, 5, 6), "float64")
    agree(tw.baddbmm(tw.tensor(bias), tw.tensor(c[:, :, :5]), tw.tensor(batches)), bias + c[:, :, :5] @ batches)


def test_addmm_in_place_and_out() -> None:
    samples = Samples(6)
    bias, a, b = (samples.array(s, "float64") for s in ((4, 6), (4, 5), (5, 6)))
    x = samples.tensor(bias)
    assert x.addmm_(*tensors(a, b)) is x
    agree(x, bias + a @ b)
    out = samples.tensor(np.zeros((4, 6)))
    tw.mm(*tensors(a, b), out=out)
    agree(out, a @ b)
    square = tw.tensor(a[:, :4])
    tw.mm(square, square, out=square)
    agree(square, a[:, :4] @ a[:, :4])


def test_beta_zero_reads_nothing() -> None:
    nothing = tw.full((2, 2), float("nan"))
    assert tw.addmm(nothing, tw.ones(2, 3), tw.ones(3, 2), beta=0).tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert tw.addmm(tw.ones(2, 2), tw.ones(2, 0), tw.ones(0, 2)).tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3), (2, 0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    samples = Samples(len(shape))
    x, w, b = (samples.array(s, "float64") for s in (shape, (5, 3), (5,)))
    result = tw.linear(samples.tensor(x), samples.tensor(w), tw.tensor(b) if bias else None)
    agree(result, x @ w.T + (b if bias else 0))


SHAPES = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (3,)),
          ((3,), (5, 3, 2)), ((2, 3), (4, 3, 2)), ((5, 1, 2, 3), (4, 3, 2)), ((0, 2, 3), (3, 4)), ((2, 0), (0, 3)),
          ((1, 2, 3), (7, 3, 1))]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    samples = Samples(len(left) * 10 + len(right))
    a, b = samples.array(left, "float32"), samples.array(right, "float64")
    agree(samples.tensor(a) @ samples.tensor(b), a.astype(np.float64) @ b)


EQUATIONS = [
    "ij,jk->ik", "ij,kj->ik", "ij->ji", "ij", "ji", "ii->", "ii", "ij,ij->", "i,j", "ij,ij->ij", "bij,bjk->bik",
    "bhqd,bhkd->bhqk", "ij,jk,kl->il", "ij,j->i", "ij,k->", "ijk,jil->kl", "a,ab,abc->abc",
    "...ij,...jk->...ik", "...->...", "i...->...", "...i,...i->...", "bii->bi", "iij,jk->ik", "ij , jk -> ki"
]  # fmt: skip
LETTERS = dict(zip("abcdhijklqx", (2, 3, 4, 2, 3, 3, 3, 4, 5, 6, 2), strict=True)) | {"i": 3, "j": 3}


def operand_shape(subscript: str) -> tuple[int, ...]:
    letters = subscript.replace(" ", "")
    hidden: tuple[int, ...] = (2, 4) if "..." in letters else ()
    before, _, after = letters.partition("...")
    return (*(LETTERS[c] for c in before), *hidden, *(LETTERS[c] for c in after))


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str) -> None:
    samples = Samples(len(equation))
    arrays = [samples.array(operand_shape(part), "float64") for part in equation.partition("->")[0].split(",")]
    agree(tw.einsum(equation, [samples.tensor(a) for a in arrays]), np.einsum(equation, *arrays))


def test_einsum_broadcasts_under_the_ellipsis() -> None:
    a, b = np.ones((5, 1, 2, 3)), np.ones((4, 3, 2))
    agree(tw.einsum("...ij,...jk->...ik", tensors(a, b)), a @ b)
    agree(tw.einsum("...i->...", tensors(a)), a.sum(-1))


def test_other_products() -> None:
    samples = Samples(3)
    a, b, c = (samples.array(s, "float64") for s in ((3, 4, 5), (4, 3, 2), (5, 6)))
    x, y = a[0, 0], samples.array((5,), "float64")
    agree(tw.tensordot(*tensors(a, b), ([1, 0], [0, 1])), np.tensordot(a, b, ([1, 0], [0, 1])))
    agree(tw.tensordot(*tensors(a, c), 1), np.tensordot(a, c, 1))
    agree(tw.inner(*tensors(a, y)), np.inner(a, y))
    agree(tw.inner(tw.tensor(a), tw.tensor(2.0)), a * 2)
    agree(tw.outer(*tensors(x, y)), np.outer(x, y))
    agree(tw.dot(*tensors(x, y)), np.dot(x, y))
    agree(tw.mv(*tensors(a[0], y)), a[0] @ y)
    agree(tw.chain_matmul(tensors(a[0], c, c.T, c)), a[0] @ c @ c.T @ c)


@pytest.fixture
def threads() -> Iterator[None]:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


def test_threads_change_no_bit(threads: None) -> None:
    samples = Samples(9)
    a, b = tensors(samples.array((500, 700), "float32"), samples.array((700, 600), "float32"))
    results = []
    for n in (1, 2, 8):
        tw.set_num_threads(n)
        results.append(tw.mm(a, b).numpy().tobytes() + tw.linear(a, b.t().contiguous()).numpy().tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tw.ones(4, 3) @ tw.ones(2, 5), "matmul: inner dimensions differ"),
        (lambda: tw.mm(tw.ones(2), tw.ones(2, 2)), "mm: both arguments must be matrices"),
        (lambda: tw.mm(tw.ones(2, 2), tw.ones(2, 2).to(tw.float64)), "mm: both matrices must have one dtype"),
        (lambda: tw.ones(2, 2, 3) @ tw.ones(3, 3, 4), "batch dimensions do not broadcast: self has [2], other has [3]"),
        (lambda: tw.linear(tw.ones(3), tw.ones(2, 4)), "linear: the input's last dimension differs from weight"),
        (lambda: tw.einsum("ij,jk->ix", [tw.ones(2, 3), tw.ones(3, 2)]), "the result's letter 'x' is in no operand"),
        (lambda: tw.einsum("ij,jk", [tw.ones(2, 3), tw.ones(4, 2)]), "'j' has size 3 in one operand and 4 in another"),
        (lambda: tw.einsum("ij->i", [tw.ones(2, 3, 4)]), "einsum: operand 0 has 3 dimensions, its subscripts name 2"),
        (lambda: tw.einsum("i%j->i", [tw.ones(2, 3)]), "einsum: unexpected '%' in equation"),
        (lambda: tw.einsum("i,j", [tw.ones(2)]), "einsum: the equation has 2 operands, 1 are given"),
        (lambda: tw.tensordot(tw.ones(2, 3), tw.ones(4), ([1], [0])), "tensordot: contracted dimensions differ"),
    ],
)  # fmt: skip
def test_refusals(call: object, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        call()  # type: ignore[operator]
    assert sentence in str(error.value)


@pytest.mark.parametrize("pivots", [[0, 2, 3], [1, 2, -3], [-1, 2, 3], [-4, -4, 3], [1, 2, 4]])
def test_ldl_solve_refuses_pivots_that_no_factorization_gives(pivots: list[int]) -> None:
    with pytest.raises(ValueError, match="pivots must lie between 1 and 3"):
        tw.linalg.ldl_solve(tw.eye(3), tw.tensor(pivots, dtype=tw.int32), tw.ones(3, 1))
