"""Linear algebra: decompositions, solvers, norms."""

from tensorwright import _C
from tensorwright._C import LinAlgError as LinAlgError

globals().update(_C.module_functions["linalg"])
