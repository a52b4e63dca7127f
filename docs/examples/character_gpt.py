"""A small GPT learns to write as Python's standard library does: character by character, from its own documentation.

`--short` takes 60 steps of a smaller network.
"""

from __future__ import annotations

import argparse
import importlib
import pydoc
from collections.abc import Sequence
from typing import NamedTuple

import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import Tensor, nn

MODULES = ("argparse", "asyncio", "collections", "functools", "logging", "random", "statistics", "typing")


class Size(NamedTuple):
    """Of a network and its batches."""

    context: int = 96
    width: int = 128
    heads: int = 4
    layers: int = 4
    batch: int = 24


class Block(nn.Module):
    """Attention to what came before, then a perceptron; both add to the stream (Vaswani et al. 2017)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.before_attention, self.before_perceptron = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.to_qkv, self.from_heads = nn.Linear(size.width, 3 * size.width), nn.Linear(size.width, size.width)
        self.perceptron = nn.Sequential(
            nn.Linear(size.width, 4 * size.width), nn.GELU(), nn.Linear(4 * size.width, size.width)
        )

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        split = self.to_qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(split[0], split[1], split[2], is_causal=True)
        joined: Tensor = self.from_heads(mixed.transpose(1, 2).reshape(batch, length, width))
        return joined

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.before_attention(x))
        result: Tensor = x + self.perceptron(self.before_perceptron(x))
        return result


class GPT(nn.Module):
    """Characters [batch, length] to the logits of each one's successor [batch, length, characters]."""

    def __init__(self, characters: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.characters, self.places = nn.Embedding(characters, size.width), nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.head = nn.Sequential(nn.LayerNorm(size.width), nn.Linear(size.width, characters))

    def forward(self, text: Tensor) -> Tensor:
        x = self.characters(text) + self.places(tw.arange(text.shape[1]))
        logits: Tensor = self.head(self.blocks(x))
        return logits

    @tw.no_grad()
    def write(self, text: Tensor, count: int) -> Tensor:
        """Continue a text [1, length] by `count` characters, each drawn from what the network expects."""
        for _ in range(count):
            expected = self(text[:, -self.size.context :])[:, -1].softmax(-1)
            text = tw.cat([text, tw.multinomial(expected, 1)], dim=1)
        return text


def documentation() -> str:
    """What the modules, their classes and functions say about themselves."""
    texts = []
    for name in MODULES:
        module = importlib.import_module(name)
        texts += [pydoc.getdoc(module), *(pydoc.getdoc(getattr(module, item)) for item in sorted(module.__all__))]
    return "\n\n".join(texts)


def train(steps: int, size: Size) -> float:
    """The mean loss of the last ten steps, in nats a character."""
    tw.manual_seed(0)
    text = documentation()
    alphabet = sorted(set(text))
    number = {character: k for k, character in enumerate(alphabet)}
    encoded = tw.tensor([number[character] for character in text])
    model = GPT(len(alphabet), size)
    optimizer = tw.optim.AdamW(model.parameters(), lr=2e-3)
    losses: list[float] = []
    for step in range(steps):
        starts = tw.randint(len(text) - size.context - 1, (size.batch, 1))
        batch = encoded[starts + tw.arange(size.context + 1)]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step}: loss {losses[-1]:.3f}")
    written = model.write(encoded[None, :20], 200)[0]
    print("".join(alphabet[k] for k in written.tolist()))
    return sum(losses[-10:]) / 10


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, write a little, and give the loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="60 steps of a smaller network")
    short = parser.parse_args(arguments).short
    return train(60, Size(48, 48, 4, 2, 12)) if short else train(2000, Size())


if __name__ == "__main__":
    main()
