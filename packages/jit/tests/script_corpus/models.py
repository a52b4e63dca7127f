"""Algorithms of models: recurrence, search, decoding, detection."""

from __future__ import annotations

import math

import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


def lstm_step(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = (x @ w + h @ u).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@corpus(lambda d: (d.tensor(5, 2, 3), d.tensor(3, 16), d.tensor(4, 16), d.integer(0, 6)))
def lstm_over_time(x: Tensor, w: Tensor, u: Tensor, length: int) -> tuple[Tensor, Tensor]:
    h = tw.zeros(x.size(1), u.size(0))
    c = tw.zeros_like(h)
    outputs = []
    for t, step in enumerate(x):
        if t >= length:
            break
        h, c = lstm_step(step, h, c, w, u)
        outputs.append(h)
    if not outputs:
        return h, c
    return tw.stack(outputs), c


@corpus(lambda d: (d.tensor(6, 6), d.integer(0, 5)))
def greedy_decoder(scores: Tensor, start: int) -> list[int]:
    token = start
    out = [token]
    while token != 0 and len(out) < 8:
        token = int(scores[token].argmax().item())
        out.append(token)
    return out


@corpus(lambda d: (d.tensor(5, 5), d.integer(1, 3)))
def beam_search(logits: Tensor, width: int) -> tuple[list[list[int]], list[float]]:
    logp = F.log_softmax(logits, dim=-1)
    beams: list[tuple[float, list[int]]] = [(0.0, [0])]
    for _ in range(4):
        candidates: list[tuple[float, list[int]]] = []
        for score, tokens in beams:
            if len(tokens) > 1 and tokens[-1] == 4:
                candidates.append((score, tokens))
                continue
            for k in range(logp.size(1)):
                candidates.append((score + float(logp[tokens[-1], k]), tokens + [k]))  # noqa: PERF401
        candidates.sort(reverse=True)
        beams = candidates[:width]
    return [tokens for _, tokens in beams], [score for score, _ in beams]


def overlap(a: Tensor, b: Tensor) -> Tensor:
    corner = tw.maximum(a[:2], b[:2])
    opposite = tw.minimum(a[2:], b[2:])
    inner = (opposite - corner).clamp(min=0).prod()
    return inner / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner + 1e-9)


@corpus(lambda d: (d.tensor(6, 2), d.tensor(6, 2).abs(), d.tensor(6), d.real(0.1, 0.5)))
def detection(corners: Tensor, sizes: Tensor, scores: Tensor, limit: float) -> tuple[Tensor, list[int]]:
    boxes = tw.cat([corners, corners + sizes], dim=1)
    order = scores.argsort(descending=True)
    kept: list[int] = []
    for index in order:
        k = int(index)
        if scores[k] < -1:
            continue
        good = True
        for other in kept:
            if overlap(boxes[k], boxes[other]) > limit:
                good = False
                break
        if good:
            kept.append(k)
    if len(kept) == 0:
        return boxes[:0], kept
    return boxes[kept], kept


@corpus(lambda d: (d.tensor(2, 4, 8), d.integer(1, 2)))
def attention(x: Tensor, heads: int) -> Tensor:
    b, t, d = x.shape
    q = x.view(b, t, heads, d // heads).transpose(1, 2)
    scores = q @ q.transpose(-2, -1) / math.sqrt(d // heads)
    mask = tw.ones(t, t, dtype=tw.bool).tril()
    scores = scores.masked_fill(~mask, -math.inf)
    return (scores.softmax(-1) @ q).transpose(1, 2).reshape(b, t, d)


@corpus(lambda d: (d.tensor(4, 3), d.tensor(4), d.integer(1, 8)))
def gradient_descent(a: Tensor, b: Tensor, steps: int) -> tuple[Tensor, int]:
    x = tw.zeros(3)
    last = math.inf
    for k in range(steps):
        residual = a @ x - b
        loss = float((residual * residual).sum())
        if loss > last:
            return x, k
        last = loss
        x = x - 0.02 * (a.T @ residual)
    return x, steps


@corpus(lambda d: (d.tensor(5, 4), d.positions(3, 3)))
def viterbi(emissions: Tensor, seed: Tensor) -> list[int]:
    transitions = (tw.arange(16).reshape(4, 4) % 3).float() - seed[0] * 0.1
    score = emissions[0]
    back: list[Tensor] = []
    for t in range(1, emissions.size(0)):
        total = score[:, None] + transitions + emissions[t]
        score, places = total.max(0)
        back.append(places)
    best = int(score.argmax())
    path = [best]
    for places in reversed(back):
        best = int(places[best])
        path.insert(0, best)
    return path


@corpus(lambda d: (d.tensor(6, 2), d.integer(1, 3)))
def k_means(points: Tensor, k: int) -> Tensor:
    centres = points[:k].clone()
    for _ in range(5):
        nearest = ((points[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
        for j in range(k):
            mine = points[nearest == j]
            if mine.size(0) > 0:
                centres[j] = mine.mean(0)
    return centres


@corpus(lambda d: ("".join(d.random.choice("abc") for _ in range(9)), {"ab": 3, "bc": 4, "abc": 5}))
def byte_pairs(text: str, merges: dict[str, int]) -> list[str]:
    parts = [letter for letter in text]  # noqa: C416
    while True:
        best = -1
        place = 0
        for i in range(len(parts) - 1):
            rank = merges.get(parts[i] + parts[i + 1], -1)
            if rank > best:
                best, place = rank, i
        if best < 0:
            break
        parts = parts[:place] + [parts[place] + parts[place + 1]] + parts[place + 2 :]
    return parts


@corpus(lambda d: (d.word(), d.word()))
def edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        before = row[0]
        row[0] = i + 1
        for j, y in enumerate(b):
            now = row[j + 1]
            row[j + 1] = min(before + (0 if x == y else 1), now + 1, row[j] + 1)
            before = now
    return row[-1]


@corpus(lambda d: (d.tensor(4, 5),))
def ctc_greedy(logits: Tensor) -> list[int]:
    out: list[int] = []
    last = -1
    for step in logits.argmax(-1):
        token = int(step)
        if token != last and token != 0:
            out.append(token)
        last = token
    return out


@corpus(lambda d: (d.tensor(3, 3), d.real(0.5, 3)))
def adaptive_steps(a: Tensor, end: float) -> tuple[Tensor, int]:
    y = tw.ones(3)
    time, h, steps = 0.0, 0.5, 0
    while time < end and steps < 50:
        h = min(h, end - time)
        slope = tw.tanh(a @ y)
        whole = y + h * slope
        middle = y + h / 2 * slope
        halves = middle + h / 2 * tw.tanh(a @ middle)
        error = float((whole - halves).abs().max())
        steps += 1
        if error > 0.05:
            h /= 2
            continue
        y = halves
        time += h
        if error < 0.01:
            h *= 2
    return y, steps
