"""What checkpoints must endure, at full length: processes killed while they save, bits that flip, runs that stop.

`python checkpoint_endurance.py --kills 1000 --flips 10000 --resumes 200 --crashes 50`; the suite runs the same
functions for a second each.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorwright as tw
from tensorwright import nn
from tensorwright.checkpoint import Checkpoint, Checkpoints, Damage, RunState
from tensorwright.data import DataLoader, Dataset

# ---- kill -9 -----------------------------------------------------------------------------------------------------

LAYERS, ELEMENTS = 8, 20_000
SHARD = 200_000  # bytes: eight layers are four files


def state_at(step: int) -> dict[str, Any]:
    layers = {f"layer{i}": tw.full((ELEMENTS,), float(step * LAYERS + i)) for i in range(LAYERS)}
    return {"weights": layers, "step": step, "text": "x" * 1000}


def is_state_of(state: dict[str, Any], step: int) -> bool:
    expected = state_at(step)
    whole = state["step"] == step and state["text"] == expected["text"]
    return whole and all(state["weights"][name].equal(tensor) for name, tensor in expected["weights"].items())


def save_for_ever(folder: Path, shard: int | None, first: int, report: int) -> None:
    """Rewrites a checkpoint until it is killed; says of each when it is there."""
    checkpoints = Checkpoints(folder, keep=1, max_shard_size=shard)
    step = first
    while True:
        checkpoints.save(state_at(step), step=step)
        os.write(report, step.to_bytes(8, "little"))
        step += 1


@dataclass
class Kills:
    """What became of checkpoints whose writers were killed."""

    count: int = 0
    lost: list[str] = field(default_factory=list)
    half_written: int = 0  # kills that left a folder without its name
    advanced: int = 0  # kills after which the newest checkpoint was one that save had not yet reported

    def __str__(self) -> str:
        found = f"{self.half_written} in the middle of writing, {self.advanced} between rename and return"
        return f"{self.count} kills ({found}): {len(self.lost)} lost"


def kills(count: int, shard: int | None, seed: int) -> Kills:
    """Kill a process that saves without end, `count` times, at random moments; each time look at what is there."""
    draw, outcome = random.Random(seed), Kills()
    with tempfile.TemporaryDirectory() as name:
        folder, step = Path(name), 0
        Checkpoints(folder, keep=1, max_shard_size=shard).save(state_at(step), step=step)
        while outcome.count < count:
            step = kill_once(folder, shard, step, draw.expovariate(1 / 0.03), outcome)
    return outcome


def kill_once(folder: Path, shard: int | None, step: int, delay: float, outcome: Kills) -> int:
    """The step of the checkpoint that is found afterwards."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_for_ever(folder, shard, step + 1, writer)
        finally:
            os._exit(1)
    os.close(writer)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        reported = pipe.read()
    committed = int.from_bytes(reported[-8:], "little") if reported else step
    outcome.count += 1
    outcome.half_written += any(path.name.endswith(".writing") for path in folder.iterdir())
    if not os.WIFSIGNALED(status):
        outcome.lost.append(f"kill {outcome.count}: the writer has ended by itself")
        return committed
    return found_step(folder, committed, outcome)


def found_step(folder: Path, committed: int, outcome: Kills) -> int:
    """The newest checkpoint must be whole, and at least as new as the last one that save has returned from."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            state = Checkpoints(folder).load()
        step = state["step"]
        if not committed <= step <= committed + 1 or not is_state_of(state, step):
            outcome.lost.append(f"kill {outcome.count}: found step {step} after step {committed}")
        outcome.advanced += step > committed
    except (OSError, ValueError, Warning) as error:
        outcome.lost.append(f"kill {outcome.count}: {error}")
        return committed
    return int(step)


# ---- bits --------------------------------------------------------------------------------------------------------


def parts_of(path: Path) -> list[tuple[str, int, int, str]]:
    """File, first byte, last byte and name of each part that a flipped bit may lie in."""
    manifest = Checkpoint(path, 0).manifest()
    parts = []
    for name, file in manifest.files.items():
        parts.append((name, 0, file.header_bytes, "index" if name == manifest.index else "header"))
        for tensor, record in manifest.tensors.items():
            if record.file == name:
                parts.append((name, file.header_bytes + record.begin, file.header_bytes + record.end, tensor))
    manifests = ("manifest.json", "manifest.copy.json")
    return parts + [(name, 0, (path / name).stat().st_size, "manifest") for name in manifests]


def names(damage: Damage, file: str, part: str) -> bool:
    return damage.file == file and part == (damage.tensor if damage.what == "tensor" else damage.what)


@dataclass
class Flips:
    """Single bits that were flipped, each by itself."""

    count: int = 0
    where: Counter[str] = field(default_factory=Counter)
    unnoticed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = ", ".join(f"{count} in {part}" for part, count in self.where.most_common())
        return f"{self.count} flips ({where}): {len(self.unnoticed)} unnoticed, {len(self.misnamed)} misnamed"


def flips(count: int, shard: int | None, seed: int) -> Flips:
    """Flip one bit after another: half of them anywhere in tensors, half in headers, manifests and the index."""
    draw, outcome = random.Random(seed), Flips()
    state = {f"layer{i}.weight": tw.randn(3, 40 + i) for i in range(5)}
    state |= {"half": tw.randn(33).half(), "flags": tw.ones(7, dtype=tw.bool), "lr": 0.1}
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Checkpoints(name, max_shard_size=shard).save(state, step=1)
        parts = [part for part in parts_of(checkpoint.path) if part[1] < part[2]]
        tensors = [part for part in parts if part[3] in state]
        others = [part for part in parts if part[3] not in state]
        while outcome.count < count:
            flip_once(checkpoint, draw.choice(tensors if draw.random() < 0.5 else others), draw, outcome)
        assert checkpoint.verify() == []
    return outcome


def flip_once(checkpoint: Checkpoint, part: tuple[str, int, int, str], draw: random.Random, outcome: Flips) -> None:
    file, begin, end, name = part
    place, bit = draw.randrange(begin, end), draw.randrange(8)
    turn(checkpoint.path / file, place, bit)
    damages = checkpoint.verify()
    turn(checkpoint.path / file, place, bit)
    outcome.count += 1
    outcome.where[name if name in ("header", "manifest", "index") else "tensors"] += 1
    what = f"bit {bit} of byte {place} of {file} ({name})"
    if not damages:
        outcome.unnoticed.append(what)
    elif not any(names(damage, file, name) for damage in damages):
        outcome.misnamed.append(f"{what}: {'; '.join(map(str, damages))}")


def turn(path: Path, place: int, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


# ---- stop and resume ---------------------------------------------------------------------------------------------

EPOCHS, BATCH, SAMPLES = 3, 4, 42
STEPS = EPOCHS * -(-SAMPLES // BATCH)


class Noisy(Dataset[tuple[tw.Tensor, tw.Tensor]]):
    """Samples with noise from every global generator."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[tw.Tensor, tw.Tensor]:
        x = tw.randn(6) + index / SAMPLES + random.random() + float(np.random.random())
        return x, x.sum(0, keepdim=True) * 0.5


class Run:
    """A training run with everything that has a state."""

    def __init__(self, workers: int) -> None:
        tw.manual_seed(1)
        random.seed(2)
        np.random.seed(3)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 1))
        self.optimizer = tw.optim.AdamW(self.model.parameters(), lr=0.02)
        self.scheduler = tw.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)
        self.average = tw.optim.swa_utils.AveragedModel(
            self.model, multi_avg_fn=tw.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        self.noise = np.random.default_rng(4)
        self.loader = DataLoader(Noisy(), batch_size=BATCH, shuffle=True, num_workers=workers)
        self.state = RunState(
            model=self.model, optimizer=self.optimizer, scheduler=self.scheduler, average=self.average,
            noise=self.noise, loader=self.loader,
        )  # fmt: skip

    def steps(self) -> Iterator[None]:
        """One after the other, to the end of the last epoch."""
        for _ in range(self.state.epoch, EPOCHS):
            for x, y in self.loader:
                self.step(x + float(self.noise.normal()) * 0.01, y)
                self.state.step += 1
                yield
            self.state.epoch += 1

    def step(self, x: tw.Tensor, y: tw.Tensor) -> None:
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(x), y) * (1 + 0.01 * random.random())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.scheduler.step()
        self.average.update_parameters(self.model)

    def weights(self) -> list[np.ndarray[Any, Any]]:
        return [t.numpy().copy() for t in [*self.model.state_dict().values(), *self.average.state_dict().values()]]

    def finish(self) -> list[np.ndarray[Any, Any]]:
        for _ in self.steps():
            pass
        assert self.state.step == STEPS
        return self.weights()


def stopped(folder: str, at: int, workers: int) -> Run:
    """A run that was saved after `at` steps and is left there."""
    run = Run(workers)
    steps = run.steps()
    for _ in range(at):
        next(steps)
    run.state.save(Checkpoints(folder))
    steps.close()
    return run


def resumes(count: int, workers: int, seed: int) -> tuple[int, list[str]]:
    """Stop runs after random steps and resume them with other workers; how many, and those that end elsewhere."""
    draw, wrong = random.Random(seed), []
    expected = Run(0).finish()
    for _ in range(count):
        at = draw.randrange(1, STEPS + 1)
        with tempfile.TemporaryDirectory() as folder:
            stopped(folder, at, workers)
            run = Run(workers)
            tw.manual_seed(draw.randrange(1 << 30))  # nothing may come from before
            random.seed(draw.randrange(1 << 30))
            assert run.state.resume(Checkpoints(folder))
            weights = run.finish()
        if not all(np.array_equal(a, b) for a, b in zip(expected, weights, strict=True)):
            wrong.append(f"stopped after step {at} with {workers} workers")
    return count, wrong


# ---- crash and go on ---------------------------------------------------------------------------------------------


def train_and_save(folder: Path, workers: int) -> None:
    """What a user's program does: go on from where the last one was killed, and save now and then."""
    run, checkpoints = Run(workers), Checkpoints(folder, keep=2)
    run.state.resume(checkpoints)
    for _ in run.steps():
        if run.state.step % 2 == 0 and run.state.step < STEPS:
            run.state.save(checkpoints)
    tw.save({str(i): tw.from_numpy(weight) for i, weight in enumerate(run.weights())}, folder / "final.safetensors")


def crashes(count: int, workers: int, seed: int) -> tuple[int, list[str]]:
    """Kill training until it has come to its end all the same, `count` times; kills, and runs that end elsewhere."""
    draw, wrong, killed = random.Random(seed), [], 0
    longest = 1.5 if workers else 0.4  # seconds: an uninterrupted run takes less
    expected = Run(0).finish()
    for number in range(count):
        with tempfile.TemporaryDirectory() as name:
            final = Path(name) / "final.safetensors"
            while not final.exists():
                killed += train_until_killed(Path(name), workers, draw.uniform(0.02, longest))
            weights = tw.load(final)
        if not all(np.array_equal(a, weights[str(i)].numpy()) for i, a in enumerate(expected)):
            wrong.append(f"run {number} with {workers} workers")
    return killed, wrong


def train_until_killed(folder: Path, workers: int, delay: float) -> bool:
    """Whether it was killed before it had ended."""
    child = os.fork()
    if child == 0:
        try:
            train_and_save(folder, workers)
        finally:
            os._exit(0)
    deadline = time.monotonic() + delay
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


# ---- all of it ---------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000, help="of each kind: one file, and shards")
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--resumes", type=int, default=200, help="with each number of workers: 0 and 4")
    parser.add_argument("--crashes", type=int, default=50, help="runs that are killed until they have ended")
    options = parser.parse_args()
    failures: list[str] = []
    for kind, shard in (("one file", None), ("shards", SHARD)):
        killed = kills(options.kills, shard, options.seed)
        print(f"{kind}: {killed}", flush=True)
        failures += killed.lost
    for kind, shard in (("one file", None), ("shards", 1000)):
        flipped = flips(options.flips // 2, shard, options.seed)
        print(f"{kind}: {flipped}", flush=True)
        failures += flipped.unnoticed + flipped.misnamed
    for workers in (0, 4):
        count, wrong = resumes(options.resumes, workers, options.seed)
        print(f"{workers} workers: {count - len(wrong)} of {count} resumed runs end with the same bits", flush=True)
        failures += wrong
    for workers in (0, 2):
        times, wrong = crashes(options.crashes, workers, options.seed)
        good = f"{options.crashes - len(wrong)} of {options.crashes} end with the same bits"
        print(f"{workers} workers: runs killed {times} times: {good}", flush=True)
        failures += wrong
    print("\n".join(failures[:40]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
