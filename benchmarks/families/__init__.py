"""One file per family of cases."""

from case import Family

from . import (
    attention,
    compiled,
    convolution,
    elementwise,
    graphs,
    index_and_sort,
    matmul,
    module_calls,
    optimizers,
    reductions,
    small_calls,
    steps,
    tape,
    transforms,
)

FAMILIES: tuple[Family, ...] = (
    small_calls.FAMILY,
    module_calls.FAMILY,
    elementwise.FAMILY,
    reductions.FAMILY,
    matmul.FAMILY,
    matmul.SIXTEEN_BITS,
    matmul.BYTES,
    convolution.FAMILY,
    attention.FAMILY,
    index_and_sort.FAMILY,
    steps.FAMILY,
    optimizers.FAMILY,
    tape.FAMILY,
    transforms.FAMILY,
    graphs.FAMILY,
    compiled.FAMILY,
)
