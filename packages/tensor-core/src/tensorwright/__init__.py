"""Tensors, and the root under which the sibling distributions put autograd, nn, optim and the rest."""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from pkgutil import extend_path
from typing import TYPE_CHECKING

__path__ = extend_path(__path__, __name__)  # sibling distributions installed elsewhere on sys.path

from tensorwright import _C, _siblings, _tensor_methods, _tensor_properties
from tensorwright._C import AbiError as AbiError
from tensorwright._C import Op as Op
from tensorwright._C import ShapeError as ShapeError
from tensorwright._C import Size as Size
from tensorwright._C import Tensor as Tensor
from tensorwright._C import bfloat16 as bfloat16
from tensorwright._C import bool as bool
from tensorwright._C import cdouble as cdouble
from tensorwright._C import cfloat as cfloat
from tensorwright._C import complex64 as complex64
from tensorwright._C import complex128 as complex128
from tensorwright._C import device as device
from tensorwright._C import double as double
from tensorwright._C import dtype as dtype
from tensorwright._C import finfo as finfo
from tensorwright._C import float as float
from tensorwright._C import float8_e4m3fn as float8_e4m3fn
from tensorwright._C import float8_e5m2 as float8_e5m2
from tensorwright._C import float16 as float16
from tensorwright._C import float32 as float32
from tensorwright._C import float64 as float64
from tensorwright._C import half as half
from tensorwright._C import iinfo as iinfo
from tensorwright._C import int as int
from tensorwright._C import int8 as int8
from tensorwright._C import int16 as int16
from tensorwright._C import int32 as int32
from tensorwright._C import int64 as int64
from tensorwright._C import long as long
from tensorwright._C import short as short
from tensorwright._C import uint8 as uint8
from tensorwright._C import uint16 as uint16
from tensorwright._C import uint32 as uint32
from tensorwright._C import uint64 as uint64
from tensorwright._creation import as_tensor as as_tensor
from tensorwright._creation import asarray as asarray
from tensorwright._creation import from_dlpack as from_dlpack
from tensorwright._creation import from_file as from_file
from tensorwright._creation import from_numpy as from_numpy
from tensorwright._creation import frombuffer as frombuffer
from tensorwright._creation import tensor as tensor
from tensorwright._creation import to_dlpack as to_dlpack
from tensorwright._dtypes import can_cast as can_cast
from tensorwright._dtypes import get_default_dtype as get_default_dtype
from tensorwright._dtypes import is_complex as is_complex
from tensorwright._dtypes import is_floating_point as is_floating_point
from tensorwright._dtypes import is_storage as is_storage
from tensorwright._dtypes import is_tensor as is_tensor
from tensorwright._dtypes import numel as numel
from tensorwright._dtypes import promote_types as promote_types
from tensorwright._dtypes import result_type as result_type
from tensorwright._dtypes import set_default_dtype as set_default_dtype
from tensorwright._grad_mode import enable_grad as enable_grad
from tensorwright._grad_mode import inference_mode as inference_mode
from tensorwright._grad_mode import is_grad_enabled as is_grad_enabled
from tensorwright._grad_mode import is_inference_mode_enabled as is_inference_mode_enabled
from tensorwright._grad_mode import no_grad as no_grad
from tensorwright._grad_mode import set_grad_enabled as set_grad_enabled
from tensorwright._layout import channels_last as channels_last
from tensorwright._layout import channels_last_3d as channels_last_3d
from tensorwright._layout import contiguous_format as contiguous_format
from tensorwright._layout import layout as layout
from tensorwright._layout import memory_format as memory_format
from tensorwright._layout import preserve_format as preserve_format
from tensorwright._layout import strided as strided
from tensorwright._random import Generator as Generator
from tensorwright._random import default_generator as default_generator
from tensorwright._random import get_rng_state as get_rng_state
from tensorwright._random import initial_seed as initial_seed
from tensorwright._random import manual_seed as manual_seed
from tensorwright._random import seed as seed
from tensorwright._random import set_rng_state as set_rng_state
from tensorwright._sets import unique as unique
from tensorwright._sets import unique_consecutive as unique_consecutive
from tensorwright._tensor_properties import broadcast_shapes as broadcast_shapes
from tensorwright._tensor_properties import detach_ as detach_
from tensorwright._tensor_properties import get_device as get_device
from tensorwright._tensor_properties import is_nonzero as is_nonzero
from tensorwright._tensor_properties import is_same_size as is_same_size
from tensorwright._tensor_properties import is_signed as is_signed
from tensorwright._tensor_properties import resize_as_ as resize_as_

if TYPE_CHECKING:  # what loads on first use; type checkers follow these lines
    from tensorwright import accelerator as accelerator
    from tensorwright import amp as amp
    from tensorwright import array_api as array_api
    from tensorwright import autograd as autograd
    from tensorwright import backends as backends
    from tensorwright import checkpoint as checkpoint
    from tensorwright import compat as compat
    from tensorwright import cuda as cuda
    from tensorwright import data as data
    from tensorwright import distributed as distributed
    from tensorwright import distributions as distributions
    from tensorwright import extend as extend
    from tensorwright import fft as fft
    from tensorwright import func as func
    from tensorwright import fx as fx
    from tensorwright import jit as jit
    from tensorwright import linalg as linalg
    from tensorwright import metrics as metrics
    from tensorwright import multiprocessing as multiprocessing
    from tensorwright import nn as nn
    from tensorwright import ops as ops
    from tensorwright import optim as optim
    from tensorwright import profiler as profiler
    from tensorwright import random as random
    from tensorwright import serialization as serialization
    from tensorwright import signal as signal
    from tensorwright import special as special
    from tensorwright import testing as testing
    from tensorwright import utils as utils
    from tensorwright._config import __version__ as __version__
    from tensorwright._config import get_num_threads as get_num_threads
    from tensorwright._config import set_num_threads as set_num_threads
    from tensorwright._config import show_config as show_config
    from tensorwright._control_flow import cond as cond
    from tensorwright._control_flow import while_loop as while_loop
    from tensorwright._lobpcg import lobpcg as lobpcg
    from tensorwright._memory import empty_cache as empty_cache
    from tensorwright._memory import memory_stats as memory_stats
    from tensorwright._memory import record_memory as record_memory
    from tensorwright._memory import reset_peak_memory as reset_peak_memory
    from tensorwright._memory import set_cache_limit as set_cache_limit
    from tensorwright._plugins import plugins as plugins
    from tensorwright._printing import get_printoptions as get_printoptions
    from tensorwright._printing import set_printoptions as set_printoptions
    from tensorwright._public_ops import *  # noqa: F403
    from tensorwright._removed import eig as eig
    from tensorwright._removed import lstsq as lstsq
    from tensorwright._removed import matrix_rank as matrix_rank
    from tensorwright._removed import solve as solve
    from tensorwright._removed import symeig as symeig
    from tensorwright._serialization import load as load
    from tensorwright._serialization import load_metadata as load_metadata
    from tensorwright._serialization import save as save
    from tensorwright._settings import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
    from tensorwright._settings import get_default_device as get_default_device
    from tensorwright._settings import get_deterministic_debug_mode as get_deterministic_debug_mode
    from tensorwright._settings import get_float32_matmul_precision as get_float32_matmul_precision
    from tensorwright._settings import get_num_interop_threads as get_num_interop_threads
    from tensorwright._settings import (
        is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    )
    from tensorwright._settings import set_default_device as set_default_device
    from tensorwright._settings import set_deterministic_debug_mode as set_deterministic_debug_mode
    from tensorwright._settings import set_float32_matmul_precision as set_float32_matmul_precision
    from tensorwright._settings import set_flush_denormal as set_flush_denormal
    from tensorwright._settings import set_num_interop_threads as set_num_interop_threads
    from tensorwright._settings import use_deterministic_algorithms as use_deterministic_algorithms
    from tensorwright._storage import TypedStorage as TypedStorage
    from tensorwright._storage import UntypedStorage as UntypedStorage
    from tensorwright._tensordot import tensordot as tensordot
    from tensorwright._typed_tensors import BFloat16Tensor as BFloat16Tensor
    from tensorwright._typed_tensors import BoolTensor as BoolTensor
    from tensorwright._typed_tensors import ByteTensor as ByteTensor
    from tensorwright._typed_tensors import CharTensor as CharTensor
    from tensorwright._typed_tensors import DoubleTensor as DoubleTensor
    from tensorwright._typed_tensors import FloatTensor as FloatTensor
    from tensorwright._typed_tensors import HalfTensor as HalfTensor
    from tensorwright._typed_tensors import IntTensor as IntTensor
    from tensorwright._typed_tensors import LongTensor as LongTensor
    from tensorwright._typed_tensors import ShortTensor as ShortTensor
    from tensorwright.amp import autocast as autocast
    from tensorwright.amp import get_autocast_dtype as get_autocast_dtype
    from tensorwright.amp import is_autocast_enabled as is_autocast_enabled
    from tensorwright.func import vmap as vmap
    from tensorwright.jit import compile as compile

_siblings.install_finder()
_tensor_methods.install()
_tensor_properties.install()
globals().update({name: _C.op_functions[name] for name in _C.public_op_names})

newaxis = None

_LAZY = {
    "compile": "jit",
    "vmap": "func",
    "cond": "_control_flow",
    "while_loop": "_control_flow",
    "get_num_threads": "_config",
    "set_num_threads": "_config",
    "show_config": "_config",
    "lobpcg": "_lobpcg",
    "empty_cache": "_memory",
    "memory_stats": "_memory",
    "record_memory": "_memory",
    "reset_peak_memory": "_memory",
    "set_cache_limit": "_memory",
    "plugins": "_plugins",
    "eig": "_removed",
    "lstsq": "_removed",
    "matrix_rank": "_removed",
    "solve": "_removed",
    "symeig": "_removed",
    "get_printoptions": "_printing",
    "set_printoptions": "_printing",
    "load": "_serialization",
    "load_metadata": "_serialization",
    "save": "_serialization",
    "are_deterministic_algorithms_enabled": "_settings",
    "get_default_device": "_settings",
    "get_deterministic_debug_mode": "_settings",
    "get_float32_matmul_precision": "_settings",
    "get_num_interop_threads": "_settings",
    "is_deterministic_algorithms_warn_only_enabled": "_settings",
    "set_default_device": "_settings",
    "set_deterministic_debug_mode": "_settings",
    "set_float32_matmul_precision": "_settings",
    "set_flush_denormal": "_settings",
    "set_num_interop_threads": "_settings",
    "use_deterministic_algorithms": "_settings",
    "autocast": "amp",
    "get_autocast_dtype": "amp",
    "is_autocast_enabled": "amp",
    "TypedStorage": "_storage",
    "tensordot": "_tensordot",
    "UntypedStorage": "_storage",
    "BFloat16Tensor": "_typed_tensors",
    "BoolTensor": "_typed_tensors",
    "ByteTensor": "_typed_tensors",
    "CharTensor": "_typed_tensors",
    "DoubleTensor": "_typed_tensors",
    "FloatTensor": "_typed_tensors",
    "HalfTensor": "_typed_tensors",
    "IntTensor": "_typed_tensors",
    "LongTensor": "_typed_tensors",
    "ShortTensor": "_typed_tensors",
    "__version__": "_config",
}
_LAZY_MODULES = (
    "accelerator", "amp", "array_api", "backends", "checkpoint", "compat", "cuda", "distributed", "distributions",
    "extend", "fft", "linalg", "metrics", "multiprocessing", "ops", "profiler", "random", "serialization", "signal",
    "special", "testing", "utils",
)  # fmt: skip


if not TYPE_CHECKING:  # checkers know every name from the lines above

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _LAZY:
            value = getattr(import_module(f"tensorwright.{_LAZY[name]}"), name)
            globals()[name] = value
            return value
        if name in _LAZY_MODULES:
            return import_module(f"tensorwright.{name}")
        return _siblings.load_part(name)  # `tw.nn` works without `import tensorwright.nn`


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_MODULES, *_siblings.DISTRIBUTIONS})
