"""Memory: formats, storages, views in place, and where new tensors go."""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

# ---- memory formats ----------------------------------------------------------------------------------------

LAST = (60, 1, 15, 3)  # strides of [2, 3, 4, 5] with the channels last


def channels_last() -> tw.Tensor:
    return tw.arange(120.0).view(2, 3, 4, 5).to(memory_format=tw.channels_last)


def test_conversions_between_formats() -> None:
    x = channels_last()
    assert x.stride() == LAST
    assert x.tolist() == tw.arange(120.0).view(2, 3, 4, 5).tolist()
    assert (x.is_contiguous(), x.is_contiguous(memory_format=tw.channels_last)) == (False, True)
    assert x.is_contiguous(memory_format=tw.preserve_format)
    assert x.contiguous(memory_format=tw.channels_last) is x
    assert x.contiguous().stride() == (60, 20, 5, 1)
    assert x.dim_order() == (0, 2, 3, 1)
    assert tw.zeros(1, 2, 3, 4, 5).contiguous(memory_format=tw.channels_last_3d).stride() == (120, 1, 40, 10, 2)


def test_what_keeps_the_format() -> None:
    x = channels_last()
    plain = x.contiguous()
    bias = tw.ones(3, 1, 1)
    made = (
        x + 1,
        x * x,
        x + plain,
        x + bias,
        x > 0,
        x.exp(),
        x.clone(),
        x.double(),
        tw.zeros_like(x),
        tw.empty_like(x),
    )
    assert [t.stride() for t in made] == [LAST] * len(made)
    assert (plain + x).is_contiguous()
    assert tw.empty(2, 3, 4, 5, memory_format=tw.channels_last).stride() == LAST
    assert x.clone(memory_format=tw.contiguous_format).is_contiguous()
    assert tw.ones_like(x, memory_format=tw.contiguous_format).is_contiguous()
    turned = tw.arange(6.0).view(2, 3).t()
    assert (turned + 1).stride() == (1, 3)
    assert (turned + 1).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert tw.arange(12.0).view(3, 4)[:, ::2].clone().is_contiguous()


@pytest.mark.parametrize("shape", [(3, 4), (2, 1, 3), (1, 5), (4,), (), (2, 0, 3)])
def test_pointwise_results_have_the_right_values_in_any_layout(shape: tuple[int, ...]) -> None:
    there = np.random.default_rng(0).normal(size=shape)
    order = tuple(reversed(range(len(shape))))
    for x in (tw.tensor(there), tw.tensor(there.transpose(order)).permute(order)):
        result = (x * 2 + x).numpy()
        np.testing.assert_array_equal(result, there * 2 + there)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tw.zeros(2, 3).to(memory_format=tw.channels_last), ValueError, "one of 4 dimensions"),
        (lambda: tw.zeros(2).clone(memory_format="rows"), ValueError, "memory_format must be"),
        (lambda: tw.zeros(2).contiguous(memory_format=tw.preserve_format), ValueError, "preserve_format"),
        (lambda: tw.empty(2, memory_format=tw.preserve_format), ValueError, "empty_like"),
        (lambda: tw.zeros(2).is_contiguous(memory_format=3), TypeError, "must be a memory_format"),  # type: ignore[arg-type]
        (lambda: tw.zeros(2, layout="sparse"), TypeError, "tensorwright.strided"),
        (lambda: tw.zeros(2, pin_memory=1), TypeError, "pin_memory"),
    ],
)
def test_refused_formats(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_formats_are_words() -> None:
    assert repr(tw.channels_last) == "tensorwright.channels_last"
    assert pickle.loads(pickle.dumps(tw.channels_last)) == tw.channels_last
    assert tw.zeros(1).layout == tw.strided
    assert tw.zeros(2, layout=tw.strided, pin_memory=True).shape == (2,)


# ---- storages ------------------------------------------------------------------------------------------------


def test_storages_are_views_of_memory() -> None:
    x = tw.arange(6.0)[2:]
    bytes_, elements = x.untyped_storage(), x.storage()
    assert (bytes_.nbytes(), len(bytes_), len(elements), elements.dtype) == (24, 24, 6, tw.float32)
    assert bytes_.data_ptr() == x.data_ptr() - 8
    elements[2] = 9
    assert x.tolist() == [9, 3, 4, 5]
    bytes_.fill_(0)
    assert x.sum() == 0
    assert tw.is_storage(bytes_)
    assert not tw.is_storage(x)
    assert bytes_ == x.untyped_storage()
    assert bytes_.clone() != bytes_
    with pytest.raises(ValueError, match="tensors lie in this storage"):
        bytes_.resize_(100)
    assert tw.UntypedStorage(8).resize_(100).nbytes() == 100


def test_set_() -> None:
    x, y = tw.zeros(0), tw.arange(6.0)
    assert x.set_(y, 1, (2, 2), (2, 1)) is x
    assert x.tolist() == [[1, 2], [3, 4]]
    assert x.shares_storage(y)
    assert x.set_(y.untyped_storage()).tolist() == y.tolist()
    assert x.set_(y.untyped_storage(), 2, (3,)).tolist() == [2, 3, 4]
    assert x.set_(y[1:]).storage_offset() == 1
    assert x.set_().numel() == 0
    with pytest.raises(TypeError, match="set_: self and source must have one dtype"):
        x.set_(tw.arange(3))
    with pytest.raises(ValueError, match="outside the storage"):
        x.set_(y, 4, (3,))


def test_resize_() -> None:
    x = tw.arange(6)
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    x.resize_(100)
    assert x[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert x.resize_as_(tw.zeros(2, 3)).shape == (2, 3)
    assert tw.zeros(120).resize_(2, 3, 4, 5, memory_format=tw.channels_last).stride() == LAST
    y = tw.zeros(3)
    view = y[1:]
    with pytest.raises(ValueError, match="which other tensors share"):
        y.resize_(100)
    assert view.resize_(1).tolist() == [0]
    with pytest.raises(ValueError, match="belongs to another library"):
        tw.from_numpy(np.zeros(2)).resize_(100)
    with pytest.raises(ValueError, match="too large"):
        y.resize_(2**62)
    assert tw.zeros(2, device="meta").resize_(5, 5).shape == (5, 5)


def test_the_storage_of_a_small_tensor_ends_where_it_ends() -> None:
    with pytest.raises(ValueError, match="outside the storage of 8 bytes"):
        tw.zeros(2).as_strided([3], [1])
    assert tw.zeros(2).untyped_storage().nbytes() == 8


def test_shared_memory() -> None:
    x = tw.zeros(3).share_memory_()
    assert x.is_shared()
    assert not tw.zeros(3).is_shared()
    child = os.fork()
    if child == 0:
        x.fill_(7)
        os._exit(0)
    os.waitpid(child, 0)
    assert x.tolist() == [7, 7, 7]
    y = tw.zeros(3)
    _keeps = y[1:]
    with pytest.raises(ValueError, match="other tensors lie in the same memory"):
        y.share_memory_()


# ---- views in place --------------------------------------------------------------------------------------------


def test_views_in_place() -> None:
    x = tw.arange(6).view(2, 3)
    for change, shape in (
        (lambda: x.t_(), (3, 2)),
        (lambda: x.unsqueeze_(0), (1, 3, 2)),
        (lambda: x.transpose_(0, 2), (2, 3, 1)),
        (lambda: x.squeeze_(), (2, 3)),
        (lambda: x.swapaxes_(axis0=0, axis1=1), (3, 2)),
        (lambda: x.as_strided_([2, 2], [1, 3], 1), (2, 2)),
    ):
        version = x._version
        assert change() is x
        assert x.shape == shape
        assert x._version == version + 1
    assert x.tolist() == [[1, 4], [2, 5]]
    with pytest.raises(IndexError):
        x.transpose_(0, 5)
    with pytest.raises(ValueError, match="outside the storage"):
        x.as_strided_([7], [1])
    assert x.shape == (2, 2)


def test_views_as_dtypes_of_other_sizes() -> None:
    assert tw.arange(2).view(tw.int32).tolist() == [0, 0, 1, 0]
    assert tw.ones(2, 4).view(tw.float64).shape == (2, 2)
    assert tw.arange(8, dtype=tw.uint8)[:4].view(tw.int32).tolist() == [0x03020100]


# ---- where new tensors go ----------------------------------------------------------------------------------------


def test_devices_are_contexts() -> None:
    with tw.device("meta") as device:
        assert device == tw.get_default_device()
        made = (tw.zeros(2), tw.tensor([1]), tw.arange(10**13), tw.rand(3), tw.asarray([1]), tw.eye(2), tw.full([2], 1))
        assert {t.device.type for t in made} == {"meta"}
        with tw.device("cpu"):
            assert tw.zeros(1).is_cpu
        assert tw.zeros(1, device="cpu").is_cpu
        assert tw.zeros_like(tw.zeros(1, device="cpu")).is_cpu
        assert tw.from_numpy(np.zeros(1)).is_cpu
    assert tw.zeros(1).is_cpu
    with pytest.raises(KeyError), tw.device("meta"):
        raise KeyError
    assert tw.zeros(1).is_cpu


def test_the_default_device_is_of_a_thread() -> None:
    seen: list[str] = []
    tw.set_default_device("meta")
    try:
        thread = threading.Thread(target=lambda: seen.append(tw.zeros(1).device.type))
        thread.start()
        thread.join()
        assert tw.zeros(1).is_meta
    finally:
        tw.set_default_device(None)
    assert seen == ["cpu"]
    assert tw.zeros(1).is_cpu


def test_out_decides_for_factories() -> None:
    out = tw.ones(2, dtype=tw.int32)
    assert tw.zeros(2, out=out) is out
    assert out.tolist() == [0, 0]


# ---- small questions ------------------------------------------------------------------------------------------------


def test_small_questions() -> None:
    x = tw.arange(6)
    assert (x.ndimension(), x.get_device(), x.is_pinned(), x.is_cuda, x.is_signed()) == (1, -1, False, False, True)
    assert x.pin_memory() is x
    assert x.is_set_to(x.view(6))
    assert not x.is_set_to(x[1:])
    assert x.is_same_size(tw.zeros(6))
    assert x.const_data_ptr() == x.data_ptr()
    assert x.new(2, 3).shape == (2, 3)
    assert x.new([1, 2]).tolist() == [1, 2]
    assert tw.tensor([1, 2]).apply_(lambda v: v * 10).tolist() == [10, 20]
    assert tw.tensor([1.0, 2.0]).map_(tw.tensor([3.0]), lambda a, b: a + b).tolist() == [4, 5]
    assert tw.tensor([1.0]).map2_(tw.tensor(2.0), tw.tensor(3.0), lambda a, b, c: a + b * c).tolist() == [7]
    with pytest.raises(ValueError, match=r"element|one|ambiguous"):
        tw.is_nonzero(x)
    with pytest.raises(RuntimeError, match="has several"):
        tw.zeros(1, 1).dim_order(ambiguity_check=True)


def test_settings() -> None:
    tw.use_deterministic_algorithms(True, warn_only=True)
    assert tw.are_deterministic_algorithms_enabled()
    assert tw.get_deterministic_debug_mode() == 1
    tw.set_deterministic_debug_mode("default")
    assert not tw.are_deterministic_algorithms_enabled()
    tw.set_float32_matmul_precision("high")
    assert tw.get_float32_matmul_precision() == "high"
    tw.set_float32_matmul_precision("highest")
    assert tw.get_num_interop_threads() == 1
    assert tw.set_flush_denormal(True) is False
    for call in (
        lambda: tw.set_float32_matmul_precision("low"),
        lambda: tw.set_deterministic_debug_mode("loud"),
        lambda: tw.set_num_interop_threads(0),
    ):
        with pytest.raises(ValueError, match=r"expected|positive"):
            call()


def test_meta_tensors_have_offsets() -> None:
    x = tw.zeros(4, 6, device="meta")[1:, 2:]
    assert (x.storage_offset(), x.data_ptr(), x.stride()) == (8, 0, (6, 1))
    assert x.as_strided([2], [3]).storage_offset() == 8
    assert x[1].real.storage_offset() == 14
    with pytest.raises(ValueError, match="outside the storage"):
        x.as_strided([17], [1])
    assert x.clone().storage_offset() == 0
    assert x.t_().shape == (4, 3)
    assert tw.zeros(2, dtype=tw.complex64, device="meta").imag.shape == (2,)
