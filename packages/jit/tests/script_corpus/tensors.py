"""Tensors: methods, functions, subscripts, writes."""

from __future__ import annotations

import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@corpus(lambda d: (d.tensor(2, 3), d.tensor(3)))
def operators(x: Tensor, y: Tensor) -> Tensor:
    return (x + y) * 2 - x / 3 + 1.5 - (2 - y) ** 2 + -x + x // 2 + x % 2 + 1 / (y + 5)


@corpus(lambda d: (d.tensor(2, 3), d.tensor(3, 2)))
def matrix_product(x: Tensor, y: Tensor) -> Tensor:
    return x @ y + (x.T + y).mT @ y


@corpus(lambda d: (d.tensor(3), d.tensor(3)))
def comparisons(x: Tensor, y: Tensor) -> Tensor:
    return (x > y) & (x < 1) | ~(y >= 0) ^ (x == y)


@corpus(lambda d: (d.tensor(2, 3),))
def keyword_arguments(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x.sum(dim=1, keepdim=True), x.mean(0), tw.sum(x, dim=(0, 1)), x.std(dim=-1, unbiased=False)


@corpus(lambda d: (d.tensor(2, 3),))
def overloads(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    values, indices = x.max(dim=1)
    best = x.min(0)
    return values, indices, x.max(), best.values + best.indices


@corpus(lambda d: (d.tensor(2, 3),))
def named_results(x: Tensor) -> Tensor:
    top = x.topk(2, dim=1)
    return top.values * top[1] + tw.sort(x, dim=1, descending=True).values[:, :2]


@corpus(lambda d: (d.tensor(2, 6), d.integer(1, 3)))
def shapes(x: Tensor, n: int) -> tuple[Tensor, int, int, tuple[int, ...], int]:
    b, s = x.shape
    y = x.view(b * n if b * s % (b * n) == 0 else b, -1)
    return y, x.size(0), x.ndim, x.shape, x.numel() + x.dim() + len(x)


@corpus(lambda d: (d.tensor(2, 3, 4),))
def reshaping(x: Tensor) -> Tensor:
    y = x.permute(2, 0, 1).reshape(4, -1)
    return y.unsqueeze(0).expand(2, -1, -1).flatten(1).transpose(0, 1).contiguous()


@corpus(lambda d: (d.tensor(4, 3), d.integer(-4, 3)))
def integer_subscripts(x: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x[k], x[k, 1], x[-1][0], x[k][-1]


@corpus(lambda d: (d.tensor(5, 4), d.integer(-6, 6), d.integer(-6, 6)))
def slice_subscripts(x: Tensor, a: int, b: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return x[a:b], x[:, 1:], x[::2, -2:], x[:3][1:], x[:, ::-1]


@corpus(lambda d: (d.tensor(2, 3, 4),))
def none_and_ellipsis(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return x[None], x[..., 0], x[:, None, 1], x[..., None], x[0, ..., 1:]


@corpus(lambda d: (d.tensor(4, 3), d.positions(3, 4)))
def tensor_subscripts(x: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x[at], x[:, at.clamp(max=2)], x[[0, 2]], x[at, at.clamp(max=2)]


@corpus(lambda d: (d.tensor(4, 3),))
def mask_subscripts(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mask = x > 0
    return x[mask], x[x.sum(1) > 0], x[x[:, 0] > 0, :]


@corpus(lambda d: (d.tensor(4, 3), d.real(), d.integer(0, 3)))
def writes(x: Tensor, value: float, k: int) -> Tensor:
    y = x.clone()
    y[k] = value
    y[:, 1] = x[:, 0]
    y[0, 0] = 7
    y[1:3, 1:] += 1
    y[y > 5] = -1.0
    y[[0, 2], 2] = tw.zeros(2)
    y[..., -1] *= 2
    return y


@corpus(lambda d: (d.tensor(3),))
def in_place(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x.clone()
    z = y
    y.add_(1).mul_(2)
    y += x
    y -= 0.5
    y.clamp_(min=-1.0)
    z[0] = 9.0
    return y, z


@corpus(lambda d: (d.tensor(2, 2),))
def views_share_memory(x: Tensor) -> Tensor:
    y = x.clone()
    row = y[0]
    row.fill_(3.0)
    y.t()[1].zero_()
    return y


@corpus(lambda d: (d.integer(1, 4), d.integer(1, 4)))
def creation(n: int, m: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        tw.zeros(n, m),
        tw.ones((n, m), dtype=tw.int64),
        tw.arange(n, n + m),
        tw.full((n,), 2.5),
        tw.eye(n, m, dtype=tw.float64),
    )


@corpus(lambda d: (d.tensor(2, 3),))
def creation_like(x: Tensor) -> Tensor:
    return tw.zeros_like(x) + x.new_ones(2, 3) * 2 + tw.linspace(0, 1, steps=3) + tw.empty(x.shape).fill_(1)


@corpus(lambda d: (d.integer(), d.real(), d.truth()))
def tensors_from_numbers(n: int, x: float, b: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return tw.tensor(n), tw.tensor([x, n]), tw.tensor([[n, 1], [2, 3]], dtype=tw.float64), tw.tensor([b, True])


@corpus(lambda d: (d.tensor(3),))
def numbers_from_tensors(x: Tensor) -> tuple[float, int, bool, float]:
    return x[0].item(), int(x[1]), bool(x[2] > 0), float(x.sum()) + x.max().item()


@corpus(lambda d: (d.tensor(3),))
def dtypes(x: Tensor) -> tuple[Tensor, Tensor, Tensor, bool, bool]:
    y = x.to(tw.float64)
    return y.long(), x.to(y.dtype) + y, (x > 0).float(), x.dtype == tw.float32, y.is_floating_point()


@corpus(lambda d: (d.tensor(6),))
def splitting(x: Tensor) -> Tensor:
    a, b, c = x.split(2)
    first, second = tw.chunk(x, 2)
    return tw.cat([a * 2, b, c]) + tw.cat((second, first))


@corpus(lambda d: (d.tensor(4),))
def split_given_back(x: Tensor) -> tuple[Tensor, ...]:
    return x.split(3)


@corpus(lambda d: (d.tensor(3), d.tensor(3)))
def where_and_masked_fill(x: Tensor, y: Tensor) -> Tensor:
    return tw.where(x > y, x, 0.0) + x.masked_fill(y > 0, -1.0) + tw.maximum(x, y)


@corpus(lambda d: (d.tensor(2, 4),))
def functional(x: Tensor) -> Tensor:
    y = F.relu(x) + F.softmax(x, dim=-1) + F.gelu(x) + F.leaky_relu(x, 0.2)
    return F.layer_norm(y, (4,)) + F.dropout(x, 0.5, training=False)


@corpus(lambda d: (d.tensor(3, 4), d.positions(3, 4)))
def losses(x: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(x, target) + F.mse_loss(x, x * 2, reduction="sum")


@corpus(lambda d: (d.tensor(2, 3), d.tensor(3, 3)))
def linear_algebra(x: Tensor, a: Tensor) -> Tensor:
    return tw.linalg.solve(a @ a.mT + tw.eye(3) * 10, x.mT) + tw.einsum("ij,kj->ki", x, a).sum()


@corpus(lambda d: (d.tensor(5),))
def running_maximum(x: Tensor) -> Tensor:
    out = tw.empty_like(x)
    best = x[0]
    for i in range(x.size(0)):
        if x[i] > best:
            best = x[i]
        out[i] = best
    return out


@corpus(lambda d: (d.tensor(4, 4),))
def power_iteration(a: Tensor) -> Tensor:
    a = a @ a.T
    v = tw.ones(4)
    for _ in range(20):
        w = a @ v
        norm = w.norm()
        if norm == 0:
            return v
        v = w / norm
    return v


@corpus(lambda d: (d.tensor(3),))
def sum_of_tensors(x: Tensor) -> Tensor:
    return sum([x * i for i in range(4)]) + sum((x, x))


@corpus(lambda d: (d.tensor(3, 3),))
def rows_unpacked(x: Tensor) -> Tensor:
    a, b, c = x
    return a * b - c


@corpus(lambda d: (d.tensor(4), d.tensor(4)))
def out_argument(x: Tensor, y: Tensor) -> Tensor:
    z = tw.empty(4)
    tw.add(x, y, out=z)
    return z


@corpus(lambda d: (d.tensor(2, 3), d.tensor(2, 3)))
def wrong_shapes(x: Tensor, y: Tensor) -> Tensor:
    return x @ y


@corpus(lambda d: (d.tensor(3), d.integer(0, 5)))
def index_error(x: Tensor, k: int) -> Tensor:
    return x[k]


@corpus(lambda d: (d.tensor(6), d.integer(1, 3)))
def scan(x: Tensor, n: int) -> Tensor:
    state = tw.zeros(())
    outputs: list[Tensor] = []
    for t in range(0, len(x), n):
        state = state * 0.9 + x[t]
        outputs.append(state)
    return tw.stack(outputs)


@corpus(lambda d: (d.tensor(3), d.truth()))
def dtype_chosen(x: Tensor, wide: bool) -> Tensor:
    dtype = tw.float64 if wide else tw.float32
    return x.to(dtype) * 2


@corpus(lambda d: (d.tensor(2, 3), d.integer(1, 3)))
def starred_sizes(x: Tensor, n: int) -> Tensor:
    y = tw.zeros(*x.shape[:-1], n)
    return x.unsqueeze(-1).expand(*x.shape, n) + y.view(*y.shape[:1], 1, n)
