"""What the namespace tells about itself."""

from __future__ import annotations

import tensorwright as tw
from tensorwright.array_api._data_types import KINDS
from tensorwright.array_api._types import Device, Dtype

_MAX_DIMENSIONS = 64


class ArrayNamespaceInfo:
    """Capabilities, devices and dtypes."""

    @staticmethod
    def capabilities() -> dict[str, bool | int | None]:
        """What the namespace can do where the standard leaves a choice."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": _MAX_DIMENSIONS}

    @staticmethod
    def default_device() -> Device:
        """Where arrays are made unless told otherwise."""
        return tw.device("cpu")

    @staticmethod
    def devices() -> list[Device]:
        """The devices whose arrays hold data."""
        return [tw.device("cpu")]

    @staticmethod
    def default_dtypes(*, device: Device | None = None) -> dict[str, Dtype]:
        """What arrays are made of unless told otherwise."""
        real = tw.get_default_dtype()
        return {
            "real floating": real,
            "complex floating": tw.result_type(real, 1j),
            "integral": tw.int64,
            "indexing": tw.int64,
        }

    @staticmethod
    def dtypes(*, device: Device | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Dtype]:
        """The standard's dtypes, of some kinds or all, by name."""
        if isinstance(kind, tuple):
            return {name: dtype for item in kind for name, dtype in ArrayNamespaceInfo.dtypes(kind=item).items()}
        if kind is not None and kind not in KINDS:
            raise ValueError(f"dtypes: kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
        found = KINDS["bool"] + KINDS["numeric"] if kind is None else KINDS[kind]
        return {dtype.name: dtype for dtype in found}


def __array_namespace_info__() -> ArrayNamespaceInfo:  # noqa: N807
    """Capabilities, devices and dtypes of the namespace."""
    return ArrayNamespaceInfo()
