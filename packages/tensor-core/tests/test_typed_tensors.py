"""``Tensor(2, 3)`` and ``LongTensor([1, 2])``: tensors as PyTorch made them first."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw

DTYPES = {
    "BFloat16Tensor": tw.bfloat16, "BoolTensor": tw.bool, "ByteTensor": tw.uint8, "CharTensor": tw.int8,
    "DoubleTensor": tw.float64, "FloatTensor": tw.float32, "HalfTensor": tw.float16, "IntTensor": tw.int32,
    "LongTensor": tw.int64, "ShortTensor": tw.int16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda kind: kind(2, 3), (2, 3)),
        (lambda kind: kind(4), (4,)),
        (lambda kind: kind(tw.ones(2, 3).size()), (2, 3)),
        (lambda kind: kind(), (0,)),
    ],
)
@pytest.mark.parametrize("name", ["Tensor", *DTYPES])
def test_of_sizes(name, make, shape):
    made = make(getattr(tw, name))
    assert made.shape == shape
    assert made.dtype == DTYPES.get(name, tw.float32)


@pytest.mark.parametrize("data", [[1, 0], (1, 0), np.array([1, 0]), range(1, -1, -1)])
@pytest.mark.parametrize("name", ["Tensor", *DTYPES])
def test_of_data(name, data):
    made = getattr(tw, name)(data)
    assert made.dtype == DTYPES.get(name, tw.float32)
    assert [int(value) for value in made.tolist()] == [1, 0]


def test_of_tensors():
    x = tw.tensor([1, 2])
    assert tw.Tensor(x).data_ptr() == x.data_ptr()
    assert tw.Tensor(x).dtype == tw.int64
    assert tw.FloatTensor(x).tolist() == [1.0, 2.0]


def test_floats_are_of_the_default_dtype():
    try:
        tw.set_default_dtype(tw.float64)
        assert tw.Tensor([1]).dtype == tw.Tensor(3).dtype == tw.float64
        assert tw.FloatTensor(3).dtype == tw.float32
    finally:
        tw.set_default_dtype(tw.float32)


@pytest.mark.parametrize("name", DTYPES)
def test_isinstance_and_type(name):
    kind, made = getattr(tw, name), tw.ones(2)
    assert isinstance(made.to(DTYPES[name]), kind)
    assert not isinstance(made.to(tw.complex64), kind)
    assert not isinstance(3, kind)
    assert made.type(kind).dtype == made.type(f"torch.{name}").dtype == DTYPES[name]


def test_large_sizes_are_told():
    with pytest.raises((ValueError, MemoryError)):
        tw.Tensor(2**62, 2**62)
    with pytest.raises(ValueError, match="-1"):
        tw.LongTensor(-1)


def test_a_version_is_there():
    assert tw.__version__[0].isdigit()


def test_random_numbers_can_be_drawn_aside():
    tw.manual_seed(3)
    expected = tw.rand(2).tolist()
    tw.random.manual_seed(3)
    with tw.random.fork_rng():
        tw.rand(5)
    assert tw.rand(2).tolist() == expected
