"""Calls of ops by the metadata of their arguments, and a search for arguments that one constraint refuses."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorwright as tw
from tensorwright_codegen.facets import Arg, Dtype, Op, Type, load_ops
from tensorwright_codegen.rules import RuleError, TensorMeta, Term, evaluate_rule, parse_rule
from tensorwright_codegen.rules.tree import Logical

OPS = load_ops([Path(__file__).parents[1] / "packages" / "tensor-core" / "ops"])


# ---- calls -------------------------------------------------------------------------------------------------------


def default_of(arg: Arg) -> Any:
    value = arg.default.value if arg.default else None
    if isinstance(value, int) and arg.type is Type.INTS:
        return (value,) * arg.list_length
    return value.name if isinstance(value, Dtype) else value


def on_device(value: Any, arg: Arg, device: str) -> Any:
    if isinstance(value, TensorMeta):
        return tw.zeros(value.shape, dtype=getattr(tw, value.dtype), device=device)
    if isinstance(value, list):
        return [on_device(item, arg, device) for item in value]
    if arg.type is Type.DTYPE and value is not None:
        return getattr(tw, value)
    return value


def called(op: Op, args: dict[str, Any], device: str = "meta") -> Any:
    given_args = {arg.name: on_device(args[arg.name], arg, device) for arg in op.schema.args}
    positional = [given_args[arg.name] for arg in op.schema.args if not arg.keyword_only]
    return tw.ops.get(op.qualified_name)(
        *positional, **{arg.name: given_args[arg.name] for arg in op.schema.args if arg.keyword_only}
    )


def has_tensor(args: dict[str, Any]) -> bool:
    """Something has to say that the call is about the meta device."""
    lists = [value for value in args.values() if isinstance(value, list)]
    return any(
        isinstance(value, TensorMeta) for value in [*args.values(), *(item for items in lists for item in items)]
    )


# ---- arguments that a constraint refuses ---------------------------------------------------------------------------

SIZES = (0, 1, 2, 2, 3, 3, 4, 5, 6, 8)
DTYPES = ("float32", "float32", "float32", "float64", "int64", "int32", "bool", "uint8", "complex64", "bfloat16")
TRIES, STARTS = 15_000, 12


def parts_of(term: Term) -> tuple[Term, ...]:
    """What an `and` joins."""
    return term.items if isinstance(term, Logical) and term.operator == "and" else (term,)


class Violations:
    """Finds, for each constraint of an op, arguments that hold all constraints before it and not this one.

    A search by steps: arguments that get further than others are changed further, one argument at a time.
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        self.draw = random.Random(op.name)
        texts = " ".join(constraint.rule.text for constraint in op.where)
        self.words = re.findall(r"['\"]([^'\"]*)['\"]", texts) + ["nonsense"]
        constants = {int(text) for text in re.findall(r"(?<![\w.])\d+(?![\w.])", texts)}
        self.numbers = sorted({n + step for n in constants if n < 2**40 for step in (-1, 0, 1)})
        named = [name for name in re.findall(r"\b[a-z]+\d+\b", texts) if isinstance(getattr(tw, name, None), tw.dtype)]
        self.dtypes = (*DTYPES, *named)
        self.found: dict[int, dict[str, Any]] = {}
        self.unsaid: set[int] = set()  # places that only arguments without a value for the constraint were found for
        terms = [parse_rule(constraint.rule, op.schema) for constraint in op.where]
        self._parts = [(place, part) for place, term in enumerate(terms) for part in parts_of(term)]

    def search(self) -> dict[int, dict[str, Any]]:
        """By the place of the constraint."""
        for _ in range(STARTS):
            self._search()
            if len(self.found) == len(self.op.where):
                break
        return self.found

    def _search(self) -> None:
        pool: dict[int, list[dict[str, Any]]] = {}
        for _ in range(TRIES):
            args = self._changed(pool)
            held, has_value = self._held(args)
            kept = pool.setdefault(held, [])
            kept.append(args)
            if len(kept) > 12:
                kept.pop(self.draw.randrange(len(kept)))
            if held < len(self._parts):
                place = self._parts[held][0]
                if place not in self.found or (has_value and place in self.unsaid):
                    self.found[place] = args
                    (self.unsaid.discard if has_value else self.unsaid.add)(place)
            if len(self.found) == len(self.op.where):
                return

    def _held(self, args: dict[str, Any]) -> tuple[int, bool]:
        """How many parts of constraints hold before one does not, and whether that one has a value."""
        for count, (_, part) in enumerate(self._parts):
            try:
                if not evaluate_rule(part, args):
                    return count, True
            except RuleError:
                return count, False
        return len(self._parts), True

    def _changed(self, pool: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
        args = self.op.schema.args
        if not pool or self.draw.random() < 0.1:
            return {arg.name: self._value(arg, {}) for arg in args}
        reached = sorted(pool)
        held = reached[-1] if self.draw.random() < 0.5 else self.draw.choice(reached)
        changed = dict(self.draw.choice(pool[held]))
        for _ in range(self.draw.choice((1, 1, 2, 3))):
            arg = self.draw.choice(args)
            changed[arg.name] = self._value(arg, changed)
        return changed

    def _value(self, arg: Arg, others: dict[str, Any]) -> Any:
        kind = self.draw.random()
        if arg.default is not None and kind < 0.3:
            return default_of(arg)
        if arg.optional and kind < 0.5:
            return None
        makers: dict[Type, Callable[[], Any]] = {
            Type.TENSOR: lambda: self._tensor(others),
            Type.OPERAND: lambda: self._tensor(others) if self.draw.random() < 0.7 else self._number(),
            Type.SCALAR: self._number,
            Type.INT: lambda: self._int(others),
            Type.FLOAT: self._number,
            Type.BOOL: lambda: self.draw.random() < 0.5,
            Type.STR: lambda: self.draw.choice(self.words),
            Type.DTYPE: lambda: self.draw.choice(self.dtypes),
            Type.INTS: lambda: self._ints(arg, others),
            Type.FLOATS: lambda: [float(self._number()) for _ in range(self.draw.randrange(4))],
            Type.TENSORS: lambda: [self._tensor(others) for _ in range(self.draw.randrange(4))],
        }
        return makers[arg.type]() if arg.type in makers else None

    def _number(self) -> float:
        return self.draw.choice((0, 1, -1, 2, 0.5, -1.5, 1.5, *self.numbers))

    def _int(self, others: dict[str, Any]) -> int:
        sizes = [size for meta in self._metas(others) for size in meta.shape]
        return self.draw.choice((-2, -1, 0, 1, 2, 3, 5, *self.numbers, *sizes))

    def _ints(self, arg: Arg, others: dict[str, Any]) -> tuple[int, ...]:
        length = arg.list_length if arg.list_length > 1 else self.draw.randrange(5)
        shapes = [meta.shape for meta in self._metas(others) if len(meta.shape) >= length]
        if shapes and self.draw.random() < 0.3:
            shape = self.draw.choice(shapes)
            return shape[len(shape) - length :]
        if self.draw.random() < 0.4:
            return (self._int(others),) * length
        return tuple(self._int(others) for _ in range(length))

    def _metas(self, others: dict[str, Any]) -> list[TensorMeta]:
        items = [item for value in others.values() for item in (value if isinstance(value, list) else [value])]
        return [item for item in items if isinstance(item, TensorMeta)]

    def _tensor(self, others: dict[str, Any]) -> TensorMeta:
        metas, draw = self._metas(others), self.draw
        dtype = draw.choice(metas).dtype if metas and draw.random() < 0.6 else draw.choice(self.dtypes)
        shape = [draw.choice(SIZES) for _ in range(draw.randrange(6))]
        if metas and draw.random() < 0.7:
            shape = list(draw.choice(metas).shape)
            change = draw.randrange(8)
            place = draw.randrange(len(shape) + 1)
            if change == 0:
                shape = shape[place:]
            elif change == 1:
                shape = shape[:place]
            elif change == 2:
                shape.insert(place, draw.choice(SIZES))
            elif change == 3 and place < len(shape):
                shape[place] = draw.choice((*SIZES, *(size for meta in metas for size in meta.shape)))
            elif change == 4:
                shape.reverse()
            elif change == 5:
                shape += draw.choice(metas).shape[-1:]
        elif draw.random() < 0.3:
            shape = [draw.choice(SIZES)] * len(shape)
        return TensorMeta(tuple(shape[:6]), dtype)
