"""What a condition says of the numbers in it."""

from __future__ import annotations

from collections.abc import Callable

from .expression import Node
from .facts import HIGH, LOW

Bounds = dict[str, int]  # by the name of a number (`n`, `axis.stride`): the sides on which it is bounded
NOT_MINUS_ONE = 4  # beside the sides: a divisor for any number
_BELOW = {"<": HIGH, "<=": HIGH, ">": LOW, ">=": LOW, "==": HIGH | LOW}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def key_of(node: Node) -> str:
    """What conditions call a number by; "" for what is no plain name."""
    if node.kind == "name":
        return node.text
    if node.kind == "member":
        of = key_of(node.parts[0])
        return f"{of}.{node.text}" if of else ""
    if node.kind == "prefix" and node.text == "*":  # what an optional holds
        return key_of(node.parts[0])
    return ""


def bounds_when(condition: Node, truth: bool, bits: Callable[[Node], int]) -> Bounds:
    """The bounds that hold when a condition is true, or when it is false; `bits` says how free a number is."""
    if condition.kind == "prefix" and condition.text == "!":
        return bounds_when(condition.parts[0], not truth, bits)
    if condition.kind != "binary":
        return {}
    left, right = condition.parts
    if condition.text == ("&&" if truth else "||"):
        found = bounds_when(left, truth, bits)
        for key, sides in bounds_when(right, truth, bits).items():
            found[key] = found.get(key, 0) | sides
        return found
    if condition.text not in _OPPOSITE:
        return {}
    operator = condition.text if truth else _OPPOSITE[condition.text]
    found = {}
    for number, other, relation in ((left, right, operator), (right, left, _MIRRORED[operator])):
        sides = _BELOW.get(relation, 0) & ~bits(other)
        if relation == "!=" and other.kind == "prefix" and other.text == "-" and other.parts[0].text == "1":
            sides = NOT_MINUS_ONE
        if (key := key_of(number)) and sides:
            found[key] = sides
    return found
