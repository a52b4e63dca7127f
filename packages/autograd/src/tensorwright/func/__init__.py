"""Function transforms that compose: derivatives of functions as functions, and batches of functions of one example.

Each transform takes a function and gives one; they nest in any order, with each other and with ``backward()``.
Reverse-mode transforms (``grad``, ``vjp``, ``jacrev``) cost about one more call of the function for each output,
forward-mode ones (``jvp``, ``jacfwd``) for each input; ``vmap`` runs a function of one example on a batch.

Example:
    >>> import tensorwright as tw
    >>> tw.func.grad(tw.func.grad(lambda x: x**3))(tw.tensor(2.0)).item()
    12.0
    >>> tw.func.vmap(tw.func.grad(lambda x: (x * x).sum()))(tw.ones(3, 2)).shape
    (3, 2)
"""

from tensorwright.func._batch import vmap as vmap
from tensorwright.func._forward import hessian as hessian
from tensorwright.func._forward import jacfwd as jacfwd
from tensorwright.func._forward import jvp as jvp
from tensorwright.func._forward import linearize as linearize
from tensorwright.func._inspection import debug_unwrap as debug_unwrap
from tensorwright.func._inspection import functionalize as functionalize
from tensorwright.func._modules import functional_call as functional_call
from tensorwright.func._modules import replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_
from tensorwright.func._modules import stack_module_state as stack_module_state
from tensorwright.func._reverse import grad as grad
from tensorwright.func._reverse import grad_and_value as grad_and_value
from tensorwright.func._reverse import jacrev as jacrev
from tensorwright.func._reverse import vjp as vjp

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
