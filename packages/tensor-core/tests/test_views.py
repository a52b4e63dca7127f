"""View ops: the geometry that NumPy gives, shared memory, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import tensorwright as tw

Array = npt.NDArray[np.generic]
A = np.arange(24).reshape(2, 3, 4)

CASES: list[tuple[Callable[[tw.Tensor], tw.Tensor], Callable[[Array], Array]]] = [
    (lambda x: x.view(4, -1), lambda a: a.reshape(4, 6)),
    (lambda x: x.view(2, 3, 2, 2), lambda a: a.reshape(2, 3, 2, 2)),
    (lambda x: x[:, :, ::2].view(2, 3, 1, 2), lambda a: a[:, :, ::2].reshape(2, 3, 1, 2)),
    (lambda x: x[:, :2].view(2, 8), lambda a: a[:, :2].reshape(2, 8)),
    (lambda x: x.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.permute(-1, 0, 1), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.transpose(0, -1), lambda a: a.swapaxes(0, -1)),
    (lambda x: x.swapaxes(1, 2), lambda a: a.swapaxes(1, 2)),
    (lambda x: x[0].t(), lambda a: a[0].T),
    (lambda x: tw.moveaxis(x, 0, -1), lambda a: np.moveaxis(a, 0, -1)),
    (lambda x: tw.movedim(x, [0, 1], [2, 0]), lambda a: np.moveaxis(a, [0, 1], [2, 0])),
    (lambda x: x[:, :1].expand(5, 2, 3, 4), lambda a: np.broadcast_to(a[:, :1], (5, 2, 3, 4))),
    (lambda x: x[:, :1].expand(-1, 3, -1), lambda a: np.broadcast_to(a[:, :1], (2, 3, 4))),
    (lambda x: tw.broadcast_to(x, [2, 2, 3, 4]), lambda a: np.broadcast_to(a, (2, 2, 3, 4))),
    (lambda x: x.unsqueeze(1).unsqueeze(-1), lambda a: a[:, None, ..., None]),
    (lambda x: x.unsqueeze(0).squeeze(), lambda a: a),
    (lambda x: x[:1, :, :1].squeeze(0), lambda a: a[0, :, :1]),
    (lambda x: x[:1, :, :1].squeeze([0, 2]), lambda a: a[0, :, 0]),
    (lambda x: x.squeeze(1), lambda a: a),
    (lambda x: x.narrow(2, 1, 2), lambda a: a[:, :, 1:3]),
    (lambda x: x.narrow(2, -2, 2), lambda a: a[:, :, 2:]),
    (lambda x: x.select(1, -1), lambda a: a[:, -1]),
    (lambda x: tw.ops.slice(x, 2, 1, 100, 2), lambda a: a[:, :, 1:100:2]),
    (lambda x: tw.ops.slice(x, 2, -3, -1), lambda a: a[:, :, -3:-1]),
    (lambda x: tw.ops.slice(x, 2, 3, 1), lambda a: a[:, :, 3:1]),
    (lambda x: x.diagonal(0, 1, 2), lambda a: a.diagonal(0, 1, 2)),
    (lambda x: x.diagonal(2, 1, 2), lambda a: a.diagonal(2, 1, 2)),
    (lambda x: x.diagonal(-1, 0, 2), lambda a: a.diagonal(-1, 0, 2)),
    (lambda x: x.diagonal(-7, 0, 2), lambda a: a.diagonal(-7, 0, 2)),
    (lambda x: x.unfold(2, 2, 1), lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 2)),
    (lambda x: tw.flatten(x, 1), lambda a: a.reshape(2, 12)),
    (lambda x: tw.unflatten(x, 2, [2, -1]), lambda a: a.reshape(2, 3, 2, 2)),
    (lambda x: x.t() if x.ndim < 3 else x.transpose(0, 1).reshape(-1), lambda a: a.swapaxes(0, 1).ravel()),
    (lambda x: tw.ravel(x.transpose(0, 2)), lambda a: a.swapaxes(0, 2).ravel()),
    (lambda x: x.as_strided([3, 2], [4, 1], 2), lambda a: np.stack([a.ravel()[2:4], a.ravel()[6:8], a.ravel()[10:12]])),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(CASES)))
def test_geometry(case: int) -> None:
    ours, numpys = CASES[case]
    result, expected = ours(tw.tensor(A)), numpys(A)
    assert result.shape == expected.shape
    assert result.tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1)])
def test_empty_and_scalar_shapes(shape: tuple[int, ...]) -> None:
    x = tw.zeros(shape)
    assert x.view(*shape).shape == shape
    assert x.reshape(-1).shape == (x.numel(),) if x.numel() else True
    assert x.unsqueeze(0).squeeze(0).shape == shape
    assert tw.flatten(x).ndim == 1


def test_views_share_memory() -> None:
    x = tw.zeros(2, 3)
    x.view(6)[4] = 7
    x.t()[0].fill_(1)
    tw.split(x, 1)[0][0, 2] = 5
    assert x.tolist() == [[1.0, 0.0, 5.0], [1.0, 7.0, 0.0]]


def test_parts() -> None:
    x = tw.arange(7)
    assert [part.tolist() for part in x.split(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [part.tolist() for part in x.split([2, 0, 5])] == [[0, 1], [], [2, 3, 4, 5, 6]]
    assert [part.tolist() for part in x.chunk(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [part.item() for part in x.unbind()] == list(range(7))
    assert [tuple(part.shape) for part in tw.zeros(0, 2).split(3)] == [(0, 2)]


def test_bits_as_another_dtype() -> None:
    assert tw.tensor([1.0]).view(tw.int32).tolist() == [0x3F800000]
    assert tw.view_as_real(tw.tensor([1 + 2j])).tolist() == [[1.0, 2.0]]
    assert tw.view_as_complex(tw.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [1 + 2j, 3 + 4j]


def test_a_view_outlives_its_base() -> None:
    row = tw.arange(100000).view(100, 1000)[7]
    assert row.tolist() == list(range(7000, 8000))


ERRORS: list[tuple[Callable[[tw.Tensor], object], type[Exception], str]] = [
    (lambda x: x.view(5, 5), ValueError, r"\[5, 5\] does not hold the 24 elements of a tensor of shape \[2, 3, 4\]"),
    (lambda x: x.view(-1, -1), ValueError, r"view: shape \[-1, -1\]: sizes must not be negative, except for one -1"),
    (lambda x: x.view(7, -1), ValueError, r"view: shape \[7, -1\] does not hold the 24 elements"),
    (lambda x: x.transpose(0, 1).view(6, 4), ValueError, r"view: .* strides \[4, 12, 1\] cannot be .*; use reshape"),
    (lambda x: x[:0].view(0, -1), ValueError, r"with a size of 0 the -1 could be any size"),
    (lambda x: x.permute(0, 1), ValueError, "permute: every dimension must be named once"),
    (lambda x: x.permute(0, 0, 1), ValueError, "permute"),
    (lambda x: x.permute(0, 1, 3), IndexError, "permute"),
    (lambda x: x.transpose(0, 3), IndexError, "transpose"),
    (lambda x: x.t(), ValueError, "t: only matrices, vectors and scalars have a plain transpose"),
    (lambda x: x.expand(2, 3), ValueError, r"expand: \[2, 3\] has fewer dimensions than the tensor"),
    (lambda x: x.expand(2, 3, 5), ValueError, r"\[2, 3, 4\] does not expand to \[2, 3, 5\] \(dimension 2\)"),
    (lambda x: x.expand(-1, 2, 3, 4), ValueError, "expand"),
    (lambda x: x.narrow(2, 3, 2), ValueError, "narrow: start \\+ length exceeds the dimension"),
    (lambda x: x.select(2, 4), IndexError, "select: index 4 is out of range for dimension 2 of size 4"),
    (lambda x: x.unsqueeze(5), IndexError, "unsqueeze"),
    (lambda x: x.as_strided([5, 5], [5, 1]), ValueError, "as_strided: .* reaches outside the storage of 192 bytes"),
    (lambda x: x.as_strided([2], [-1]), ValueError, "as_strided: strides must not be negative"),
    (lambda x: x.as_strided([2**62, 2**62], [1, 1]), ValueError, "too large|outside"),
    (lambda x: x.as_strided([2], [1], -3), ValueError, "as_strided: storage_offset -3 lies outside"),
    (lambda x: x.split([1, 2]), ValueError, "split: the sizes do not add up"),
    (lambda x: x.unfold(2, 5, 1), ValueError, "unfold: the windows are longer than the dimension"),
    (lambda x: x[..., :3].view(tw.complex128), TypeError, "view: the last dimension does not divide into elements"),
    (lambda x: x.T.view(tw.int32), ValueError, "view: elements of .* do not lie so that they can be read as int32"),
    (lambda x: x[0, 0, 0].view(tw.int16), TypeError, "view: a 0-dimensional tensor can only be read as a dtype of the"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_refused(case: int) -> None:
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call(tw.tensor(A))
