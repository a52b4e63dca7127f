"""Calls with bad arguments, generated from the table of samples: each gives a result or a Python exception.

A worker process makes the calls, one after another, and notes the number of each in shared memory first; the parent
notices death and standstill, and starts another worker behind the call that did it. Every call follows from the seed
and its number alone: `python fuzz_calls.py --seed 1 --only 4711` shows it and makes it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import mmap
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tensorwright as tw
from sample_calls import converted, function_of, has_function, named_dtypes, to_tensor
from samples import all_rows
from samples.table import Case, Row

HOSTILE_SIZES = (0, -1, 1, 2, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63), 2**64)
HOSTILE_FLOATS = (0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e-45, 1e308)
STRANGE: tuple[Any, ...] = (
    None,
    "",
    "mean",
    "no such mode",
    b"bytes",
    object(),
    {},
    [],
    (),
    [[]],
    1j,
    True,
    tw.float32,
    int,
    2**70,
)
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")
EXPECTED = (
    TypeError, ValueError, RuntimeError, IndexError, LookupError, MemoryError, OverflowError, ArithmeticError,
)  # fmt: skip
MEMORY_LIMIT = 8 << 30  # bytes
LARGE = 1 << 20  # a number in a call from which on its result may be large
AFFORDABLE = 1 << 29  # bytes of a result: larger ones say how fast a machine gives memory, not whether a call returns
ATTEMPTS = 20
PATIENCE_S = 20.0
START_S = 300.0  # more for the start, which reads the table: sanitizers and a busy machine make it slow
LONGEST_REPORT = 4000  # characters
COUNTERS = 8  # 8-byte places in shared memory: the call's number, results, refusals, wrong exceptions


@dataclass
class Call:
    """An op and the arguments of one call."""

    row: Row
    args: list[Any]
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        parts = [shown(value) for value in self.args] + [f"{k}={shown(v)}" for k, v in self.kwargs.items()]
        return f"{self.row.name}({', '.join(parts)})"


def shown(value: Any) -> str:
    if isinstance(value, tw.Tensor):
        return f"<{str(value.dtype).rpartition('.')[2]} {list(value.shape)} strides {list(value.stride())}>"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(shown, value))})"
    return repr(value)


# --- one call ------------------------------------------------------------------------------------------------------


class Generator:
    """The calls of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rows = [row for row in all_rows() if has_function(row)]
        self._cases: dict[tuple[str, str], list[Case]] = {}

    def call(self, number: int) -> Call:
        """A call of the table, about a third of them unchanged, the others with up to three mutations."""
        draw = random.Random(f"{self.seed} {number}")
        for _ in range(ATTEMPTS):
            call = self.drawn(draw)
            if result_bytes(call) <= AFFORDABLE:
                break
        return call

    def drawn(self, draw: random.Random) -> Call:
        row = draw.choice(self.rows)
        dtype = draw.choice(row.dtypes)
        key = (row.name, dtype)
        if key not in self._cases:
            self._cases[key] = list(row.cases(dtype))
        chosen = draw.choice(self._cases[key])
        args = list(converted(chosen.args, to_tensor))
        kwargs = named_dtypes({name: converted(value, to_tensor) for name, value in chosen.kwargs.items()})
        call = Call(row, args, kwargs)
        for _ in range(draw.choice((0, 0, 1, 1, 2, 3))):
            mutate(call, draw)
        return call


def result_bytes(call: Call) -> int:
    """What a call with a large number in it would have to fill, by its shape rules alone; 0 if they refuse it."""
    values = [*call.args, *call.kwargs.values()]
    if not any(abs(number) >= LARGE for number in numbers(values)):
        return 0
    args = [on_meta(value) for value in call.args]
    kwargs = {name: on_meta(value) for name, value in call.kwargs.items()}
    if not any(isinstance(tensor, tw.Tensor) for tensor in leaves(values)):
        kwargs["device"] = "meta"
    try:
        result = function_of(call.row)(*args, **kwargs)
    except Exception:
        return 0
    return sum(tensor.numel() * tensor.itemsize for tensor in leaves(result) if isinstance(tensor, tw.Tensor))


def leaves(value: Any) -> Iterator[Any]:
    """What lies in nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def numbers(values: list[Any]) -> Iterator[float]:
    """The numbers of arguments and the elements of their small integer tensors."""
    for value in leaves(values):
        if isinstance(value, tw.Tensor):
            if value.dtype in (tw.int32, tw.int64) and value.device.type == "cpu":
                yield from map(abs, value.reshape(-1).tolist())
        elif isinstance(value, (int, float)):
            yield value


def on_meta(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(on_meta, value))
    return value.to("meta") if isinstance(value, tw.Tensor) else value


def mutate(call: Call, draw: random.Random) -> None:
    """Changes one argument, or which arguments there are."""
    places: list[int | str] = [*range(len(call.args)), *call.kwargs]
    kind = draw.random()
    if kind < 0.06:
        call.args.append(any_value(draw))
    elif kind < 0.1 and call.args:
        call.args.pop(draw.randrange(len(call.args)))
    elif kind < 0.13:
        call.kwargs[draw.choice(("dim", "out", "dtype", "keepdim", "nonsense", "input"))] = any_value(draw)
    elif places:
        place = draw.choice(places)
        target: Any = call.kwargs if isinstance(place, str) else call.args
        target[place] = changed(target[place], draw)


def changed(value: Any, draw: random.Random) -> Any:
    """Another value of the same kind, sometimes of another."""
    if draw.random() < 0.1:
        return any_value(draw)
    if isinstance(value, tw.Tensor):
        return changed_tensor(value, draw)
    if isinstance(value, (list, tuple)):
        return changed_list(value, draw)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.choice(HOSTILE_SIZES) if draw.random() < 0.6 else value + draw.randint(-3, 3)
    if isinstance(value, float):
        return draw.choice(HOSTILE_FLOATS)
    return any_value(draw)


def changed_list(value: Any, draw: random.Random) -> Any:
    items = list(value)
    kind = draw.random()
    if kind < 0.25 and items:
        items.pop(draw.randrange(len(items)))
    elif kind < 0.5:
        items.insert(draw.randint(0, len(items)), draw.choice((*HOSTILE_SIZES, *items)))
    elif items:
        place = draw.randrange(len(items))
        items[place] = changed(items[place], draw)
    return type(value)(items)


def changed_tensor(tensor: tw.Tensor, draw: random.Random) -> Any:
    changes: tuple[Callable[[], Any], ...] = (
        lambda: random_tensor(draw),
        lambda: tensor.to(getattr(tw, draw.choice(DTYPES))),
        lambda: tensor.reshape(-1)[: draw.randint(0, 3)],
        lambda: tensor.unsqueeze(draw.randint(0, tensor.ndim)),
        lambda: tensor[0] if tensor.ndim and tensor.shape[0] else tensor.reshape(-1),
        lambda: tensor.permute(draw.sample(range(tensor.ndim), tensor.ndim)),
        lambda: tensor.as_strided([2, 3], [draw.randint(0, 1), 0]) if tensor.numel() > 1 else tensor.expand(3, 2),
        lambda: tensor * float("nan"),
        lambda: tw.full_like(tensor, draw.choice((-1, 0, 127, -128))),
        lambda: tensor.to("meta"),
        lambda: tw.empty([0, *tensor.shape], dtype=tensor.dtype),
        lambda: tensor.tolist(),
        lambda: draw.choice(HOSTILE_SIZES),
    )
    try:
        return draw.choice(changes)()
    except EXPECTED:
        return random_tensor(draw)


def random_tensor(draw: random.Random) -> tw.Tensor:
    shape = [draw.choice((0, 1, 2, 3, 5)) for _ in range(draw.randint(0, 5))]
    values = np.random.default_rng(draw.getrandbits(32)).uniform(-3, 3, shape)
    return tw.tensor(values).to(getattr(tw, draw.choice(DTYPES)))


def any_value(draw: random.Random) -> Any:
    kind = draw.random()
    if kind < 0.3:
        return random_tensor(draw)
    if kind < 0.5:
        return draw.choice(HOSTILE_SIZES)
    if kind < 0.6:
        return draw.choice(HOSTILE_FLOATS)
    if kind < 0.75:
        return [draw.choice((*HOSTILE_SIZES, 1, 2, 3)) for _ in range(draw.randint(0, 4))]
    return draw.choice(STRANGE)


# --- the worker ----------------------------------------------------------------------------------------------------


def work(seed: int, first: int, end: int, journal: Path, memory: int) -> None:
    """Makes the calls `first` to `end` - 1 and counts what they give."""
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    warnings.simplefilter("ignore")
    faulthandler.enable()
    tw.set_num_threads(1)
    generator = Generator(seed)
    with open(journal, "r+b") as file, mmap.mmap(file.fileno(), 8 * COUNTERS) as shared:
        counters = np.frombuffer(shared, np.int64)
        for number in range(first, end):
            counters[0] = number
            counters[make(generator.call(number), number)] += 1
        counters[0] = end
        del counters


def make(call: Call, number: int) -> int:
    """The counter that the outcome belongs to."""
    try:
        function_of(call.row)(*call.args, **call.kwargs)
    except EXPECTED as error:
        if type(error).__name__ in ("RecursionError", "SystemError"):
            print(f"{number}: {call}: {error!r}", flush=True)
            return 3
        return 2
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"{number}: {call}: {error!r} at {place.name}:{place.lineno}", flush=True)
        return 3
    return 1


# --- the parent ----------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    results: int = 0
    refusals: int = 0
    wrong: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return self.results + self.refusals + len(self.wrong) + len(self.deaths) + len(self.hangs)

    def summary(self) -> str:
        share = self.results / max(self.calls, 1)
        return (
            f"{self.calls} calls: {self.results} gave results ({share:.0%}), {self.refusals} were refused, "
            f"{len(self.wrong)} raised something unexpected, {len(self.deaths)} deaths, {len(self.hangs)} hangs"
        )


def run(seed: int, calls: int, processes: int = 1, memory: int = MEMORY_LIMIT) -> Outcome:
    """All calls of a seed, shared among processes."""
    outcome = Outcome()
    bounds = [calls * i // processes for i in range(processes + 1)]
    with tempfile.TemporaryDirectory() as folder:
        lanes = [Lane(seed, a, b, Path(folder) / f"journal{a}", memory) for a, b in pairwise(bounds)]
        while sum(lane.watch(outcome) for lane in lanes):  # not any(): every lane is watched
            time.sleep(0.05)
    return outcome


def described(seed: int, number: int) -> str:
    """What a call is; by a process of its own, since to draw a call is to make others."""
    command = [sys.executable, __file__, "--seed", str(seed), "--show", str(number)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    return shown.stdout.strip() if shown.returncode == 0 else f"not to be drawn: {shown.stderr[:LONGEST_REPORT]}"


class Lane:
    """A range of calls, and the worker that is making them."""

    def __init__(self, seed: int, first: int, end: int, journal: Path, memory: int) -> None:
        self.seed, self.first, self.end, self.journal, self.memory = seed, first, end, journal, memory
        self.seen, self.since = -1, time.monotonic()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.journal.write_bytes(bytes(8 * COUNTERS))
        arguments = (self.seed, self.first, self.end, self.journal, self.memory)
        command = [sys.executable, __file__, "--worker", *map(str, arguments)]
        self.log = self.journal.with_suffix(".log").open("w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, text=True, env=os.environ)
        self.since = time.monotonic()

    def watch(self, outcome: Outcome) -> bool:
        """Whether there is more to wait for."""
        if self.process is None:
            if self.first >= self.end:
                return False
            self.start()
            return True
        number = int(np.frombuffer(self.journal.read_bytes(), np.int64)[0])
        if number != self.seen:
            self.seen, self.since = number, time.monotonic()
        ended = self.process.poll() is not None
        stuck = time.monotonic() - self.since > PATIENCE_S + START_S * (number == 0)
        if ended or stuck:
            self.finish(outcome, stuck and not ended)
        return True

    def finish(self, outcome: Outcome, stuck: bool) -> None:
        assert self.process is not None
        self.process.kill()
        status = self.process.wait()
        counters = np.frombuffer(self.journal.read_bytes(), np.int64)
        outcome.results += int(counters[1])
        outcome.refusals += int(counters[2])
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        outcome.wrong += [line for line in text.splitlines() if line[:1].isdigit()][: int(counters[3])]
        number = int(counters[0])
        if stuck:
            outcome.hangs.append(f"call {number} hangs: {described(self.seed, number)}")
            print(outcome.hangs[-1][:500], flush=True)
        elif number < self.end:
            report = text[-LONGEST_REPORT:]
            outcome.deaths.append(f"call {number}: {described(self.seed, number)}: exit status {status}\n{report}")
            print(outcome.deaths[-1], flush=True)
        self.first, self.process = number + 1 if number < self.end else self.end, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    limit = (
        "bytes of address space of a process; 0 for no limit: sanitizers need terabytes and have limits of their own"
    )
    parser.add_argument("--memory", type=int, default=MEMORY_LIMIT, help=limit)
    parser.add_argument("--only", type=int, help="make this call alone and show it")
    parser.add_argument("--show", type=int, help="only show this call")
    options = parser.parse_args()
    if options.worker:
        seed, first, end, journal, memory = options.worker
        work(int(seed), int(first), int(end), Path(journal), int(memory))
        return 0
    if options.show is not None:
        print(Generator(options.seed).call(options.show))
        return 0
    if options.only is not None:
        call = Generator(options.seed).call(options.only)
        print(call, flush=True)
        print(shown(function_of(call.row)(*call.args, **call.kwargs)))
        return 0
    outcome = run(options.seed, options.calls, options.processes, options.memory)
    for text in list(Counter(outcome.wrong))[:40]:
        print(text)
    print(outcome.summary())
    return 1 if outcome.deaths or outcome.hangs or outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
