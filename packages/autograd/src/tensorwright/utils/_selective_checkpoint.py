"""Checkpoints that keep the results of chosen ops, so that only the others run again."""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any

from tensorwright import Tensor, ops
from tensorwright.autograd import _library as _library  # the op below comes with it

_exchange_keeper = ops.get("autograd::exchange_keeper")
_op = cache(ops.get)  # one object for each op, which policies may compare by `is`


class CheckpointPolicy(enum.Enum):
    """Whether the results of an op are kept for the backward pass, or the op runs again.

    ``PREFER_`` leaves the choice to compilers; outside of them it means the same as ``MUST_``.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3


@dataclass(frozen=True)
class SelectiveCheckpointContext:
    """What a policy is told: whether the op runs for the backward pass."""

    is_recompute: bool


Policy = Callable[..., CheckpointPolicy]


@dataclass(frozen=True)
class _Kept:
    """The results of one call, and the versions that they had."""

    results: list[Tensor]
    versions: tuple[int, ...]


class _Run(AbstractContextManager["_Run"]):
    """A run of the checkpointed function, the first or one for the backward pass: the keeper of its thread.

    Results are found again by the op's name and the number of its calls before.
    """

    def __init__(self, policy: Policy, kept: defaultdict[str, list[_Kept]]) -> None:
        self._policy, self._kept = policy, kept
        self._outer: list[Any] = []

    def __enter__(self) -> _Run:
        self._outer.append(_exchange_keeper(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _exchange_keeper(self._outer.pop())

    def _saves(self, name: str, args: tuple[Any, ...], is_recompute: bool) -> bool:
        choice = self._policy(SelectiveCheckpointContext(is_recompute), _op(name), *args)
        if not isinstance(choice, CheckpointPolicy):
            raise TypeError(f"checkpoint: the policy must return a CheckpointPolicy, it returned {choice!r} for {name}")
        return choice in (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE)


class _FirstRun(_Run):
    """Keeps results."""

    def __call__(self, name: str, *args: Any) -> Callable[[Sequence[Tensor]], None] | None:
        if not self._saves(name, args, is_recompute=False):
            return None

        def keep(results: Sequence[Tensor]) -> None:
            self._kept[name].append(_Kept(list(results), tuple(result._version for result in results)))

        return keep


class _RunAgain(_Run):
    """Gives kept results in place of what the ops would compute."""

    def __init__(self, policy: Policy, kept: defaultdict[str, list[_Kept]], allow_mutation: bool) -> None:
        super().__init__(policy, kept)
        self._allow_mutation = allow_mutation
        self._calls: Counter[str] = Counter()

    def __enter__(self) -> _Run:
        self._calls.clear()
        return super().__enter__()

    def __call__(self, name: str, *args: Any) -> list[Tensor] | None:
        if not self._saves(name, args, is_recompute=True):
            return None
        number = self._calls[name]
        self._calls[name] += 1
        if number >= len(self._kept[name]):
            raise RuntimeError(
                f"checkpoint: the policy keeps call {number} of {name} in the recomputation, but did not in the "
                "forward run, or that made fewer calls; it must decide alike in both"
            )
        found = self._kept[name][number]
        if not self._allow_mutation:
            for result, version in zip(found.results, found.versions, strict=True):
                if result._version != version:
                    raise RuntimeError(
                        f"checkpoint: a result of {name} that was kept for the backward pass was modified in place "
                        f"(version {result._version}, expected {version}); clone it before the write, or say "
                        "allow_cache_entry_mutation=True if that does no harm"
                    )
        return found.results


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Policy | Iterable[Any], allow_cache_entry_mutation: bool = False
) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Contexts that make ``checkpoint`` keep what some ops compute; the others run again in the backward pass.

    Ops are seen as the kernels see them: ``mm`` or ``linear``, not ``matmul``, which is written in other ops. Ops that
    write in place, make views or draw random numbers always run again.

    Args:
        policy_fn_or_list: ``policy(ctx, op, *args)`` gives a :class:`CheckpointPolicy` for each call, the same in both
            runs; ``ctx.is_recompute`` tells which it is, ``op.name`` is the name, ``"tw::mm"``. Or the ops to keep:
            functions of ``tensorwright`` or of ``tensorwright.ops``, or names.
        allow_cache_entry_mutation: whether kept results may be modified in place before the backward pass.

    Returns:
        A context for the forward run and one for each recomputation.

    Raises:
        ValueError: if a listed op is written in other ops, or always runs again.
        LookupError: if there is no such op.
        RuntimeError: in the backward pass, if a kept result was modified, or the policy decided otherwise before.

    Example:
        >>> import functools
        >>> import tensorwright as tw
        >>> from tensorwright.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
        >>> keep_products = functools.partial(create_selective_checkpoint_contexts, [tw.mm])
        >>> x = tw.ones(2, 2, requires_grad=True)
        >>> checkpoint(lambda x: (x @ x).exp().sum(), x, context_fn=keep_products).backward()
    """
    policy = policy_fn_or_list if callable(policy_fn_or_list) else _policy_of(policy_fn_or_list)
    kept: defaultdict[str, list[_Kept]] = defaultdict(list)
    return _FirstRun(policy, kept), _RunAgain(policy, kept, allow_cache_entry_mutation)


def _policy_of(listed: Iterable[Any]) -> Policy:
    names = frozenset(_checked_name(item) for item in listed)

    def policy(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE if op.name in names else CheckpointPolicy.PREFER_RECOMPUTE

    return policy


def _checked_name(item: Any) -> str:
    name: str = item if isinstance(item, str) else getattr(item, "name", None) or item.__name__
    op = _op(name if "::" in name else f"tw::{name}")
    for tag, why in (
        ("composite", "is written in other ops; list those"),
        ("view", "makes a view, and always runs again"),
        ("random", "draws random numbers, and always runs again"),
    ):
        if tag in op.tags:
            raise ValueError(f"create_selective_checkpoint_contexts: {op.name} {why}")
    found: str = op.name
    return found
