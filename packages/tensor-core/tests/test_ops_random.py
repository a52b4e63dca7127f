"""Random numbers: the algorithm's published answers, distributions, and independence of threads and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array

# Philox4x32-10 by the paper's reference code (Random123, kat_vectors): counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """The reference: ten rounds of Philox4x32."""
    words, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [(p1 >> 32) ^ words[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ words[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return tuple(words)


def reference_words(seed: int, first: int, groups: int) -> list[int]:
    """Words of groups of 16 counters, ordered by word, then by counter."""
    key = (seed & 0xFFFFFFFF, seed >> 32)
    result = []
    for group in range(groups):
        counters = [first + group * 16 + lane for lane in range(16)]
        blocks = [philox((c & 0xFFFFFFFF, c >> 32, 0, 0), key) for c in counters]
        result += [block[word] for word in range(4) for block in blocks]
    return result


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_reference_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]
) -> None:
    assert philox(counter, key) == answer


class Counters:
    """A generator that starts at a given counter."""

    def __init__(self, seed: int, counter: int) -> None:
        self.seed, self.counter = seed, counter

    def __call__(self, count: int) -> tuple[int, int]:
        first, self.counter = self.counter, self.counter + count
        return self.seed, first


@pytest.mark.parametrize("seed", [0, 12345, 0x0123456789ABCDEF])
@pytest.mark.parametrize("counter", [0, 2**32 - 40, 2**40])
def test_kernels_give_the_words_of_the_reference(seed: int, counter: int) -> None:
    words = reference_words(seed, counter, 3)
    uniform = tw.rand(192, generator=Counters(seed, counter))
    assert uniform.tolist() == [(word >> 8) * 2**-24 for word in words]
    wide = tw.rand(96, generator=Counters(seed, counter), dtype=tw.float64).tolist()
    for i in range(96):
        group, half, lane = i // 32, i % 32 // 16, i % 16
        low = words[group * 64 + half * 32 + lane]
        high = words[group * 64 + half * 32 + 16 + lane]
        assert wide[i] == ((low | high << 32) >> 11) * 2**-53


@pytest.fixture
def threads() -> Iterator[None]:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


DRAWS: list[Callable[[], tw.Tensor]] = [
    lambda: tw.rand(10001),
    lambda: tw.rand(10001, dtype=tw.float64),
    lambda: tw.rand(10001, dtype=tw.bfloat16).to(tw.float32),
    lambda: tw.randn(10001),
    lambda: tw.randn(10001, dtype=tw.float64),
    lambda: tw.randint(-5, 1000, (10001,)),
    lambda: tw.randperm(10001),
    lambda: tw.bernoulli(tw.full((10001,), 0.3)),
    lambda: tw.zeros(10001).exponential_(2.0),
    lambda: tw.zeros(10001).uniform_(-1, 2),
    lambda: tw.zeros(10001).normal_(5, 2),
    lambda: tw.dropout(tw.ones(10001), 0.4),
    lambda: tw.multinomial(tw.tensor([1.0, 2.0, 3.0]), 10001, replacement=True),
]


@pytest.mark.parametrize("number", range(len(DRAWS)))
def test_same_seed_same_numbers_on_any_number_of_threads(number: int, threads: None) -> None:
    draws = []
    for n in (1, 2, 8):
        tw.set_num_threads(n)
        tw.manual_seed(42)
        draws.append((DRAWS[number]().tolist(), DRAWS[number]().tolist()))
    assert draws[0] == draws[1] == draws[2]
    assert draws[0][0] != draws[0][1]
    tw.manual_seed(43)
    assert DRAWS[number]().tolist() != draws[0][0]


def test_a_prefix_does_not_depend_on_the_length() -> None:
    long = tw.rand(1000, generator=Counters(3, 0)).tolist()
    for n in (1, 63, 64, 65, 500):
        assert tw.rand(n, generator=Counters(3, 0)).tolist() == long[:n]


# ---- distributions: Kolmogorov and Smirnov's statistic must stay below what chance exceeds once in a million --------

COUNT = 200_000
LIMIT = math.sqrt(-math.log(1e-6 / 2) / (2 * COUNT))


def distance(values: Array, cumulative: Callable[[Array], Array]) -> float:
    ordered = np.sort(values.astype(np.float64))
    expected = cumulative(ordered)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def normal_distribution(x: Array) -> Array:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


def clipped(x: Array) -> Array:
    return np.clip(x, 0, 1)


DISTRIBUTIONS: list[tuple[Callable[[tw.dtype], tw.Tensor], Callable[[Array], Array]]] = [
    (lambda d: tw.rand(COUNT, dtype=d), clipped),
    (lambda d: tw.randn(COUNT, dtype=d), normal_distribution),
    (lambda d: tw.zeros(COUNT, dtype=d).uniform_(-2, 3), lambda x: clipped((x + 2) / 5)),
    (lambda d: tw.zeros(COUNT, dtype=d).normal_(3, 2), lambda x: normal_distribution((x - 3) / 2)),
    (lambda d: tw.zeros(COUNT, dtype=d).exponential_(0.5), lambda x: 1 - np.exp(-x / 2)),
]


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
@pytest.mark.parametrize("number", range(len(DISTRIBUTIONS)))
def test_distributions(number: int, dtype: tw.dtype) -> None:
    tw.manual_seed(2026)
    draw, cumulative = DISTRIBUTIONS[number]
    values = draw(dtype).numpy()
    assert distance(values, cumulative) < LIMIT
    pairs = values[: COUNT // 2 * 2].reshape(-1, 2).astype(np.float64)
    correlation = np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1]
    assert abs(correlation) < 5 / math.sqrt(COUNT / 2)
    lanes = values[: COUNT // 64 * 64].reshape(-1, 64).astype(np.float64)  # the planes of a group of counters
    correlations = np.corrcoef(lanes.T) - np.eye(64)
    assert np.abs(correlations).max() < 6 / math.sqrt(len(lanes))


def chi_square_is_plausible(counts: Array, expected: Array) -> bool:
    """Within six standard deviations of its mean."""
    statistic = ((counts - expected) ** 2 / expected).sum()
    degrees = len(counts) - 1
    return bool(abs(statistic - degrees) < 6 * math.sqrt(2 * degrees))


def test_discrete_distributions() -> None:
    tw.manual_seed(7)
    integers = tw.randint(-3, 14, (COUNT,)).numpy()
    assert chi_square_is_plausible(np.bincount(integers + 3, minlength=17), np.full(17, COUNT / 17))
    weights = np.array([0.5, 0.0, 2.0, 1.5])
    drawn = tw.multinomial(tw.tensor(weights), COUNT, replacement=True).numpy()
    counts = np.bincount(drawn, minlength=4)
    assert counts[1] == 0
    kept = weights > 0
    assert chi_square_is_plausible(counts[kept], weights[kept] / 4 * COUNT)
    for p in (0.0, 0.2, 1.0):
        share = tw.zeros(COUNT).bernoulli_(p).mean().item()
        assert abs(share - p) <= 6 * math.sqrt(p * (1 - p) / COUNT)
    firsts = np.bincount([int(tw.randperm(5)[0].item()) for _ in range(5000)], minlength=5)
    assert chi_square_is_plausible(firsts, np.full(5, 1000.0))


def test_multinomial_without_replacement() -> None:
    tw.manual_seed(1)
    rows = tw.tensor([[1.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    drawn = np.array([tw.multinomial(rows, 2).tolist() for _ in range(2000)])
    assert all(len(set(row)) == 2 for row in drawn.reshape(-1, 2).tolist())
    assert set(drawn[:, 1].ravel().tolist()) == {1, 2}
    first = np.bincount(drawn[:, 0, 0], minlength=3) / 2000
    assert np.abs(first - [0.25, 0.25, 0.5]).max() < 0.06


def test_permutations() -> None:
    for n in (0, 1, 2, 33, 1000):
        assert sorted(tw.randperm(n).tolist()) == list(range(n))
    assert tw.randperm(5, dtype=tw.int32).dtype == tw.int32


@pytest.mark.parametrize("p", [0.0, 0.25, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [tw.float16, tw.float32, tw.float64])
def test_dropout(p: float, dtype: tw.dtype) -> None:
    tw.manual_seed(3)
    x = (tw.arange(0, 10000) % 100 + 1).to(dtype)
    seeds = tw.ops.dropout_seeds(x, [])
    result = tw.ops.seeded_dropout(x, seeds, p)
    kept = result.numpy() != 0
    assert abs(kept.mean() - (1 - p)) < 0.03
    scale = 0 if p == 1 else 1 / (1 - p)
    values = x.to(tw.float64).numpy()
    np.testing.assert_allclose(result.to(tw.float64).numpy(), np.where(kept, values * scale, 0), rtol=2e-3)
    gradient = tw.ops.seeded_dropout(tw.ones(10000).to(dtype), seeds, p)
    np.testing.assert_allclose(gradient.to(tw.float64).numpy(), np.where(kept, scale, 0), rtol=2e-3)
    assert tw.dropout(x, p, training=False).tolist() == x.tolist()


@pytest.mark.parametrize("shape", [(3, 50), (2, 2, 5000), (3, 0), (0, 4)])
def test_each_entry_of_a_batch_drops_what_it_drops_alone(shape: tuple[int, ...]) -> None:
    tw.manual_seed(5)
    x, batch = tw.ones(*shape), shape[:-1]
    seeds = tw.ops.dropout_seeds(x, list(batch))
    assert seeds.shape == (*batch, 2)
    assert seeds.dtype == tw.int64
    together = tw.ops.seeded_dropout(x, seeds, 0.5).numpy()
    rows = {together[place].tobytes() for place in np.ndindex(*batch)}
    assert shape[-1] == 0 or len(rows) == len(list(np.ndindex(*batch)))  # entries differ
    for place in np.ndindex(*batch):
        np.testing.assert_array_equal(together[place], tw.ops.seeded_dropout(x[place], seeds[place], 0.5).numpy())


def test_what_dropout_draws_is_drawn_once() -> None:
    tw.manual_seed(5)
    x = tw.ones(1000)
    seeds = tw.ops.dropout_seeds(x, [])
    after = tw.rand(4).tolist()
    tw.manual_seed(5)
    assert (tw.dropout(x, 0.5) == tw.ops.seeded_dropout(x, seeds, 0.5)).all()
    assert tw.rand(4).tolist() == after


def test_refused_dropout() -> None:
    x = tw.ones(2, 3)
    seeds = tw.ops.dropout_seeds(x, [])
    with pytest.raises(ValueError, match="first dimensions of the input"):
        tw.ops.dropout_seeds(x, [3])
    with pytest.raises(ValueError, match="seeds' batch"):
        tw.ops.seeded_dropout(x, tw.zeros(3, 2, dtype=tw.int64), 0.5)
    with pytest.raises(ValueError, match="pairs"):
        tw.ops.seeded_dropout(x, seeds[:1], 0.5)
    with pytest.raises(TypeError, match="int64"):
        tw.ops.seeded_dropout(x, seeds.to(tw.int32), 0.5)
    with pytest.raises(TypeError, match="floating"):
        tw.ops.seeded_dropout(x.to(tw.int64), seeds, 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        tw.ops.seeded_dropout(x, seeds, 1.5)


def test_dropped_infinities_are_zeros() -> None:
    infinite = tw.full((1000,), float("inf"))
    assert set(tw.dropout(infinite, 0.5).tolist()) == {0.0, float("inf")}
    assert set(tw.dropout(infinite, 1.0).tolist()) == {0.0}


def test_ranges() -> None:
    for dtype in (tw.float16, tw.bfloat16, tw.float32, tw.float64):
        values = tw.rand(100000, dtype=dtype).to(tw.float64)
        assert 0 <= values.min().item() < values.max().item() < 1
    narrow = tw.zeros(10000).uniform_(1.0, 1.0000001)
    assert narrow.max().item() < 1.0000001
    assert tw.zeros(3).uniform_(2, 2).tolist() == [2.0] * 3
    wide = tw.randint(-(2**63), 2**63 - 1, (1000,))
    assert wide.min().item() < -(2**61) < 2**61 < wide.max().item()
    assert tw.randint(7, 8, (2, 2)).tolist() == [[7, 7], [7, 7]]
    assert tw.rand(0, 3).shape == (0, 3)
    assert tw.rand_like(tw.ones(2).to(tw.float64)).dtype == tw.float64
    assert tw.normal(3.0, 0.0, (2,)).tolist() == [3.0, 3.0]
    assert tw.normal(tw.tensor([1.0, 2.0]), tw.tensor(0.0)).tolist() == [1.0, 2.0]


def test_refusals() -> None:
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: tw.rand(-1), "rand: sizes must not be negative"),
        (lambda: tw.rand(2, dtype=tw.int64), "rand: dtype must be floating"),
        (lambda: tw.randint(3, 3, (2,)), "low must be less than high"),
        (lambda: tw.bernoulli(tw.tensor([1.5])), "bernoulli: probabilities must be between 0 and 1, got 1.5"),
        (lambda: tw.dropout(tw.ones(2), 1.5), "dropout: p must be between 0 and 1"),
        (
            lambda: tw.multinomial(tw.tensor([1.0, -1.0]), 1),
            "multinomial: weights must be finite and not negative, got -1",
        ),
        (lambda: tw.multinomial(tw.tensor([0.0, 0.0]), 1), "multinomial: the weights of a row add up to 0"),
        (
            lambda: tw.multinomial(tw.tensor([0.0, 1.0]), 2),
            "2 samples without replacement need as many weights that are not zero, got 1",
        ),
    ]
    for call, sentence in refused:
        with pytest.raises((ValueError, TypeError), match=sentence):
            call()
