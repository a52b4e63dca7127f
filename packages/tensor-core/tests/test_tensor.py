"""What a tensor says of itself: shape, strides, storage, identity; callbacks into Python."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest
import tensorwright as tw


def test_shape_and_strides() -> None:
    x = tw.zeros(2, 3, 4)
    assert x.shape == x.size() == (2, 3, 4)
    assert (x.size(1), x.size(-1), x.stride(0), x.stride()) == (3, 4, 12, (12, 4, 1))
    assert (x.ndim, x.dim(), x.numel(), x.nelement(), len(x)) == (3, 3, 24, 24, 2)
    assert (x.itemsize, x.element_size(), x.nbytes) == (4, 4, 96)


def test_sizes_are_tuples() -> None:
    size = tw.zeros(2, 3).shape
    assert isinstance(size, tuple)
    assert size.numel() == 6
    assert type(size[1:]) is type(size + (4,)) is tw.Size
    assert tw.Size([2, 3]) == size
    assert repr(size) == "(2, 3)"
    with pytest.raises(TypeError, match="item 1 must be int, got float"):
        tw.Size([2, 1.5])  # type: ignore[list-item]


def test_storage() -> None:
    x = tw.arange(12).reshape(3, 4)
    row = x[1]
    assert row.storage_offset() == 4
    assert row.data_ptr() == x.data_ptr() + 32
    assert row.shares_storage(x)
    assert not row.shares_storage(row.clone())
    assert (x.is_contiguous(), x.T.is_contiguous()) == (True, False)


def test_transposes() -> None:
    x = tw.arange(24).reshape(2, 3, 4)
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == x.mH.shape == (2, 4, 3)
    assert x[0].H.shape == (4, 3)
    assert x.mT[1, 2, 0].item() == x[1, 0, 2].item()


def test_complex_parts_share_memory() -> None:
    z = tw.tensor([1 + 2j, 3 - 4j])
    assert (z.real.tolist(), z.imag.tolist()) == ([1, 3], [2, -4])
    z.imag[0] = 5
    assert z.tolist() == [1 + 5j, 3 - 4j]
    x = tw.ones(2)
    assert x.real is x


def test_python_values() -> None:
    assert (int(tw.tensor(2.7)), float(tw.tensor(2)), bool(tw.tensor(0)), complex(tw.tensor(1j))) == (2, 2.0, False, 1j)
    assert [5, 6, 7][tw.tensor(1)] == 6
    assert tw.arange(6).reshape(2, 3).item(1, 2) == 5
    assert tw.tensor([[True], [False]]).tolist() == [[True], [False]]
    assert tw.tensor([1.5], dtype=tw.bfloat16).item() == 1.5


def test_data_is_the_storage_without_history() -> None:
    x = tw.ones(3)
    x.data.zero_()
    assert x.tolist() == [0, 0, 0]
    x.data = tw.arange(2)
    assert (x.shape, x.dtype) == ((2,), tw.int64)


def test_type_and_new_tensor() -> None:
    x = tw.ones(2, dtype=tw.float64)
    assert x.type() == "tensorwright.float64"
    assert x.type(tw.int32).dtype == tw.int32
    assert x.new_tensor([1]).dtype == tw.float64


def test_tensors_may_be_referred_to_weakly() -> None:
    x = tw.ones(2)
    gone = weakref.ref(x)
    assert gone() is x
    del x
    assert gone() is None


def test_subclasses_in_reference_cycles_are_collected() -> None:
    class Owned(tw.Tensor):
        owner: object

    x = tw.ones(2).as_subclass(Owned)
    x.owner = [x]
    gone = weakref.ref(x)
    del x
    gc.collect()
    assert gone() is None


def test_names_given_to_extend_keep_their_references() -> None:
    name = "".join(["made_at_", "run_time"])
    before = sys.getrefcount(name)
    tw.extend.attribute(name, 1)
    assert sys.getrefcount(name) >= before
    assert getattr(tw.ones(1), name) == 1


def test_exceptions_of_callbacks_come_out_as_the_same_object() -> None:
    error = KeyError("mine")

    def generator(n: int) -> tuple[int, int]:
        raise error

    with pytest.raises(KeyError) as raised:
        tw.rand(3, generator=generator)  # type: ignore[arg-type]
    assert raised.value is error
