"""A short run of the generated bad calls; `nox -s fuzz` makes the long one."""

from __future__ import annotations

from fuzz_calls import run

CALLS = 20_000


def test_bad_calls_raise_and_nothing_dies() -> None:
    outcome = run(seed=1, calls=CALLS, memory=3 << 30)  # the long run has 8 GB, which take long to fill
    assert not outcome.deaths, outcome.deaths[0]
    assert not outcome.hangs, outcome.hangs
    assert not outcome.wrong, "\n".join(outcome.wrong[:20])
    assert outcome.calls == CALLS
    assert outcome.results >= 0.2 * CALLS
