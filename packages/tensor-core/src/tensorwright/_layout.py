"""Words for how a tensor lies in memory: memory formats, and the one layout there is."""

from __future__ import annotations


class _Word(str):
    """A string of its own kind; ops take it as the string that it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"tensorwright.{str.__str__(self)}"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[_Word], tuple[str]]:
        return type(self), (str.__str__(self),)


class memory_format(_Word):  # noqa: N801 (PyTorch's name)
    """The order of a tensor's dimensions in memory: ``tw.channels_last`` and the like."""

    __slots__ = ()


class layout(_Word):  # noqa: N801
    """How a tensor is stored; there is ``tw.strided``."""

    __slots__ = ()


contiguous_format: memory_format = memory_format("contiguous_format")
preserve_format: memory_format = memory_format("preserve_format")
channels_last: memory_format = memory_format("channels_last")
channels_last_3d: memory_format = memory_format("channels_last_3d")
strided: layout = layout("strided")
