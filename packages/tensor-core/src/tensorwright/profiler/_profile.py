"""Recording: when, and what."""

from __future__ import annotations

import enum
import functools
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tensorwright import _C
from tensorwright.profiler._events import EventList, FunctionEvent, averages, chrome_trace, events_of, write_trace

F = TypeVar("F", bound=Callable[..., Any])


class ProfilerActivity(enum.Enum):
    """What can be profiled."""

    CPU = 0


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3  # record, and hand over at the step's end


def supported_activities() -> set[ProfilerActivity]:
    """What can be profiled."""
    return {ProfilerActivity.CPU}


def memory_in_use() -> int:
    """Bytes that tensors occupy now, of all threads and devices.

    Up to 64 bytes lie in a tensor's own block and are not counted; neither is memory that was imported.

    Example:
        >>> import tensorwright as tw
        >>> before = tw.profiler.memory_in_use()
        >>> x = tw.empty(1000)
        >>> tw.profiler.memory_in_use() - before
        4000
    """
    return _C.memory_in_use()


class record_function:  # noqa: N801 (PyTorch's name)
    """Name a block in profiles: as a context manager or a decorator. Costs next to nothing without a profiler.

    Example:
        >>> import tensorwright as tw
        >>> with tw.profiler.profile() as prof:
        ...     with tw.profiler.record_function("my step"):
        ...         y = tw.ones(3).exp()
        >>> [event.name for event in prof.events()][0]
        'my step'
    """

    name: str

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name if args is None else f"{name}({args})"

    def __enter__(self) -> record_function:
        _C.begin_span(self.name)
        return self

    def __exit__(self, *exception: object) -> None:
        _C.end_span()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return named  # type: ignore[return-value]


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """Steps in turns: ``wait`` without profiling, ``warmup`` whose records are dropped, ``active`` that are kept.

    Args:
        wait: steps without profiling.
        warmup: steps that are recorded and dropped.
        active: steps that are kept.
        repeat: how many turns; 0 for no end.
        skip_first: steps before the first turn.

    Raises:
        ValueError: if a number is negative, or ``active`` is 0.

    Example:
        >>> import tensorwright as tw
        >>> plan = tw.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
        >>> [plan(step).name for step in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, active - 1, repeat, skip_first) < 0:
        raise ValueError(
            "schedule: wait, warmup, repeat and skip_first must not be negative, and active must be at least 1; got "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}"
        )
    turn = wait + warmup + active

    def plan(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0 or (repeat and step >= repeat * turn):
            return ProfilerAction.NONE
        position = step % turn
        if position < wait:
            return ProfilerAction.NONE
        if position < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if position < turn - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Any:
    """For ``on_trace_ready``: write each trace into a folder, under names that TensorBoard and Perfetto know."""

    def handle(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handle


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:  # noqa: N801
    """Record the ops that run inside the ``with`` block.

    Ops of other threads are recorded from now until the block ends, unless they have a profile of their own, or another
    profile of all threads was open before; ``event.thread`` tells them apart. Tables add up threads. What still runs on
    another thread when the block ends counts until then. Nodes of a backward pass show under their names, with the ops
    they run below them.

    Args:
        activities: ``{ProfilerActivity.CPU}``, or None.
        schedule: gives the :class:`ProfilerAction` of a step; ``step()`` says that one has ended. None records all.
        on_trace_ready: called with the profile whenever the steps that are kept have ended, or the block.
        record_shapes: note shapes and dtypes of arguments.
        profile_memory: show bytes in tables and traces.
        with_stack: note the Python stack of each event.
        all_threads: whether other threads are recorded too.

    Raises:
        RuntimeError: if the thread is profiled already.
        ValueError: for an activity that cannot be profiled.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(8, 8, requires_grad=True)
        >>> with tw.profiler.profile(profile_memory=True) as prof:
        ...     (x @ x).sum().backward()
        >>> table = prof.key_averages().table(sort_by="self_wall_time_total", row_limit=5)
        >>> "MmBackward" in [row.name for row in prof.key_averages()]
        True
    """

    step_num: int
    current_action: ProfilerAction

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], object] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        all_threads: bool = True,
    ) -> None:
        for activity in () if activities is None else activities:
            if activity not in supported_activities():
                raise ValueError(f"profile: activities must be of ProfilerActivity, got {activity!r}")
        self._plan = schedule
        self._on_trace_ready = on_trace_ready
        self._shapes, self._memory, self._stacks = record_shapes, profile_memory, with_stack
        self._all_threads = all_threads
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._events: list[FunctionEvent] = []
        self._origin = 0
        self._in_step = False

    # ---- recording ----

    def start(self) -> None:
        """Begin, as entering the ``with`` block does."""
        self._origin = time.monotonic_ns()
        self._go_to(self._action_of(self.step_num))
        self._begin_step()

    def stop(self) -> None:
        """End, as leaving the ``with`` block does."""
        kept = self.current_action in _RECORDING
        self._end_step()
        self._go_to(ProfilerAction.NONE)
        if kept and self._on_trace_ready:
            self._on_trace_ready(self)

    def step(self) -> None:
        """Say that a step of the program has ended and the next begins."""
        ended = self.current_action
        self._end_step()
        if ended is ProfilerAction.RECORD_AND_SAVE:
            self._go_to(ProfilerAction.NONE)
            if self._on_trace_ready:
                self._on_trace_ready(self)
        self.step_num += 1
        self._go_to(self._action_of(self.step_num))
        self._begin_step()

    def _action_of(self, step: int) -> ProfilerAction:
        return self._plan(step) if self._plan else ProfilerAction.RECORD

    def _begin_step(self) -> None:
        if self._plan and self.current_action is not ProfilerAction.NONE:
            _C.begin_span(f"ProfilerStep#{self.step_num}")
            self._in_step = True

    def _end_step(self) -> None:
        if self._in_step:
            _C.end_span()
        self._in_step = False

    def _go_to(self, action: ProfilerAction) -> None:
        before, self.current_action = self.current_action, action
        warmed = before is ProfilerAction.WARMUP and action in _RECORDING
        if before is not ProfilerAction.NONE and (action is ProfilerAction.NONE or warmed):
            rows = _C.profile_stop()
            if not warmed:
                self._events = events_of(rows, self._origin)
        if action is not ProfilerAction.NONE and (before is ProfilerAction.NONE or warmed):
            _C.profile_start(self._shapes, self._stacks, self._all_threads)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    # ---- what was recorded ----

    def events(self) -> list[FunctionEvent]:
        """The events in order of their beginning: of the block, or of the last steps that were kept."""
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Events of one name added up.

        Args:
            group_by_input_shape: apart for each list of argument shapes; needs ``record_shapes``.
            group_by_stack_n: apart for the innermost lines of the stack, so many; needs ``with_stack``.
        """
        rows = averages(self._events, group_by_input_shape, group_by_stack_n)
        return EventList(rows, group_by_input_shape, self._memory, group_by_stack_n > 0)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a trace for chrome://tracing and https://ui.perfetto.dev; compressed if the name ends in ".gz"."""
        write_trace(path, chrome_trace(self._events, self._memory))

    def export_stacks(self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total") -> None:
        """Write stacks with their time in whole microseconds, for flame graphs; needs ``with_stack``.

        Raises:
            ValueError: for another metric than "self_cpu_time_total" and "self_wall_time_total", or without stacks.
        """
        if metric not in ("self_cpu_time_total", "self_wall_time_total"):
            raise ValueError(f"export_stacks: unknown metric {metric!r}")
        if not self._stacks:
            raise ValueError("export_stacks: the profile was made without with_stack=True")
        times: dict[str, float] = {}
        for event in self._events:
            line = ";".join([*(frame.replace(";", ":") for frame in reversed(event.stack)), event.name])
            times[line] = times.get(line, 0.0) + getattr(event, metric)
        with open(path, "w") as file:
            file.writelines(f"{line.replace(' ', '_')} {int(time)}\n" for line, time in times.items() if int(time) > 0)
