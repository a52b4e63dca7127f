"""Cases of function transforms: gradients per sample, Jacobians, Hessians."""

from __future__ import annotations

from typing import Any

from case import Case, Family, Library, Run


def per_sample_gradients(lib: Library) -> Run:
    """Gradients of a small CNN's loss for each of 32 images."""
    nn, func = lib.nn, lib.func
    lib.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 6 * 6, 10),
    )
    params = {name: value.detach() for name, value in model.named_parameters()}
    images, labels = lib.randn(32, 1, 28, 28), lib.randint(0, 10, (32,))

    def loss(weights: Any, image: Any, label: Any) -> Any:
        logits = func.functional_call(model, weights, (image.unsqueeze(0),))
        return nn.functional.cross_entropy(logits, label.unsqueeze(0))

    gradients = func.vmap(func.grad(loss), in_dims=(None, 0, 0))
    return lambda: gradients(params, images, labels)


def mlp_hessian(lib: Library) -> Run:
    """The matrix of second derivatives of an MLP with 64 parameters, over a batch of 32."""
    lib.manual_seed(0)
    x, y = lib.randn(32, 5), lib.randn(32, 2)
    params = lib.randn(5, 8), lib.randn(8), lib.randn(8, 2)

    def loss(first: Any, bias: Any, second: Any) -> Any:
        return ((lib.tanh(x @ first + bias) @ second - y) ** 2).mean()

    hessian = lib.func.hessian(loss, argnums=(0, 1, 2))
    return lambda: hessian(*params)


def jacobian_of_256(lib: Library) -> Run:
    """The Jacobian of 256 outputs by 64 inputs, row by row at once."""
    lib.manual_seed(0)
    first, second, x = lib.randn(128, 64), lib.randn(256, 128), lib.randn(64)
    jacobian = lib.func.jacrev(lambda v: lib.tanh(second @ lib.tanh(first @ v)))
    return lambda: jacobian(x)


FAMILY = Family(
    "function transforms",
    (
        Case("gradients per sample of a CNN, 32 images", per_sample_gradients, bar=0.5),
        Case("hessian of an MLP with 64 parameters", mlp_hessian, bar=0.5),
        Case("jacrev of 256 outputs by 64 inputs", jacobian_of_256, bar=0.5),
    ),
)
