"""The profiler under the name that it has beside autograd; see ``tensorwright.profiler``."""

from tensorwright.profiler import EventList as EventList
from tensorwright.profiler import FunctionEvent as FunctionEvent
from tensorwright.profiler import FunctionEventAvg as FunctionEventAvg
from tensorwright.profiler import profile as profile
from tensorwright.profiler import record_function as record_function

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "profile", "record_function"]
