"""Convolutions of ResNet-18, ResNet-50 and MobileNetV2: forward, and the gradients of input and weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from case import Case, Family, Library, Run, gradients, leaf


class Layer(NamedTuple):
    network: str
    images: int
    inputs: int
    outputs: int
    size: int  # height and width of the images
    kernel: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        depthwise = "depthwise " if self.groups > 1 else ""
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        kernel = f"{depthwise}{self.kernel}x{self.kernel}"
        return f"{self.network} {kernel} {self.inputs} to {self.outputs} at {self.size}{stride}"

    @property
    def flops(self) -> int:
        return (
            2 * self.images * self.outputs * (self.size // self.stride * self.kernel) ** 2 * self.inputs // self.groups
        )


LAYERS = (
    Layer("ResNet", 4, 3, 64, 224, 7, 2),
    Layer("ResNet", 4, 64, 64, 56, 3),
    Layer("ResNet-18", 4, 64, 128, 56, 3, 2),
    Layer("ResNet", 4, 128, 128, 28, 3),
    Layer("ResNet", 4, 256, 256, 14, 3),
    Layer("ResNet", 4, 512, 512, 7, 3),
    Layer("ResNet-18", 4, 64, 128, 56, 1, 2),
    Layer("ResNet-50", 4, 256, 64, 56, 1),
    Layer("ResNet-50", 4, 64, 256, 56, 1),
    Layer("ResNet-50", 4, 1024, 256, 14, 1),
    Layer("ResNet-50", 4, 512, 2048, 7, 1),
    Layer("MobileNet", 4, 32, 16, 112, 1),
    Layer("MobileNet", 4, 160, 960, 7, 1),
    Layer("MobileNet", 4, 32, 32, 112, 3, 1, 32),
    Layer("MobileNet", 4, 144, 144, 56, 3, 2, 144),
    Layer("MobileNet", 4, 960, 960, 7, 3, 1, 960),
)


def forward(layer: Layer) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        x = lib.randn(layer.images, layer.inputs, layer.size, layer.size)
        weight = lib.randn(layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
        conv2d, padding = lib.nn.functional.conv2d, layer.kernel // 2
        return lambda: conv2d(x, weight, None, layer.stride, padding, 1, layer.groups)

    return build


def backward(layer: Layer) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        x = leaf(lib, layer.images, layer.inputs, layer.size, layer.size)
        weight = leaf(lib, layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
        out = lib.nn.functional.conv2d(x, weight, None, layer.stride, layer.kernel // 2, 1, layer.groups)
        return gradients(lib, out, [x, weight], lib.randn(*out.shape))

    return build


def cases() -> Iterator[Case]:
    for layer in LAYERS:
        yield Case(f"{layer.name}", forward(layer), flops=layer.flops)
        yield Case(f"{layer.name}, gradients", backward(layer), flops=2 * layer.flops)


FAMILY = Family("convolution", tuple(cases()), mean=1.0, worst=1.3)
