"""The Python array API standard, version 2024.12, with its extensions ``linalg`` and ``fft``.

The names, arguments and results of https://data-apis.org/array-api/2024.12. Arrays are ``Tensor``s, so libraries that
are written to the standard run on tensors as they are: ``x.__array_namespace__()`` gives this module.

Example:
    >>> import tensorwright as tw
    >>> x = tw.tensor([[1, 2], [3, 4]], dtype=tw.uint8)
    >>> xp = x.__array_namespace__()
    >>> xp.sum(x, axis=0, keepdims=True)
    tensor([[4, 6]], dtype=tensorwright.uint64)
"""

from tensorwright._C import bool as bool
from tensorwright._C import complex64 as complex64
from tensorwright._C import complex128 as complex128
from tensorwright._C import float32 as float32
from tensorwright._C import float64 as float64
from tensorwright._C import int8 as int8
from tensorwright._C import int16 as int16
from tensorwright._C import int32 as int32
from tensorwright._C import int64 as int64
from tensorwright._C import uint8 as uint8
from tensorwright._C import uint16 as uint16
from tensorwright._C import uint32 as uint32
from tensorwright._C import uint64 as uint64
from tensorwright.array_api import fft as fft
from tensorwright.array_api import linalg as linalg
from tensorwright.array_api._constants import *  # noqa: F403
from tensorwright.array_api._creation import *  # noqa: F403
from tensorwright.array_api._data_types import *  # noqa: F403
from tensorwright.array_api._elementwise import *  # noqa: F403
from tensorwright.array_api._info import __array_namespace_info__ as __array_namespace_info__
from tensorwright.array_api._manipulation import *  # noqa: F403
from tensorwright.array_api._products import *  # noqa: F403
from tensorwright.array_api._searching import *  # noqa: F403
from tensorwright.array_api._sets import *  # noqa: F403
from tensorwright.array_api._statistics import *  # noqa: F403

__array_api_version__ = "2024.12"
