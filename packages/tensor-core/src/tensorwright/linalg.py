"""Linear algebra: decompositions, solvers, norms."""

from tensorwright import _C

globals().update(_C.module_functions["linalg"])
