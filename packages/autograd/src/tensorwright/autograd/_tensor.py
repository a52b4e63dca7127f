"""What this part brings to Tensor."""

from __future__ import annotations

from tensorwright import extend
from tensorwright.autograd._engine import tensor_backward

_REQUIRES_GRAD = """Whether operations on the tensor are recorded, so that gradients can flow back to it.

Can be set for leaves of a floating dtype.
"""
_GRAD = (
    """The gradient that backward passes have accumulated, of the tensor's shape and dtype; None before the first."""
)
_GRAD_FN = """The node of the graph that made the tensor; None for a leaf. It has ``name()``, ``next_functions``,
``register_hook(hook)``, ``register_prehook(hook)`` and the values that it saved as ``_saved_<argument>``.
"""
_IS_LEAF = """Whether the tensor was not computed from others that require grad."""


def extend_tensor() -> None:
    """Put the attributes and methods on the Tensor type."""
    extend.property(
        "requires_grad", getter="autograd::requires_grad", setter="autograd::set_requires_grad", doc=_REQUIRES_GRAD
    )
    extend.property("grad", getter="autograd::grad_of", setter="autograd::set_grad", doc=_GRAD)
    extend.property("grad_fn", getter="autograd::grad_fn", doc=_GRAD_FN)
    extend.property("is_leaf", getter="autograd::is_leaf", doc=_IS_LEAF)
    extend.property("retains_grad", getter="autograd::retains_grad", doc="Whether ``retain_grad()`` was called.")
    extend.property("output_nr", getter="autograd::output_nr", doc="Which result of ``grad_fn`` the tensor is.")
    for name in ("requires_grad_", "retain_grad", "detach_", "register_hook", "register_post_accumulate_grad_hook"):
        extend.method(name, f"autograd::{name}")
    extend.attribute("backward", tensor_backward)
