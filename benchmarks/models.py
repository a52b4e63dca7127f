"""Programs that others wrote for PyTorch, with only the import changed: the losses of their training beside PyTorch's.

Run by `nox -s models`; TENSORWRIGHT_MODELS names a folder with checkouts of karpathy/nanoGPT (`nanoGPT`) and
pytorch/examples (`examples`). Nothing in them is changed: they are executed with `import torch` giving the one
library and then the other, from the same weights, on the same batches in float64, without dropout, since random
numbers differ.
torchvision and matplotlib are stand-ins made here: patterns in place of MNIST, nothing in place of plots.

The exit status is 1 if losses differ by more than rounding.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorwright as tw
import third_party
import torch
from third_party import Library, execute, patterns, recorded, same_weights, without_dropout

STEPS = 20
TOLERANCE = 1e-9  # relative; float64
Losses = list[float]


@dataclass(frozen=True)
class Program:
    """`train(library, weights)` gives the losses; `weights` are PyTorch's first ones, or None where they are made."""

    name: str
    train: Callable[[Library, third_party.Weights], Losses]


class Batches(list[Any]):
    """What the examples ask of a loader."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__(batches)
        self.dataset = [sample for batch in batches for sample in batch[0]]


def image_batches(lib: Library, size: int) -> Batches:
    images, labels = patterns(STEPS * size)
    split = [slice(start, start + size) for start in range(0, STEPS * size, size)]
    return Batches([(lib.from_numpy(images[part, None]), lib.from_numpy(labels[part])) for part in split])


def nano_gpt(lib: Library, weights: third_party.Weights) -> Losses:
    module = execute("nanoGPT/model.py", lib)
    model = module.GPT(module.GPTConfig(block_size=32, vocab_size=61, n_layer=3, n_head=4, n_embd=48))
    same_weights(model, weights, lib)
    optimizer = model.configure_optimizers(0.1, 3e-3, (0.9, 0.95), "cpu")
    starts = np.random.default_rng(0).integers(0, 61, (STEPS, 4, 1))
    tokens = (starts + 3 * np.arange(33)) % 61
    losses = []
    for batch in tokens:
        _, loss = model(lib.from_numpy(batch[:, :-1].copy()), lib.from_numpy(batch[:, 1:].copy()))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert model.generate(lib.zeros((1, 1), dtype=lib.int64), 40, top_k=5).shape == (1, 41)
    return losses


def mnist(file: str, lib: Library, weights: third_party.Weights) -> Losses:
    """Either of the two classifiers of digits, which differ in their network."""
    module = execute(file, lib)
    model = without_dropout(module.Net())
    same_weights(model, weights, lib)
    options = argparse.Namespace(log_interval=1, dry_run=False)
    optimizer = module.optim.Adadelta(model.parameters(), lr=1.0)
    module.F, losses = recorded(module.F, "nll_loss")
    module.train(options, model, lib.device("cpu"), image_batches(lib, 8), optimizer, 1)
    train_losses = list(losses)
    first = [options] if "args" in inspect.signature(module.test).parameters else []
    module.test(*first, model, lib.device("cpu"), image_batches(lib, 8))
    return train_losses


def vae(lib: Library, weights: third_party.Weights) -> Losses:
    module = execute("examples/vae/main.py", lib)
    same_weights(module.model, weights, lib)
    noise = np.random.default_rng(1)
    module.torch, _ = recorded(lib, randn_like=lambda x: lib.from_numpy(noise.standard_normal(tuple(x.shape))))
    module.train_loader = module.test_loader = image_batches(lib, 128)
    losses: Losses = []
    module.loss_function = third_party.recording(module.loss_function, losses)
    module.train(1)
    train_losses = list(losses)
    module.test(1)
    return train_losses


def regression(file: str, make: Callable[[Any], Any], lib: Library, weights: third_party.Weights) -> Losses:
    """A network of images to images, which learns to give back what it sees, or that enlarged."""
    model = make(execute(file, lib))
    same_weights(model, weights, lib)
    optimizer, losses = lib.optim.Adam(model.parameters(), lr=1e-3), []
    images = lib.from_numpy(np.random.default_rng(3).random((2, 3 if "style" in file else 1, 16, 16)))
    for _ in range(STEPS):
        result = model(images)
        target = lib.nn.functional.interpolate(images, size=result.shape[2:], mode="bilinear", align_corners=False)
        loss = lib.nn.functional.mse_loss(result, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def word_language_model(kind: str) -> Callable[[Library, third_party.Weights], Losses]:
    def train(lib: Library, weights: third_party.Weights) -> Losses:
        sizes = ["--emsize=24", "--nhid=24", "--nlayers=2", "--batch_size=6", "--bptt=11", "--lr=1"]
        with third_party.corpus(6 * (STEPS * 11 + 1)) as folder:
            arguments = [f"--data={folder}", f"--model={kind}", *sizes, "--epochs=0", f"--save={folder}/absent"]
            module = execute("examples/word_language_model/main.py", lib, arguments, ends_with=FileNotFoundError)
        same_weights(without_dropout(module.model), weights, lib)
        losses: Losses = []
        module.criterion, module.epoch = third_party.recording(module.criterion, losses), 1
        module.train()
        train_losses = list(losses)
        module.evaluate(module.val_data)
        return train_losses

    return train


def time_sequence_prediction(lib: Library, weights: third_party.Weights) -> Losses:
    module = execute("examples/time_sequence_prediction/train.py", lib)
    model = module.Sequence()
    same_weights(model, weights, lib)
    phases = np.random.default_rng(2).integers(-80, 80, 6)
    waves = lib.from_numpy(np.sin((np.arange(40) + phases[:, None]) / 20.0))
    optimizer, losses = module.optim.LBFGS(model.parameters(), lr=0.8, max_iter=STEPS), []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = lib.nn.MSELoss()(model(waves[:, :-1]), waves[:, 1:])
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    assert model(waves, future=5).shape == (6, 45)
    return losses


PROGRAMS = (
    Program("nanoGPT", nano_gpt),
    Program("mnist", functools.partial(mnist, "examples/mnist/main.py")),
    Program("mnist_rnn", functools.partial(mnist, "examples/mnist_rnn/main.py")),
    Program("vae", vae),
    *(
        Program(f"word_language_model {kind}", word_language_model(kind))
        for kind in ("LSTM", "GRU", "RNN_TANH", "RNN_RELU", "Transformer")
    ),
    Program("time_sequence_prediction", time_sequence_prediction),
    Program(
        "super_resolution", functools.partial(regression, "examples/super_resolution/model.py", lambda m: m.Net(3))
    ),
    Program(
        "fast_neural_style",
        functools.partial(
            regression, "examples/fast_neural_style/neural_style/transformer_net.py", lambda m: m.TransformerNet()
        ),
    ),
)

WHOLE = {
    "examples/mnist/main.py": ("--epochs=2", "--batch-size=32"),
    "examples/mnist_rnn/main.py": ("--epochs=2", "--batch-size=32"),
    "examples/vae/main.py": ("--epochs=2", "--batch-size=64"),
    "examples/regression/main.py": (),
}


def compare(program: Program) -> bool:
    """Train with both; one line about it."""
    weights = third_party.Weights()
    theirs = np.array(program.train(torch, weights))
    ours = np.array(program.train(tw, weights))
    same_number = len(ours) == len(theirs) == STEPS
    difference = float(np.max(np.abs(ours - theirs) / np.abs(theirs))) if same_number else float("inf")
    good = difference <= TOLERANCE and theirs[-1] < theirs[0]
    print(
        f"{program.name:32} {len(ours)} losses from {ours[0]:.4f} to {ours[-1]:.4f}, relative difference from "
        f"PyTorch's at most {difference:.1e}  {'same' if good else 'DIFFERENT'}"
    )
    return good


def run_whole(file: str, arguments: Sequence[str]) -> None:
    """Start a program as a user would, on tensorwright alone; one line about it."""
    execute(file, tw, arguments, name="__main__")
    print(f"{file} {' '.join(arguments)}: ran to its end")


def write_words(kind: str) -> None:
    """Train a language model, which saves itself whole, and load it in the program that writes a text with it."""
    folder = "examples/word_language_model"
    with third_party.corpus(6 * (5 * 11 + 1)) as words:
        sizes = ("--emsize=24", "--nhid=24", "--batch_size=6", "--bptt=11", "--epochs=2")
        saved = words / "model.pt"
        execute(
            f"{folder}/main.py", tw, (f"--data={words}", f"--model={kind}", *sizes, f"--save={saved}"), name="__main__"
        )
        text = words / "text"
        given = (f"--data={words}", f"--checkpoint={saved}", f"--outf={text}", "--words=40")
        execute(f"{folder}/generate.py", tw, given, name="__main__")
        assert len(text.read_text().split()) == 40
    print(f"{folder} {kind}: trained, saved the module, loaded it and wrote 40 words")


def train_and_resume() -> None:
    """nanoGPT's program of training saves checkpoints, with an optimizer's state and options, and goes on from them."""
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 16, "block_size": 16, "batch_size": 4, "eval_iters": 2}
    small = [f"--{name}={value}" for name, value in sizes.items()]
    given = ["--dataset=counted", "--device=cpu", "--dtype=float32", "--gradient_accumulation_steps=1", *small]
    tokens = (3 * np.arange(20_000) % 61).astype(np.uint16)
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path("data/counted")
        folder.mkdir(parents=True)
        for part in ("train", "val"):
            tokens.tofile(folder / f"{part}.bin")
        shutil.copy(third_party.FOLDER / "nanoGPT" / "configurator.py", ".")
        for number, options in enumerate((["--compile=False"], ["--compile=True", "--init_from=resume"]), start=1):
            steps = ["--eval_interval=10", f"--max_iters={10 * number}", "--always_save_checkpoint=True"]
            module = execute("nanoGPT/train.py", tw, [*given, *steps, *options], name="__main__")
            assert module.iter_num == 10 * number + 1
    print("nanoGPT/train.py: trained, saved, resumed with torch.compile and ran to its end")


def predict_sequences() -> None:
    """One program saves an array, the other loads it and trains."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        execute("examples/time_sequence_prediction/generate_sine_wave.py", tw, name="__main__")
        execute("examples/time_sequence_prediction/train.py", tw, ["--steps=1"], name="__main__")
    print("examples/time_sequence_prediction: waves saved, loaded, and ran to its end")


def main() -> int:
    """Compare the programs whose names contain what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of a name")
    options = parser.parse_args()
    third_party.FOLDER = Path(os.environ.get("TENSORWRIGHT_MODELS", ""))
    for lib in (tw, torch):
        lib.set_default_dtype(lib.float64)
        lib.manual_seed(0)
    results = [compare(program) for program in PROGRAMS if options.only in program.name]
    print(f"{sum(results)} of {len(results)} trainings have PyTorch's losses")
    for file, arguments in WHOLE.items():
        if options.only in file:
            run_whole(file, arguments)
    for kind in ("LSTM", "Transformer"):
        if options.only in f"word_language_model {kind}":
            write_words(kind)
    for program, run in (("nanoGPT", train_and_resume), ("time_sequence_prediction", predict_sequences)):
        if options.only in program:
            run()
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
