"""Switches of CUDA's matrix products, which are not used."""

from types import SimpleNamespace

matmul: SimpleNamespace = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
)


def is_built() -> bool:
    """False."""
    return False
