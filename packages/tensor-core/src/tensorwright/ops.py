"""Every op as a function, by name; ops of plugins under their namespace: ``tensorwright.ops.my_plugin.my_op``."""

from __future__ import annotations

from tensorwright import _C
from tensorwright._C import Op

globals().update(_C.op_functions)


def get(name: str) -> Op:
    """The op ``"namespace::name"`` as a callable with ``schema``, ``tags`` and ``revision``.

    Raises:
        LookupError: if no such op is registered, also not by a plugin.

    Example:
        >>> import tensorwright as tw
        >>> add = tw.ops.get("tw::add")
        >>> add(tw.ones(2), 1).tolist()
        [2.0, 2.0]
    """
    try:
        return _C.find_op(name)
    except LookupError:
        from tensorwright import _plugins

        if not _plugins.load_for_op(name):
            raise
        return _C.find_op(name)


class _Namespace:
    """The ops of one plugin."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Op:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            op = get(f"{self._name}::{name}")
        except LookupError as error:
            raise AttributeError(str(error)) from None
        setattr(self, name, op)
        return op

    def __dir__(self) -> list[str]:
        prefix = self._name + "::"
        return [name.removeprefix(prefix) for name in _C.op_names() if name.startswith(prefix)]

    def __repr__(self) -> str:
        return f"<ops of {self._name}>"


def __getattr__(name: str) -> _Namespace:
    if name.startswith("__"):
        raise AttributeError(name)
    namespace = _Namespace(name)
    if not dir(namespace):
        from tensorwright import _plugins

        _plugins.load_for_op(name + "::")
    if not dir(namespace):
        raise AttributeError(f"tensorwright has no op {name!r}, and no plugin with ops under that name")
    globals()[name] = namespace
    return namespace
