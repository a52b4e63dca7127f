"""Tensors to and from PyTorch through DLPack: capsules, the table of C functions, and what each respects."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import tensorwright as tw
import torch

DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16",
    "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
)  # fmt: skip


def bits(tensor: Any) -> list[int]:
    return tensor.view((torch if isinstance(tensor, torch.Tensor) else tw).uint8).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_ways(dtype: str) -> None:
    here = tw.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(tw, dtype))
    there = torch.from_dlpack(here)
    assert (str(there.dtype), tuple(there.shape)) == (f"torch.{dtype}", (2, 3))
    assert there.data_ptr() == here.data_ptr()
    assert bits(there) == bits(here)
    back = tw.from_dlpack(there)
    assert (back.dtype, back.shape, back.data_ptr()) == (here.dtype, here.shape, here.data_ptr())


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_torch(dtype: str) -> None:
    there = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    here = tw.from_dlpack(there)
    assert (here.dtype.name, here.shape, here.data_ptr()) == (dtype, (2, 3), there.data_ptr())
    assert bits(there) == bits(here)


def test_writes_are_seen_on_both_sides() -> None:
    there = torch.zeros(3)
    here = tw.from_dlpack(there)
    here[1] = 5
    assert there.tolist() == [0, 5, 0]
    there[0] = 7
    assert here.tolist() == [7, 5, 0]


def test_both_libraries_offer_the_table_of_c_functions() -> None:
    """The way of the table is taken: `__dlpack__` of this class would fail."""

    class OnlyByTable(torch.Tensor):
        def __dlpack__(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("the slower protocol was used")

    assert hasattr(torch.Tensor, "__dlpack_c_exchange_api__")
    there = torch.arange(3.0).as_subclass(OnlyByTable)
    assert tw.from_dlpack(there).data_ptr() == there.data_ptr()


def test_strides_and_offsets_survive() -> None:
    there = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)[1:]
    here = tw.from_dlpack(there)
    assert (here.stride(), here.tolist(), here.data_ptr()) == (there.stride(), there.tolist(), there.data_ptr())
    again = torch.from_dlpack(here)
    assert (again.stride(), again.tolist(), again.data_ptr()) == (there.stride(), there.tolist(), there.data_ptr())


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_scalars_and_empty_tensors(shape: tuple[int, ...]) -> None:
    assert torch.from_dlpack(tw.ones(shape)).shape == shape
    assert tw.from_dlpack(torch.ones(shape)).shape == shape


def test_memory_lives_as_long_as_whoever_uses_it() -> None:
    here = tw.from_dlpack(torch.arange(1000))
    gc.collect()
    assert here.sum().item() == 499500
    there = torch.from_dlpack(tw.arange(1000))
    gc.collect()
    assert there.sum().item() == 499500


def test_capsules_without_a_version_share_memory_that_may_be_written() -> None:
    there = torch.zeros(3)
    tw.from_dlpack(torch.utils.dlpack.to_dlpack(there)).add_(1)
    assert there.tolist() == [1, 1, 1]


def test_copies_when_asked() -> None:
    there = torch.zeros(3)
    assert tw.from_dlpack(there, copy=True).add_(1).tolist() == [1, 1, 1]
    assert there.tolist() == [0, 0, 0]
    assert tw.from_dlpack(there, copy=False).data_ptr() == there.data_ptr()


def test_gradients_are_not_lost_in_silence() -> None:
    with pytest.raises(BufferError, match="grad"):
        tw.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="requires grad"):
        torch.from_dlpack(tw.ones(2, requires_grad=True))
