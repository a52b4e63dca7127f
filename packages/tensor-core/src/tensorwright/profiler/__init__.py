"""Where a program's time and memory go: every op on a thread, with times, bytes and shapes of its arguments.

Nothing is recorded, and nothing costs time, outside of a ``profile`` block.

Example:
    >>> import tensorwright as tw
    >>> x = tw.ones(32, 32)
    >>> with tw.profiler.profile(record_shapes=True) as prof:
    ...     with tw.profiler.record_function("twice"):
    ...         y = x @ x @ x
    >>> [(row.name, row.count) for row in prof.key_averages() if row.name in ("twice", "tw::mm")]
    [('twice', 1), ('tw::mm', 2)]
"""

from tensorwright.profiler._events import EventList as EventList
from tensorwright.profiler._events import FunctionEvent as FunctionEvent
from tensorwright.profiler._events import FunctionEventAvg as FunctionEventAvg
from tensorwright.profiler._observe import observe as observe
from tensorwright.profiler._profile import ProfilerAction as ProfilerAction
from tensorwright.profiler._profile import ProfilerActivity as ProfilerActivity
from tensorwright.profiler._profile import memory_in_use as memory_in_use
from tensorwright.profiler._profile import profile as profile
from tensorwright.profiler._profile import record_function as record_function
from tensorwright.profiler._profile import schedule as schedule
from tensorwright.profiler._profile import supported_activities as supported_activities
from tensorwright.profiler._profile import tensorboard_trace_handler as tensorboard_trace_handler

__all__ = [
    "EventList", "FunctionEvent", "FunctionEventAvg", "ProfilerAction", "ProfilerActivity", "memory_in_use", "observe",
    "profile", "record_function", "schedule", "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip
