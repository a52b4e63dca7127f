"""Tensors to and from JAX through DLPack: the same memory, the same dtype, the same bytes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import tensorwright as tw

jax.config.update("jax_enable_x64", True)
DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16",
    "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
)  # fmt: skip


def address(array: Any) -> int:
    return int(array.unsafe_buffer_pointer())


def as_bytes(array: Any) -> bytes:
    return np.asarray(array).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_to_jax_and_back(dtype: str) -> None:
    here = tw.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(tw, dtype))
    there = jnp.from_dlpack(here)
    assert (there.dtype.name, there.shape) == (dtype, (2, 3))
    assert address(there) == here.data_ptr()
    assert as_bytes(there) == as_bytes(here)
    back = tw.from_dlpack(there)
    assert (back.dtype, back.shape, back.data_ptr()) == (here.dtype, here.shape, here.data_ptr())


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_jax(dtype: str) -> None:
    there = jnp.arange(6).reshape(2, 3).astype(dtype)
    here = tw.from_dlpack(there)
    assert (here.dtype.name, here.shape, here.data_ptr()) == (dtype, (2, 3), address(there))
    assert as_bytes(here) == as_bytes(there)


def test_arrays_of_jax_are_read_only() -> None:
    there = jnp.zeros(3)
    here = tw.from_dlpack(there)
    with pytest.raises(ValueError, match="read-only"):
        here.add_(1)
    assert tw.from_dlpack(there, copy=True).add_(1).tolist() == [1, 1, 1]
    assert tw.asarray(there).data_ptr() == address(there)
    assert there.tolist() == [0, 0, 0]


def test_read_only_tensors_are_not_given_to_who_does_not_ask() -> None:
    array = np.zeros(3)
    array.flags.writeable = False
    here = tw.from_numpy(array)
    with pytest.raises(BufferError, match="read-only"):
        jnp.from_dlpack(here)
    assert jnp.asarray(here).tolist() == [0, 0, 0]
    assert jnp.from_dlpack(here.clone()).tolist() == [0, 0, 0]


def test_strides_of_tensors_survive() -> None:
    here = tw.arange(6.0).view(2, 3).t()
    there = jnp.from_dlpack(here)
    assert there.tolist() == here.tolist()
    assert address(there) == here.data_ptr()
    part = tw.arange(12.0).view(3, 4)[1:, ::2]
    assert jnp.asarray(part).tolist() == part.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_scalars_and_empty_arrays(shape: tuple[int, ...]) -> None:
    assert jnp.from_dlpack(tw.ones(shape)).shape == shape
    assert tw.from_dlpack(jnp.ones(shape)).shape == shape


def test_memory_lives_as_long_as_whoever_uses_it() -> None:
    there = jnp.arange(1000)
    here = tw.from_dlpack(there)
    kept = weakref.ref(there)
    del there
    gc.collect()
    assert kept() is None  # the array is gone, its memory is not
    assert here.sum().item() == 499500
    here = tw.arange(1000)
    there = jnp.from_dlpack(here)
    del here
    gc.collect()
    assert int(there.sum()) == 499500


def test_capsules_of_jax() -> None:
    there = jnp.arange(3)
    capsule = there.__dlpack__()
    assert tw.from_dlpack(capsule).data_ptr() == address(there)
    with pytest.raises(ValueError, match="consumed before"):
        tw.from_dlpack(capsule)


def test_tensors_that_require_grad_are_refused() -> None:
    with pytest.raises(BufferError, match="requires grad"):
        jnp.from_dlpack(tw.ones(2, requires_grad=True))


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_arrays_of_ml_dtypes_go_round(name: str) -> None:
    array = np.arange(6).astype(getattr(ml_dtypes, name))
    here = tw.asarray(array)
    there = jnp.asarray(here.numpy())
    assert there.dtype.name == here.dtype.name == name
    assert np.asarray(tw.asarray(there)).tobytes() == array.tobytes()


def test_jax_computes_with_tensors() -> None:
    x = tw.arange(6.0).view(2, 3)
    assert tw.from_dlpack(jax.jit(lambda a: a @ a.T)(jnp.from_dlpack(x))).tolist() == (x @ x.T).tolist()
