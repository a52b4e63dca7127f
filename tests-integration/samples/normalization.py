"""Rows of normalisation over features, of softmaxes and of the native forms of normalisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW


def wide(x: Any) -> Any:
    return x if x is None or not isinstance(x, np.ndarray) else x.astype(np.float64)


def affine(values: Array, x: Array, weight: Any, bias: Any) -> Array:
    values = values if weight is None else values * weight
    return np.asarray(values if bias is None else values + bias, x.dtype)


# ---- features --------------------------------------------------------------------------------------------


def layer_statistics(x: Array, shape: Any) -> tuple[Array, Array]:
    dims = 1 if isinstance(shape, int) else len(shape)
    axes = tuple(range(x.ndim - dims, x.ndim))
    return wide(x).mean(axes, keepdims=True), wide(x).var(axes, keepdims=True)


def layer_reference(x: Array, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    mean, var = layer_statistics(x, shape)
    return affine((wide(x) - mean) / np.sqrt(var + eps), x, weight, bias)


def layers(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), [4])
    yield case(make(3, 4), [4], make(4), make(4), 1e-3)
    yield case(make(2, 3, 4), [3, 4], weight=make(3, 4))
    yield case(make(2, 3, 4), [3, 4], bias=make(3, 4))
    yield case(make(5), [5])
    yield case(make(0, 4), [4])
    yield refused(make(3, 4), [3], error=ValueError, match="last dimensions differ from normalized_shape")
    yield refused(make(3, 4), [4], make(3), error=ValueError, match="weight must have normalized_shape")


for prefix in ("", "nn.functional."):
    row(f"{prefix}layer_norm", dtypes=ANY_FLOAT, reference=layer_reference)(layers)


def native_layer_reference(x: Array, shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Array, ...]:
    mean, var = layer_statistics(x, shape)
    return layer_reference(x, shape, weight, bias, eps), mean.astype(x.dtype), (1 / np.sqrt(var + eps)).astype(x.dtype)


@row("native_layer_norm", reference=native_layer_reference, gradgrad=False, grad=False)  # of the first result only
def native_layer_norm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), [4], make(4), make(4), 1e-3)
    yield case(make(2, 3, 4), [3, 4], None, None, 1e-5)


def rms_reference(x: Array, shape: Any, weight: Any = None, eps: float | None = None) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    step = float(np.finfo(np.float64 if x.dtype == np.float64 else np.float32).eps)
    scale = np.sqrt((wide(x) ** 2).mean(axes, keepdims=True) + (step if eps is None else eps))
    return affine(wide(x) / scale, x, weight, None)


def roots(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), [4])
    yield case(make(3, 4), [4], make(4), 1e-3)
    yield case(make(2, 3, 2), [3, 2], weight=make(3, 2), eps=0.1)
    yield case(make(0, 4), [4])
    yield refused(make(3, 4), [3], error=ValueError, match="last dimensions differ from normalized_shape")


for prefix in ("", "nn.functional."):
    row(f"{prefix}rms_norm", dtypes=ANY_FLOAT, reference=rms_reference)(roots)


def unit(x: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    return x / np.maximum(np.linalg.norm(x, p, axis=dim, keepdims=True), eps)


@row("nn.functional.normalize", dtypes=ANY_FLOAT, reference=unit)
def normalize(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), p=1.0, dim=-1)
    yield case(make(3, 4), dim=0, eps=2.5)
    yield case(make(4), p=3.0, dim=0)


def norm_by(v: Array, power: int = 2, dim: int = 0) -> Any:
    if dim == -1:
        return np.linalg.norm(v)
    rows = np.moveaxis(v, dim, 0).reshape(v.shape[dim], -1)
    return np.linalg.norm(rows, power, axis=1).reshape([n if d == dim else 1 for d, n in enumerate(v.shape)])


@row("norm_except_dim", reference=norm_by)
def norm_except_dim(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), dim=1)
    yield case(make(2, 3, 4), 2, 2)


# ---- channels --------------------------------------------------------------------------------------------


def along_channels(v: Any, x: Array) -> Any:
    return v if v is None else np.asarray(v).reshape(1, -1, *[1] * (x.ndim - 2))


def batch_reference(
    x: Array,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Array:
    axes = (0, *range(2, x.ndim))
    mean = wide(x).mean(axes, keepdims=True) if training else along_channels(running_mean, x)
    var = wide(x).var(axes, keepdims=True) if training else along_channels(running_var, x)
    return affine((wide(x) - mean) / np.sqrt(var + eps), x, along_channels(weight, x), along_channels(bias, x))


@row("batch_norm", dtypes=ANY_FLOAT, reference=batch_reference, grad=(0, 1, 2))
def batch_norm(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(3), make(3), make(3), make(3, low=0.5), False, 0.1, 1e-3, False)
    yield case(make(4, 3, 2), None, None, None, None, True, 0.1, 1e-3, False)
    yield case(make(2, 3, 2, 2), make(3), make(3), None, None, True, 0.2, 1e-5, False)
    yield refused(make(4, 3), make(2), None, None, None, True, 0.1, 1e-5, False, error=ValueError, match="per channel")
    yield refused(make(4, 3), None, None, None, None, False, 0.1, 1e-5, False, error=ValueError, match="running_mean")


def functional_batch_reference(x: Array, mean: Any, var: Any, weight: Any, bias: Any, *options: Any) -> Array:
    return batch_reference(x, weight, bias, mean, var, *options)


@row("nn.functional.batch_norm", dtypes=ANY_FLOAT, reference=functional_batch_reference, grad=(0, 3, 4))
def functional_batch_norm(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(3), make(3, low=0.5), make(3), make(3), False, 0.1, 1e-3)
    yield case(make(4, 3, 2), None, None, None, None, True, 0.1, 1e-3)
    yield case(make(2, 3, 2, 2), None, None, make(3), make(3), True, 0.2, 1e-5)
    yield refused(make(4, 3), None, None, make(2), None, True, 0.1, 1e-5, error=ValueError, match="per channel")


def native_batch_reference(x: Array, weight: Any, bias: Any, mean: Any, var: Any, *options: Any) -> tuple[Array, ...]:
    axes = (0, *range(2, x.ndim))
    invstd = 1 / np.sqrt(wide(x).var(axes) + options[2])
    result = batch_reference(x, weight, bias, mean, var, *options)
    return result, wide(x).mean(axes).astype(x.dtype), invstd.astype(x.dtype)


@row("native_batch_norm", reference=native_batch_reference, grad=False)  # of the first result only
def native_batch_norm(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(3), make(3), None, None, True, 0.1, 1e-3)
    yield case(make(2, 3, 4), None, None, None, None, True, 0.1, 1e-5)


def native_group_reference(
    x: Array, weight: Any, bias: Any, n: int, c: int, positions: int, groups: int, eps: float
) -> tuple[Array, ...]:
    rows = wide(x).reshape(n, groups, -1)
    mean, invstd = rows.mean(-1), 1 / np.sqrt(rows.var(-1) + eps)
    values = ((rows - mean[..., None]) * invstd[..., None]).reshape(x.shape)
    result = affine(values, x, along_channels(weight, x), along_channels(bias, x))
    return result, mean.astype(x.dtype), invstd.astype(x.dtype)


@row("native_group_norm", reference=native_group_reference, grad=False)  # of the first result only
def native_group_norm(make: Make) -> Iterator[Case]:
    yield case(make(2, 6, 4), make(6), make(6), 2, 6, 4, 3, 1e-3)
    yield case(make(3, 4), None, None, 3, 4, 1, 2, 1e-5)
    yield refused(make(3, 4), None, None, 3, 4, 2, 2, 1e-5, error=ValueError, match="N \\* C \\* HxW")


# ---- softmaxes -------------------------------------------------------------------------------------------


def softmax_reference(x: Array, dim: int, dtype: Any = None) -> Array:
    e = np.exp(wide(x) - wide(x).max(dim, keepdims=True)) if x.size else wide(x)
    return np.asarray(e / e.sum(dim, keepdims=True), x.dtype)


def lines(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 1)
    yield case(make(3, 4), 0)
    yield case(make(2, 3, 4), -2)
    yield case(make(), 0)
    yield case(make(0, 3), 1)
    yield refused(make(3, 4), 2, error=IndexError, match="out of range")


for prefix in ("", "special.", "nn.functional."):
    row(f"{prefix}softmax", dtypes=ANY_FLOAT, reference=softmax_reference)(lines)
    row(f"{prefix}log_softmax", dtypes=ANY_FLOAT, reference=lambda x, dim: np.log(softmax_reference(x, dim)))(lines)


@row("ops._safe_softmax", dtypes=ANY_FLOAT, torch="ops.aten._safe_softmax", reference=lambda x, dim: np.where(
    np.isneginf(x).all(dim, keepdims=True), 0, softmax_reference(x, dim)
))  # fmt: skip
def safe_softmax(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 1)
    yield case(make(2, 3, 4), 0)


@row("nn.functional.gumbel_softmax", random=True, grad=False)
def gumbel_softmax(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(3, 4), tau=0.5, hard=True, dim=0)


# ---- affine maps of two vectors --------------------------------------------------------------------------


def bilinears(make: Make) -> Iterator[Case]:
    yield case(make(3, 2), make(3, 4), make(5, 2, 4), make(5))
    yield case(make(2), make(4), make(5, 2, 4))
    yield case(make(2, 3, 2), make(2, 3, 1), make(1, 2, 1))
    yield refused(make(3, 2), make(3, 4), make(5, 2, 3), error=ValueError, match="differ from weight's")


def bilinear_reference(x: Array, y: Array, weight: Array, bias: Any = None) -> Any:
    return np.einsum("...i,oij,...j->...o", x, weight, y) + (0 if bias is None else bias)


for prefix in ("", "nn.functional."):
    row(f"{prefix}bilinear", reference=bilinear_reference)(bilinears)


def grouped_reference(a: Array, b: Array, offs: Any = None) -> Array:
    if offs is None:
        return a @ b
    cuts = [(0 if g == 0 else offs[g - 1], end) for g, end in enumerate(offs)]
    if a.ndim == b.ndim:
        return np.stack([a[:, i:j] @ b[i:j] for i, j in cuts])
    if a.ndim == 2:
        return np.concatenate([a[i:j] @ b[g] for g, (i, j) in enumerate(cuts)])
    return np.concatenate([a[g] @ b[:, i:j] for g, (i, j) in enumerate(cuts)], 1)


@row("nn.functional.grouped_mm", dtypes=("float32",), reference=grouped_reference)
def grouped_mm(make: Make) -> Iterator[Case]:
    ends = np.array([4, 8, 12], np.int32)
    yield case(make(12, 4), make(3, 4, 8), offs=ends)
    yield case(make(2, 4, 8), make(2, 8, 4))
    yield case(make(4, 12), make(12, 8), offs=ends)
    yield case(make(3, 4, 8), make(8, 12), offs=ends)
    yield refused(make(12, 4), make(3, 4, 8), error=ValueError, match="and offs if one of them is a matrix")
