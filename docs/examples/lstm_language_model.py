"""An LSTM reads the standard library's documentation word by word and guesses the next word.

The text is cut into columns that are read side by side; the state of one piece is where the next one begins (truncated
backpropagation through time). `--short` reads 40 pieces.
"""

from __future__ import annotations

import argparse
import importlib
import math
import pydoc
from collections import Counter
from collections.abc import Sequence

import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import Tensor, nn

MODULES = ("argparse", "asyncio", "collections", "functools", "logging", "random", "statistics", "typing")
COLUMNS, PIECE, WORDS = 16, 20, 1000
State = tuple[Tensor, Tensor]


class LanguageModel(nn.Module):
    """Words [length, columns] and a state to the logits of the next words [length, columns, words], and a new state."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, dropout=0.1)
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.embedding.weight  # tied (Press and Wolf 2017)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, text: Tensor, state: State | None) -> tuple[Tensor, State]:
        hidden, state = self.lstm(self.embedding(text), state)
        return self.decoder(hidden), state


def documentation() -> list[int]:
    """The words of the modules' documentation by rank, rare ones as 0."""
    text = []
    for name in MODULES:
        module = importlib.import_module(name)
        for item in [module, *(getattr(module, name) for name in sorted(module.__all__))]:
            text += pydoc.getdoc(item).lower().split()
    ranks = {word: k + 1 for k, (word, _) in enumerate(Counter(text).most_common(WORDS - 1))}
    return [ranks.get(word, 0) for word in text]


def train(pieces: int, width: int) -> float:
    """The perplexity of the last ten pieces: among how many words the model is undecided."""
    tw.manual_seed(0)
    words = documentation()
    columns = tw.tensor(words[: len(words) // COLUMNS * COLUMNS]).view(COLUMNS, -1).t().contiguous()
    model = LanguageModel(WORDS, width)
    optimizer = tw.optim.Adam(model.parameters(), lr=1e-2)
    state: State | None = None
    losses: list[float] = []
    for number in range(pieces):
        start = number * PIECE % (len(columns) - PIECE - 1)
        logits, (hidden, cell) = model(columns[start : start + PIECE], state)
        state = hidden.detach(), cell.detach()
        loss = F.cross_entropy(logits.flatten(0, 1), columns[start + 1 : start + PIECE + 1].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
        if number % 20 == 0:
            print(f"piece {number}: perplexity {math.exp(losses[-1]):.1f}")
    return math.exp(sum(losses[-10:]) / 10)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, and give the perplexity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="40 pieces")
    return train(40, 64) if parser.parse_args(arguments).short else train(1000, 200)


if __name__ == "__main__":
    main()
