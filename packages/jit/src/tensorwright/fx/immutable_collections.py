"""Lists and dicts among the arguments of a node: they are read; a change is a new value assigned to the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn


def _refuse(self: object, *args: Any, **kwargs: Any) -> NoReturn:
    raise TypeError(
        f"a {type(self).__name__} among a node's arguments cannot be changed in place; assign the node a changed copy: "
        "node.args = (...), or use node.update_arg, node.update_kwarg"
    )


class immutable_list(list[Any]):  # noqa: N801  (the field's name)
    """A list that refuses to change.

    Example:
        >>> immutable_list([1, 2]) == [1, 2]
        True
    """

    if not TYPE_CHECKING:
        append = extend = insert = pop = remove = clear = sort = reverse = _refuse
        __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)


class immutable_dict(dict[Any, Any]):  # noqa: N801
    """A dict that refuses to change.

    Example:
        >>> immutable_dict(a=1) == {"a": 1}
        True
    """

    if not TYPE_CHECKING:
        update = pop = popitem = clear = setdefault = _refuse
        __setitem__ = __delitem__ = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
