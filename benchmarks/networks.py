"""The networks of whole training steps, for either library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from case import Library, Run

Loss = Callable[[], Any]


def mlp(lib: Library) -> tuple[Any, Loss]:
    """784-512-512-10, batch 64."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    x, target = lib.randn(64, 784), lib.randint(0, 10, (64,))
    return model, lambda: nn.functional.cross_entropy(model(x), target)


def resnet18(lib: Library, images: int = 32, size: int = 32, *, large_stem: bool = False) -> tuple[Any, Loss]:
    """ResNet-18 with the 3x3 stem of small images, or with the 7x7 one and its pooling."""
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.short = (
                nn.Identity()
                if stride == 1 and inputs == outputs
                else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
            )

        def forward(self, x: Any) -> Any:
            h = nn.functional.relu(self.norm1(self.conv1(x)))
            return nn.functional.relu(self.norm2(self.conv2(h)) + self.short(x))

    widths = [64, 64, 128, 256, 512]
    blocks = [
        Block(widths[i] if k == 0 else widths[i + 1], widths[i + 1], 2 if i and k == 0 else 1)
        for i in range(4)
        for k in range(2)
    ]
    stem = [
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        if large_stem
        else nn.Conv2d(3, 64, 3, padding=1, bias=False)
    ]
    pooling = [nn.MaxPool2d(3, 2, 1)] if large_stem else []
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    model = nn.Sequential(*stem, nn.BatchNorm2d(64), nn.ReLU(), *pooling, *blocks, *head)
    x, target = lib.randn(images, 3, size, size), lib.randint(0, 10, (images,))
    return model, lambda: nn.functional.cross_entropy(model(x), target)


def transformer(lib: Library, classes: int = 64, *, causal: bool = False) -> tuple[Any, Loss]:
    """Four layers of width 256, normalised before their parts, on eight sequences of 128."""
    nn = lib.nn
    functional = nn.functional

    class Layer(nn.Module):  # type: ignore[misc]
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            x = x + self.out(mixed.transpose(1, 2).flatten(2))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    model = nn.Sequential(*(Layer(256, 8) for _ in range(4)), nn.Linear(256, classes))
    x, target = lib.randn(8, 128, 256), lib.randint(0, classes, (8 * 128,))
    return model, lambda: functional.cross_entropy(model(x).flatten(0, 1), target)


def gpt(lib: Library) -> tuple[Any, Loss]:
    """The transformer as a language model: causal, with embeddings of 1,000 words and of places."""
    nn = lib.nn
    layers, _ = transformer(lib, classes=1000, causal=True)
    words, places = nn.Embedding(1000, 256), nn.Embedding(128, 256)
    model = nn.ModuleList([words, places, layers])
    text, order, target = lib.randint(0, 1000, (8, 128)), lib.arange(128), lib.randint(0, 1000, (8 * 128,))
    return model, lambda: nn.functional.cross_entropy(layers(words(text) + places(order)).flatten(0, 1), target)


def lstm(lib: Library) -> tuple[Any, Loss]:
    """A language model: 1,000 words, two layers of width 256, 20 sequences of 35."""
    nn = lib.nn
    words, recurrent, head = nn.Embedding(1000, 256), nn.LSTM(256, 256, 2), nn.Linear(256, 1000)
    model = nn.ModuleList([words, recurrent, head])
    text, target = lib.randint(0, 1000, (35, 20)), lib.randint(0, 1000, (35 * 20,))
    return model, lambda: nn.functional.cross_entropy(head(recurrent(words(text))[0]).flatten(0, 1), target)


def training_step(lib: Library, network: Callable[[Library], tuple[Any, Loss]]) -> Run:
    """One step of Adam."""
    lib.manual_seed(0)
    model, loss = network(lib)
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run
