"""Special functions, by their names in the literature."""

from tensorwright import _C

globals().update(_C.module_functions["special"])
