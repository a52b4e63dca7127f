"""The examples of docs/examples in their short form: what each gives says that it has learned."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
REACHED = {  # what the short form gives, between; the first step of the same gives about what stands behind
    "image_classifier": (0.85, 1.0),  # accuracy; 0.1
    "character_gpt": (2.0, 3.3),  # nats a character; 4.7
    "lstm_language_model": (50, 300),  # perplexity; 1000
    "variational_autoencoder": (20.0, 30.0),  # nats an image; 45
    "dcgan": (0.0, 0.15),  # distance of mean images; 0.28
    "cart_pole": (100, 200),  # steps; 20
    "fine_tuning": (0.8, 1.0),  # accuracy; 0.2
    "ensemble": (2.0, 100.0),  # doubt without examples over doubt with them; 1
    "per_sample_gradients": (0.85, 1.0),  # accuracy; 0.1
}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(REACHED)


@pytest.mark.parametrize("name", REACHED)
def test_example(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    low, high = REACHED[name]
    assert low <= module.main(["--short"]) <= high
