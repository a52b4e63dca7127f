"""Tensors to and from NumPy, DLPack and the buffer protocol, and from Python data."""

from __future__ import annotations

import array
import copy
import ctypes
import gc
import mmap
import pickle
import sys
import weakref
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from layouts import COMPLEX, REAL

DTYPES = (*REAL, *COMPLEX)


def sample(dtype: str) -> np.ndarray[Any, Any]:
    return (np.arange(6).reshape(2, 3) % 2 if dtype == "bool" else np.arange(6).reshape(2, 3)).astype(dtype)


# ---- NumPy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_both_ways_share_memory(dtype: str) -> None:
    there = sample(dtype)
    here = tw.from_numpy(there)
    assert here.dtype.name == dtype
    assert here.shape == (2, 3)
    here[0, 0] = 1
    assert there[0, 0] == 1
    back = here.numpy()
    assert back.dtype == there.dtype
    assert back.ctypes.data == there.ctypes.data
    np.testing.assert_array_equal(back, there)


def test_strides_survive() -> None:
    there = np.arange(24).reshape(2, 3, 4)[:, ::2, 1::2]
    here = tw.from_numpy(there)
    assert here.stride() == tuple(s // 8 for s in there.strides)
    assert here.numpy().strides == there.strides
    np.testing.assert_array_equal(here.T.numpy(), there.T)


def test_scalars_and_empty_arrays() -> None:
    assert tw.from_numpy(np.array(2.5)).item() == 2.5
    assert tw.tensor(3).numpy().shape == ()
    assert tw.from_numpy(np.zeros((0, 3))).shape == (0, 3)
    assert tw.zeros(3, 0).numpy().shape == (3, 0)


def test_the_array_lives_as_long_as_the_tensor() -> None:
    there = np.ones(1000)
    gone = weakref.ref(there)
    here = tw.from_numpy(there)[10:20]
    del there
    gc.collect()
    assert gone() is not None
    assert here.tolist() == [1.0] * 10
    del here
    gc.collect()
    assert gone() is None


def test_the_tensor_lives_as_long_as_the_array() -> None:
    there = (tw.ones(1000) * 3)[5:8].numpy()
    gc.collect()
    assert there.tolist() == [3, 3, 3]


def test_replaced_data_leaves_exported_memory_alone() -> None:
    x = tw.ones(100)
    there = x.numpy()
    x.data = tw.zeros(5)
    assert there.sum() == 100
    assert x.tolist() == [0] * 5


def test_read_only_arrays_give_read_only_tensors() -> None:
    there = np.ones(3)
    there.flags.writeable = False
    here = tw.from_numpy(there)
    assert (here + 1).tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="read-only"):
        here.add_(1)
    with pytest.raises(ValueError, match="read-only"):
        here[0] = 5
    assert not here.numpy().flags.writeable


def test_asarray_of_numpy_understands_tensors() -> None:
    x = tw.tensor([[1.0, 2.0]])
    assert np.asarray(x).ctypes.data == x.data_ptr()
    assert np.asarray(x, dtype="int64").tolist() == [[1, 2]]
    assert np.sum(x) == 3  # type: ignore[call-overload]


def test_numpy_scalars_are_numbers() -> None:
    x = tw.ones(2)
    assert (x * np.float32(2)).dtype == tw.float32
    assert (x + np.float64(2)).dtype == tw.float32
    assert (tw.ones(2, dtype=tw.int64) + np.int8(2)).dtype == tw.int64
    assert x.sum(np.int64(0)).item() == 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: np.ones(3)[::-1], ValueError, "negative strides; pass array.copy"),
        (lambda: np.ones(3, dtype=">f4"), TypeError, "not in native byte order"),
        (lambda: np.ones(3, dtype="longdouble"), TypeError, "buffer format 'g' have no dtype here"),
        (lambda: np.array(["a"]), TypeError, "have no dtype here"),
        (lambda: np.zeros(2, dtype=[("a", "f4"), ("b", "i2")])["a"], ValueError, "no multiples of its item size"),
        (lambda: [1, 2], TypeError, "must be numpy.ndarray, got list"),
    ],
)
def test_arrays_that_cannot_be_shared(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tw.from_numpy(make())


def test_tensors_that_numpy_cannot_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)  # as if it were not installed
    with pytest.raises(TypeError, match="NumPy has no bfloat16"):
        tw.zeros(1, dtype=tw.bfloat16).numpy()
    with pytest.raises(TypeError, match="lies on meta"):
        tw.zeros(1, device="meta").numpy()


def test_arithmetic_with_arrays_says_what_to_do() -> None:
    x, there = tw.ones(2), np.ones(2)
    for combine in (lambda: x + there, lambda: there + x, lambda: there * x, lambda: tw.add(x, there)):
        with pytest.raises(TypeError, match=r"got numpy.ndarray; convert it with tensorwright.from_numpy"):
            combine()


# ---- DLPack ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_round_trip(dtype: str) -> None:
    x = tw.from_numpy(sample(dtype))
    y = tw.from_dlpack(x)
    assert y.dtype == x.dtype
    assert y.data_ptr() == x.data_ptr()
    assert y.tolist() == x.tolist()


def test_numpy_imports_through_dlpack() -> None:
    x = tw.arange(6).reshape(2, 3).T
    there = np.from_dlpack(x)
    assert there.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert there.ctypes.data == x.data_ptr()
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_capsules_are_used_once() -> None:
    capsule = tw.arange(3).__dlpack__(max_version=(1, 0))
    assert tw.from_dlpack(capsule).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="consumed before"):
        tw.from_dlpack(capsule)


def test_unversioned_capsules() -> None:
    assert tw.from_dlpack(tw.arange(3).__dlpack__()).tolist() == [0, 1, 2]


def test_exporters_that_cannot_say_whether_their_memory_may_be_written() -> None:
    class Exporter:
        def __init__(self) -> None:
            self.memory = tw.zeros(3)

        def __dlpack__(self, *, max_version: Any = None, copy: Any = None) -> Any:
            return self.memory.__dlpack__(copy=copy)  # of before version 1, whatever was asked for

    there = Exporter()
    here = tw.from_dlpack(there)
    assert here.data_ptr() == there.memory.data_ptr()
    with pytest.raises(ValueError, match="read-only"):
        here.add_(1)
    assert tw.from_dlpack(there, copy=True).add_(1).tolist() == [1, 1, 1]
    assert there.memory.tolist() == [0, 0, 0]


def test_unused_capsules_free_their_tensor() -> None:
    x = tw.zeros(1000)
    view = x.__dlpack__(max_version=(1, 0))
    del view
    assert x.sum().item() == 0


def test_dlpack_keeps_read_only_memory_read_only() -> None:
    there = np.arange(3.0)
    there.flags.writeable = False
    x = tw.from_dlpack(there)
    with pytest.raises(ValueError, match="read-only"):
        x.zero_()
    with pytest.raises(BufferError, match="DLPack version 1"):
        x.__dlpack__()


def test_dlpack_copies_when_asked() -> None:
    x = tw.ones(2)
    y = tw.from_dlpack(x.__dlpack__(copy=True))
    y.zero_()
    assert x.tolist() == [1, 1]
    assert not tw.from_dlpack(x, copy=True).shares_storage(x)


def test_dlpack_refuses() -> None:
    with pytest.raises(TypeError, match="with __dlpack__ or a DLPack capsule, got int"):
        tw.from_dlpack(3)
    with pytest.raises(ValueError, match="'stream' must be None"):
        tw.ones(1).__dlpack__(stream=1)
    with pytest.raises(BufferError, match="DLPack device type 2"):
        tw.ones(1).__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="no data"):
        tw.ones(1, device="meta").__dlpack__()


def test_capsules_with_impossible_contents_are_refused() -> None:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    # DLManagedTensor: data, device, (ndim, dtype), shape, strides, offset, context, deleter
    fields = np.zeros(8, dtype=np.int64)
    fields[1] = 1  # CPU
    fields[2] = 99 | (2 | 32 << 8 | 1 << 16) << 32  # 99 dimensions of float32
    with pytest.raises(ValueError, match="99 dimensions"):
        tw.from_dlpack(new(fields.ctypes.data, b"dltensor", None))
    fields[2] = 0 | (2 | 13 << 8 | 1 << 16) << 32  # 13-bit floats
    with pytest.raises(TypeError, match="13 bits"):
        tw.from_dlpack(new(fields.ctypes.data, b"dltensor", None))


# ---- buffers ---------------------------------------------------------------------------------------------


def test_memoryviews_of_tensors() -> None:
    x = tw.arange(6).reshape(2, 3)
    with memoryview(x) as view:
        assert view.format in "lq"
        assert view.shape == (2, 3)
        assert view.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert not view.readonly
    assert memoryview(x.T).tobytes() == np.arange(6).reshape(2, 3).T.tobytes()


def test_frombuffer_shares_memory() -> None:
    data = bytearray(16)
    x = tw.frombuffer(data, dtype=tw.int32, offset=4)
    x[0] = 7
    assert data[4] == 7
    assert x.shape == (3,)
    assert tw.frombuffer(data, dtype=tw.uint8, count=2).shape == (2,)
    assert tw.frombuffer(mmap.mmap(-1, 8), dtype=tw.float64).tolist() == [0]


def test_frombuffer_refuses() -> None:
    with pytest.raises(ValueError, match="5 bytes are no multiple of the item size of float32, 4"):
        tw.frombuffer(bytes(5), dtype=tw.float32)
    with pytest.raises(ValueError, match="3 elements of float32 at offset 0 need more than the buffer's 8 bytes"):
        tw.frombuffer(bytes(8), dtype=tw.float32, count=3)
    with pytest.raises(ValueError, match="offset 9 lies outside the buffer of 8 bytes"):
        tw.frombuffer(bytes(8), dtype=tw.float32, offset=9)
    with pytest.raises(TypeError, match=r"must export a buffer .*, got int"):
        tw.frombuffer(3, dtype=tw.float32)  # type: ignore[arg-type]


# ---- Python data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (True, tw.bool),
        (1, tw.int64),
        (1.0, tw.float32),
        (1j, tw.complex64),
        ([1, 2.5], tw.float32),
        ([True, 2], tw.int64),
        ([], tw.float32),
        (np.float64(1), tw.float64),
        (np.int8(1), tw.int8),
        ([np.float32(1), np.float32(2)], tw.float32),
        ([np.ones(2), np.zeros(2)], tw.float64),
        (array.array("h", [1, 2]), tw.int16),
        (range(3), tw.int64),
        (((1, 2), [3, 4]), tw.int64),
    ],
)
def test_dtypes_are_found_from_data(data: Any, dtype: tw.dtype) -> None:
    assert tw.tensor(data).dtype == dtype


def test_nested_data() -> None:
    assert tw.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert tw.tensor([np.array([1, 2]), [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert tw.tensor([tw.ones(2), tw.zeros(2)]).tolist() == [[1, 1], [0, 0]]
    assert tw.tensor([tw.tensor(1.5), 2]).tolist() == [1.5, 2]
    assert tw.tensor([[], []]).shape == (2, 0)
    assert tw.tensor([1, 2], dtype=tw.float16).tolist() == [1, 2]
    assert tw.tensor([1.9, -1.9], dtype=tw.int32).tolist() == [1, -1]
    assert tw.tensor([0, 2], dtype=tw.bool).tolist() == [False, True]


def test_tensor_copies_and_asarray_shares() -> None:
    there = np.ones(2, dtype=np.float32)
    assert tw.tensor(there).data_ptr() != there.ctypes.data
    assert tw.asarray(there).data_ptr() == there.ctypes.data
    assert tw.asarray(there, copy=True).data_ptr() != there.ctypes.data
    assert tw.as_tensor(there, dtype=tw.float64).dtype == tw.float64
    x = tw.ones(2)
    assert tw.asarray(x) is x
    assert tw.tensor(x) is not x
    assert tw.asarray([1, 2]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="copy=False, but list has no memory"):
        tw.asarray([1], copy=False)
    with pytest.raises(ValueError, match="copy=False, but the data is float32"):
        tw.asarray(there, dtype=tw.int64, copy=False)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1, 2], [3]], ValueError, "expected a list of length 2 at dimension 1, got 1"),
        ([[1, 2], 3], ValueError, "expected a list of length 2 at dimension 1, got int"),
        ([1, [2]], ValueError, "expected a number at depth 1, got list"),
        ([[], [[]]], ValueError, "expected a number at depth 2, got list"),
        (["a"], TypeError, "cannot make a tensor of str"),
        ("abc", TypeError, "cannot make a tensor of str"),
        (b"abc", TypeError, "frombuffer"),
        (None, TypeError, "cannot make a tensor of NoneType"),
        ([None], TypeError, "cannot make a tensor of NoneType"),
        ({"a": 1}, TypeError, "cannot make a tensor of dict"),
        ([2**63], OverflowError, "9223372036854775808 does not fit into int64"),
        ([np.ones(2), np.ones(3)], ValueError, r"an item of shape \[3\] stands where shape \[2\] was expected"),
    ],
)
def test_bad_data(data: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tw.tensor(data)


def test_data_that_does_not_fit_the_dtype() -> None:
    with pytest.raises(OverflowError, match="-1 does not fit into uint8"):
        tw.tensor(-1, dtype=tw.uint8)
    with pytest.raises(TypeError, match="complex number 1j cannot be stored as float32"):
        tw.tensor(1j, dtype=tw.float32)
    with pytest.raises(TypeError, match=r"'dtype' must be a dtype such as tensorwright.float32, got str"):
        tw.tensor(1, dtype="float32")  # type: ignore[arg-type]


def test_a_list_that_holds_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested deeper than 64"):
        tw.tensor(loop)


def test_extremes_of_small_floats() -> None:
    x = tw.tensor([65504.0, 65519.0, 65520.0, 1e10, 6e-8, 1e-8], dtype=tw.float16)
    np.testing.assert_array_equal(x.numpy(), np.array([65504, 65504, np.inf, np.inf, 6e-8, 0], dtype=np.float16))
    assert tw.tensor([3.4e38], dtype=tw.bfloat16).tolist() == [float("inf")]
    assert tw.tensor([1.00390625], dtype=tw.bfloat16).tolist() == [1.0]  # half way: to even


# ---- copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_pickling(dtype: str) -> None:
    x = tw.arange(6).reshape(2, 3).to(getattr(tw, dtype)).T
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype == x.dtype
    assert y.tolist() == x.tolist()
    assert not y.shares_storage(x)


class Named(tw.Tensor):
    """A subclass with state of its own."""

    name: str


def test_subclasses_keep_class_and_state() -> None:
    x = tw.ones(2).as_subclass(Named)
    x.name = "ones"
    y = pickle.loads(pickle.dumps(x))
    assert type(y) is Named
    assert y.name == "ones"
    assert type(copy.deepcopy(x)) is Named
    assert type(x + 1) is tw.Tensor
    assert type(Named([1, 2])) is Named
    assert isinstance(x, tw.Tensor)


def test_deepcopy_keeps_sharing_inside_a_structure() -> None:
    x = tw.ones(2)
    first, second = copy.deepcopy([x, x])
    assert first is second
    first.zero_()
    assert x.tolist() == [1, 1]


def test_shallow_copies_share_memory() -> None:
    x = tw.ones(2)
    assert copy.copy(x).shares_storage(x)
    assert copy.copy(x) is not x


def test_dtypes_devices_and_sizes_pickle() -> None:
    for value in (tw.float32, tw.device("cpu"), tw.ones(2, 3).shape):
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert type(again) is type(value)
    assert pickle.loads(pickle.dumps(tw.bfloat16)) is tw.bfloat16


def test_wrappers_do_not_leak() -> None:
    x = tw.ones(3)
    before = sys.getrefcount(x)
    for _ in range(100):
        x.numpy()
        x.detach()
        tw.from_dlpack(x)
        x[0]
    assert sys.getrefcount(x) == before


# ---- the C exchange table -----------------------------------------------------------------------------------


class _Managed(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_FROM = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(ctypes.POINTER(_Managed)))
_TO = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Managed), ctypes.POINTER(ctypes.py_object))


class _Table(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("previous", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("managed_from_object", _FROM),
        ("managed_to_object", _TO),
        ("view_of_object", ctypes.c_void_p),
        ("current_stream", ctypes.c_void_p),
    ]


def exchange_table() -> _Table:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    capsule = tw.Tensor.__dlpack_c_exchange_api__
    return ctypes.cast(pointer(capsule, b"dlpack_exchange_api"), ctypes.POINTER(_Table)).contents


def test_the_exchange_table_hands_tensors_out_and_takes_them_in() -> None:
    table = exchange_table()
    assert (table.major, table.minor >= 3) == (1, True)
    x = tw.arange(6).view(2, 3).t()
    managed = ctypes.POINTER(_Managed)()
    assert table.managed_from_object(x, ctypes.byref(managed)) == 0
    given = managed.contents
    assert (given.major, given.ndim, given.code, given.bits) == (1, 2, 0, 64)
    assert (given.data, given.shape[0], given.strides[1]) == (x.data_ptr(), 3, 3)
    back = ctypes.py_object()
    assert table.managed_to_object(managed, ctypes.byref(back)) == 0
    assert back.value.tolist() == x.tolist()
    assert back.value.data_ptr() == x.data_ptr()


def test_the_exchange_table_refuses_what_dlpack_cannot_describe() -> None:
    managed = ctypes.POINTER(_Managed)()
    with pytest.raises(BufferError, match="no data"):
        exchange_table().managed_from_object(tw.zeros(1, device="meta"), ctypes.byref(managed))
    with pytest.raises(TypeError, match="expected Tensor, got list"):
        exchange_table().managed_from_object([1], ctypes.byref(managed))


def test_from_dlpack_takes_the_short_way_where_there_is_one() -> None:
    class Wrapper:
        __dlpack_c_exchange_api__ = tw.Tensor.__dlpack_c_exchange_api__

    with pytest.raises(TypeError, match="expected Tensor, got Wrapper"):
        tw.from_dlpack(Wrapper())
    x = tw.ones(3)
    assert tw.from_dlpack(x).data_ptr() == x.data_ptr()
    copied = tw.from_dlpack(x, copy=True)
    assert copied.data_ptr() != x.data_ptr()
    assert tw.from_dlpack(np.ones(3), copy=True).tolist() == [1] * 3
    assert tw.from_dlpack(tw.to_dlpack(x)).data_ptr() == x.data_ptr()


def test_read_only_memory_stays_so_through_the_table() -> None:
    there = np.ones(3)
    there.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        tw.from_dlpack(tw.from_numpy(there)).add_(1)


# ---- NumPy's array interface ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_interface(dtype: str) -> None:
    x = tw.from_numpy(sample(dtype)).t()

    class Holder:
        __array_interface__ = x.__array_interface__

    there = np.asarray(Holder())
    assert there.dtype == dtype
    assert there.ctypes.data == x.data_ptr()
    np.testing.assert_array_equal(there, x.numpy())


def test_array_interface_is_absent_where_it_would_mislead() -> None:
    assert not hasattr(tw.zeros(1, device="meta"), "__array_interface__")
    assert not hasattr(tw.zeros(1, dtype=tw.bfloat16), "__array_interface__")


# ---- copies that keep sharing --------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_keep_sharing(protocol: int) -> None:
    x = tw.arange(6.0)
    a, b, alone = pickle.loads(pickle.dumps([x, x[2:5], tw.ones(2)], protocol))
    assert a.tolist() == x.tolist()
    a[3] = 9
    assert b.tolist() == [2, 9, 4]
    assert x[3] == 3
    assert alone.tolist() == [1, 1]


def test_pickled_buffers_can_travel_apart() -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(tw.arange(1000.0), 5, buffer_callback=buffers.append)
    assert len(data) < 500
    assert pickle.loads(data, buffers=buffers).tolist() == list(range(1000))


def test_deepcopy_keeps_views_together() -> None:
    x = tw.arange(6)
    copied = copy.deepcopy({"whole": x, "even": x[::2], "turned": x.view(2, 3).t()})
    assert not copied["whole"].shares_storage(x)
    copied["whole"][4] = 9
    assert copied["even"].tolist() == [0, 2, 9]
    assert copied["turned"].tolist() == [[0, 3], [1, 9], [2, 5]]
    assert x[4] == 4


# ---- files in memory -----------------------------------------------------------------------------------------


def test_from_file(tmp_path: Any) -> None:
    path = tmp_path / "numbers"
    x = tw.from_file(str(path), shared=True, size=4, dtype=tw.int16)
    x.copy_(tw.arange(4))
    assert x.is_shared()
    assert path.read_bytes() == np.arange(4, dtype="int16").tobytes()
    mine = tw.from_file(path, size=3, dtype=tw.int16)
    mine.fill_(7)
    assert tw.from_file(path, size=4, dtype=tw.int16).tolist() == [0, 1, 2, 3]
    assert tw.from_file(path).numel() == 0
    with pytest.raises(ValueError, match=r"9 elements take 18 bytes, .* has 8"):
        tw.from_file(path, size=9, dtype=tw.int16)
    with pytest.raises(ValueError, match="number of elements"):
        tw.from_file(path, size=-1)
    with pytest.raises(FileNotFoundError):
        tw.from_file(tmp_path / "absent", size=1)
