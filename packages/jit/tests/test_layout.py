"""Images stay in blocks of channels from convolution to convolution, and results have eager's bits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import export, nn

# ---- the pass -------------------------------------------------------------------------------------------------------

X = "tensor<float32, [1, 32, 6, 6]>"
BLOCKS = "tensor<float32, [1, 2, 8, 8, 16]>"
BARE = "tensor<float32, [1, 2, 6, 6, 16]>"
HALF = "tensor<float32, [1, 32, 3, 3]>"
W = "tensor<float32, [32, 32, 3, 3]>"
CONV = "[1, 1], [1, 1], [1, 1]"
V, U = "tensor<float32, [32, 1, 3, 3]>", "tensor<float32, [32, 32, 1, 1]>"
MORE = f"%v: {V} = get_attr @v()\n%u: {U} = get_attr @u()\n"
HEAD = f"func @f(%x: {X}) {{\n%w: {W} = get_attr @w()\n"


def group(number: int, inputs: str, parameters: str, result: str, body: str) -> str:
    """A fusion and the value that it gives."""
    return (
        f"%{number}: tuple<{result}> = fusion({inputs}) ({parameters}) {{ {body} }}\n"
        f"%{number + 1}: {result} = tuple.get(%{number}, 0)\n"
    )


TEXTS = {
    "a chain": (
        f"%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n%1: {X} = tw::relu(%0)\n"
        f"%2: {X} = tw::conv2d(%1, %w, None, {CONV}) return(%2)",
        group(
            0,
            "%x, %w",
            f"%in0: {X}, %in1: {W}",
            BLOCKS,
            f"%a: {X} = tw::conv2d(%in0, %in1, None, {CONV})\n%b: {X} = tw::relu(%a)\n"
            f"%c: {BLOCKS} = jit::to_blocks(%b, [1, 1]) yield(%c)",
        )
        + group(
            2,
            "%1, %w",
            f"%in2: {BLOCKS}, %in3: {W}",
            X,
            f"%d: {X} = jit::to_planes(%in2, [1, 1])\n%e: {X} = tw::conv2d(%d, %in3, None, {CONV}) yield(%e)",
        )
        + "return(%3)",
    ),
    "what is read as planes too": (
        f"%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n%1: {X} = tw::conv2d(%0, %w, None, {CONV}) return([%0, %1])",
        group(
            0,
            "%x, %w",
            f"%in0: {X}, %in1: {W}",
            BLOCKS,
            f"%a: {X} = tw::conv2d(%in0, %in1, None, {CONV})\n%b: {BLOCKS} = jit::to_blocks(%a, [1, 1]) yield(%b)",
        )
        + group(2, "%1", f"%in4: {BLOCKS}", X, f"%c: {X} = jit::to_planes(%in4, [1, 1]) yield(%c)")
        + group(
            4,
            "%1, %w",
            f"%in2: {BLOCKS}, %in3: {W}",
            X,
            f"%d: {X} = jit::to_planes(%in2, [1, 1])\n%e: {X} = tw::conv2d(%d, %in3, None, {CONV}) yield(%e)",
        )
        + "return([%3, %5])",
    ),
    "a sum lies as what is added": (
        f"%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n%1: {X} = tw::conv2d(%0, %w, None, {CONV})\n"
        f"%2: {X} = tw::add(%1, %0)\n%3: {X} = tw::conv2d(%2, %w, None, {CONV}) return(%3)",
        group(
            0,
            "%x, %w",
            f"%in0: {X}, %in1: {W}",
            BLOCKS,
            f"%a: {X} = tw::conv2d(%in0, %in1, None, {CONV})\n%b: {BLOCKS} = jit::to_blocks(%a, [1, 1]) yield(%b)",
        )
        + group(
            2,
            "%1, %w",
            f"%in2: {BLOCKS}, %in3: {W}",
            BLOCKS,
            f"%c: {X} = jit::to_planes(%in2, [1, 1])\n%d: {X} = tw::conv2d(%c, %in3, None, {CONV})\n"
            f"%e: {X} = tw::add(%d, %c)\n%f: {BLOCKS} = jit::to_blocks(%e, [1, 1]) yield(%f)",
        )
        + group(
            4,
            "%3, %w",
            f"%in4: {BLOCKS}, %in5: {W}",
            X,
            f"%g: {X} = jit::to_planes(%in4, [1, 1])\n%h: {X} = tw::conv2d(%g, %in5, None, {CONV}) yield(%h)",
        )
        + "return(%5)",
    ),
    "a pool": (
        f"%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n"
        f"%1: tuple<{HALF}, tensor<int64, [1, 32, 3, 3]>> = tw::max_pool2d_with_indices(%0, [2, 2])\n"
        f"%2: {HALF} = tuple.get(%1, 0) return(%2)",
        group(
            0,
            "%x, %w",
            f"%in0: {X}, %in1: {W}",
            BARE,
            f"%a: {X} = tw::conv2d(%in0, %in1, None, {CONV})\n%b: {BARE} = jit::to_blocks(%a, [0, 0]) yield(%b)",
        )
        + group(
            2,
            "%1",
            f"%in2: {BARE}",
            "tensor<float32, [1, 2, 3, 3, 16]>",
            f"%c: {X} = jit::to_planes(%in2, [0, 0])\n"
            f"%d: tuple<{HALF}, tensor<int64, [1, 32, 3, 3]>> = tw::max_pool2d_with_indices(%c, [2, 2])\n"
            f"%e: {HALF} = tuple.get(%d, 0)\n"
            f"%f: tensor<float32, [1, 2, 3, 3, 16]> = jit::to_blocks(%e, [0, 0]) yield(%f)",
        )
        + group(
            4,
            "%3",
            "%in3: tensor<float32, [1, 2, 3, 3, 16]>",
            HALF,
            f"%g: {HALF} = jit::to_planes(%in3, [0, 0]) yield(%g)",
        )
        + "return(%5)",
    ),
    "a depthwise convolution, with a border of its own": (
        f"{MORE}%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n"
        f"%1: {X} = tw::conv2d(%0, %v, None, {CONV}, 32)\n%2: {X} = tw::conv2d(%1, %u) return(%2)",
        MORE
        + group(
            0,
            "%x, %w",
            f"%in0: {X}, %in1: {W}",
            BLOCKS,
            f"%a: {X} = tw::conv2d(%in0, %in1, None, {CONV})\n%b: {BLOCKS} = jit::to_blocks(%a, [1, 1]) yield(%b)",
        )
        + group(
            2,
            "%1, %v",
            f"%in2: {BLOCKS}, %in3: {V}",
            BARE,
            f"%c: {X} = jit::to_planes(%in2, [1, 1])\n%d: {X} = tw::conv2d(%c, %in3, None, {CONV}, 32)\n"
            f"%e: {BARE} = jit::to_blocks(%d, [0, 0]) yield(%e)",
        )
        + group(
            4,
            "%3, %u",
            f"%in4: {BARE}, %in5: {U}",
            X,
            f"%f: {X} = jit::to_planes(%in4, [0, 0])\n%g: {X} = tw::conv2d(%f, %in5) yield(%g)",
        )
        + "return(%5)",
    ),
    "a value that several read": (
        f"%0: {X} = tw::exp(%x)\n%1: {X} = tw::conv2d(%0, %w, None, {CONV})\n"
        f"%2: {X} = tw::conv2d(%0, %w, None, {CONV}) return([%1, %2])",
        f"%0: {X} = tw::exp(%x)\n"
        + group(1, "%0", f"%in4: {X}", BLOCKS, f"%a: {BLOCKS} = jit::to_blocks(%in4, [1, 1]) yield(%a)")
        + group(
            3,
            "%2, %w",
            f"%in0: {BLOCKS}, %in1: {W}",
            X,
            f"%b: {X} = jit::to_planes(%in0, [1, 1])\n%c: {X} = tw::conv2d(%b, %in1, None, {CONV}) yield(%c)",
        )
        + group(
            5,
            "%2, %w",
            f"%in2: {BLOCKS}, %in3: {W}",
            X,
            f"%d: {X} = jit::to_planes(%in2, [1, 1])\n%e: {X} = tw::conv2d(%d, %in3, None, {CONV}) yield(%e)",
        )
        + "return([%4, %6])",
    ),
}


def written(body: str) -> tw.jit.Program:
    program = tw.jit.parse(HEAD + body + "\n}")
    shapes = {"w": (32, 32, 3, 3), "v": (32, 1, 3, 3), "u": (32, 32, 1, 1)}
    for name, shape in shapes.items():
        program.set_attribute(name, values(*shape))
    return program


def values(*shape: int, seed: int = 0) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


def without_labels(program: tw.jit.Program) -> str:
    """The text with values numbered."""
    names: dict[str, str] = {}
    return re.sub(r"%[\w.]+", lambda found: names.setdefault(found[0], f"%{len(names)}"), program.text())


@pytest.mark.parametrize("name", TEXTS)
def test_before_and_after(name: str) -> None:
    before, after = TEXTS[name]
    program = written(before)
    tw.jit.run_passes(program, ["layers", "layout"], verify=True, fold_attributes=True)
    assert without_labels(program) == without_labels(written(after))
    program.verify("grouped")
    assert tw.jit.run_passes(program, ["layout"], verify=True) == 0


def test_what_gains_nothing_stays() -> None:
    body = f"%0: {X} = tw::conv2d(%x, %w, None, {CONV})\n%1: {X} = tw::relu(%0) return(%1)"
    program = written(body)
    tw.jit.run_passes(program, ["layers"], fold_attributes=True)
    assert tw.jit.run_passes(program, ["layout"], verify=True) == 0


REFUSED = {
    "with the border": TEXTS["a chain"][1].replace("to_planes(%in2, [1, 1])", "to_planes(%in2, [1, 0])"),
    "come from a fusion": group(
        0, "%x", f"%in0: {X}", X.replace("32", "2"), f"%a: {X} = jit::to_planes(%in0, [0, 0]) yield(%a)"
    ).replace(X.replace("32", "2"), X)
    + "return(%1)",
    "puts what it yields into blocks": TEXTS["a chain"][1].replace("yield(%c)", "yield(%b)"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_groups(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written(REFUSED[message]).verify("grouped")


# ---- the two ops ----------------------------------------------------------------------------------------------------


def test_blocks_and_back() -> None:
    x = values(2, 32, 3, 5)
    program = tw.jit.parse("""
        func @f(%x: tensor<float32, [2, 32, 3, 5]>) {
          %0: tensor<float32, [2, 2, 5, 9, 16]> = jit::to_blocks(%x, [1, 2])
          %1: tensor<float32, [2, 32, 3, 5]> = jit::to_planes(%0, [1, 2])
          return([%0, %1])
        }""")
    blocks, planes = program.run("f", x)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (2, 2)))
    np.testing.assert_array_equal(blocks.numpy(), padded.reshape(2, 2, 16, 5, 9).transpose(0, 1, 3, 4, 2))
    np.testing.assert_array_equal(planes.numpy(), x.numpy())
    with pytest.raises(ValueError, match="a multiple of 16 channels"):
        program.run("f", values(2, 24, 3, 5))


# ---- results --------------------------------------------------------------------------------------------------------


def bits(t: tw.Tensor) -> bytes:
    return bytes(t.contiguous().numpy().tobytes())


class Net(nn.Module):
    """Layers with names, and what is done with them."""

    def __init__(self, forward: Callable[[Any, Any], Any], **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.run = forward

    def forward(self, x: Any) -> Any:
        return self.run(self, x)


def chain(*layers: Any) -> Net:
    return Net(lambda m, x: m.layers(x), layers=nn.Sequential(*layers))


def conv(inside: int, outside: int, kernel: Any = 3, **options: Any) -> Any:
    return nn.Conv2d(inside, outside, kernel, **options)


def residual() -> Net:
    return Net(
        lambda m, x: m.c((m.b(m.a(x).relu()) + m.a(x).relu()).relu()),
        a=conv(3, 32, padding=1),
        b=conv(32, 32, padding=1),
        c=conv(32, 32, 1),
    )


def downsampled() -> Net:
    def forward(m: Any, x: Any) -> Any:
        x = nn.functional.max_pool2d(m.stem(x).relu(), 3, 2, 1)
        x = (m.b(m.a(x).relu()) + m.side(x)).relu()
        return m.head(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))

    return Net(
        forward,
        stem=conv(3, 32, 7, stride=2, padding=3),
        a=conv(32, 64, stride=2, padding=1),
        b=conv(64, 64, padding=1),
        side=conv(32, 64, 1, stride=2),
        head=nn.Linear(64, 5),
    )


def two_layouts() -> Net:
    def forward(m: Any, x: Any) -> Any:
        y = m.a(x).relu()
        return y, m.b(y), y.sum((2, 3)), tw.cat([m.b(y), y], 1)

    return Net(forward, a=conv(16, 32, padding=1), b=conv(32, 48, padding=1))


def pools(**options: Any) -> Net:
    pool = nn.MaxPool2d(3, **options)
    return chain(conv(16, 32, padding=1), pool, conv(32, 32, padding=1))


NETS: dict[str, tuple[Callable[[], Net], tuple[int, ...], bool]] = {
    "3x3": (
        lambda: chain(conv(3, 32, padding=1), nn.ReLU(), conv(32, 48, padding=1), conv(48, 32)),
        (2, 3, 9, 11),
        True,
    ),
    "1x1": (lambda: chain(conv(16, 64, 1), nn.SiLU(), conv(64, 32, 1), conv(32, 32, 1)), (1, 16, 7, 7), True),
    "1x1 from planes, with a border": (
        lambda: chain(conv(16, 64, 1), nn.ReLU(), conv(64, 32, padding=1)),
        (2, 16, 6, 9),
        True,
    ),
    "7x7": (lambda: chain(conv(3, 32, 7, stride=2, padding=3), conv(32, 32, 7, padding=3)), (1, 3, 29, 31), True),
    "a kernel that is not square": (
        lambda: chain(conv(16, 32, (3, 5), padding=(1, 2)), conv(32, 32, (5, 1), padding=(2, 0))),
        (2, 16, 8, 12),
        True,
    ),
    "strides": (
        lambda: chain(conv(16, 32, padding=1), conv(32, 64, stride=2, padding=1), conv(64, 64, 1, stride=(2, 1))),
        (1, 16, 24, 22),
        True,
    ),
    "dilation": (
        lambda: chain(conv(16, 32, padding=2, dilation=2), conv(32, 32, padding=(3, 2), dilation=(3, 2))),
        (1, 16, 14, 13),
        True,
    ),
    "groups": (
        lambda: chain(conv(32, 64, padding=1, groups=2), nn.ReLU(), conv(64, 128, padding=1, groups=4), conv(128, 32)),
        (2, 32, 10, 9),
        True,
    ),
    "a bias that is none": (lambda: chain(conv(16, 32, bias=False), conv(32, 32, bias=False)), (1, 16, 12, 12), True),
    "functions of zero that are not zero": (
        lambda: chain(conv(16, 32, padding=1), nn.Sigmoid(), conv(32, 32, padding=1)),
        (1, 16, 8, 8),
        True,
    ),
    "many bands": (lambda: chain(conv(16, 32, padding=1), conv(32, 32, padding=1)), (1, 16, 70, 61), True),
    "many channels": (lambda: chain(conv(16, 336, padding=1), conv(336, 80, padding=1)), (1, 16, 7, 7), True),
    "many images": (lambda: chain(conv(16, 32, padding=1), conv(32, 32, padding=1)), (17, 16, 7, 7), True),
    "no image": (lambda: chain(conv(16, 32, padding=1), nn.ReLU(), conv(32, 32, padding=1)), (0, 16, 8, 8), True),
    "a residual sum": (residual, (2, 3, 9, 9), True),
    "a residual network": (downsampled, (2, 3, 40, 36), True),
    "two users": (two_layouts, (2, 16, 9, 8), True),
    "a pool": (lambda: pools(stride=2, padding=1), (2, 16, 15, 13), True),
    "a pool that reaches over the edge": (lambda: pools(stride=2, ceil_mode=True), (1, 16, 16, 14), True),
    "a pool with dilation": (lambda: pools(stride=1, padding=1, dilation=2), (1, 16, 12, 11), True),
    "odd channels": (lambda: chain(conv(5, 33, padding=1), conv(33, 17, padding=1), conv(17, 40)), (1, 5, 9, 9), False),
    "depthwise": (
        lambda: chain(
            conv(16, 64, 1),
            nn.ReLU6(),
            conv(64, 64, padding=1, groups=64),
            nn.ReLU6(),
            conv(64, 32, 1),
            conv(32, 96, 1),
        ),
        (3, 16, 12, 13),
        True,
    ),
    "depthwise, strided, dilated and wide": (
        lambda: chain(
            conv(16, 48, padding=1),
            conv(48, 48, 5, stride=2, padding=(4, 2), dilation=(2, 1), groups=48, bias=False),
            nn.MaxPool2d(2, 1),
            conv(48, 48, (1, 3), stride=(1, 2), groups=48),
            conv(48, 32, padding=2),
        ),
        (2, 16, 17, 19),
        True,
    ),
    "two results of each channel": (
        lambda: chain(conv(16, 32, padding=1), conv(32, 64, padding=1, groups=32), conv(64, 32, 1)),
        (1, 16, 9, 9),
        False,
    ),
    "small images": (lambda: chain(conv(16, 32, padding=1), conv(32, 32, padding=1)), (1, 16, 3, 3), False),
}


def made(name: str) -> tuple[Net, tw.Tensor, Any]:
    build, shape, blocked = NETS[name]
    tw.manual_seed(0)
    model = build().eval().requires_grad_(False)
    x = values(*shape)
    fast = tw.jit.optimize_for_inference(model, x, verify=True)
    assert ("to_blocks" in fast.graph) == blocked
    return model, x, fast


def parts(result: Any) -> list[tw.Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.fixture(autouse=True)
def threads() -> Any:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


@pytest.mark.parametrize("name", NETS)
def test_bits_are_eagers(name: str) -> None:
    model, x, fast = made(name)
    for threads in (1, 2, 3):
        tw.set_num_threads(threads)
        before = tw.jit.fusion_runs().apart
        with tw.no_grad():
            got, want = parts(fast(x)), parts(model(x))
        assert tw.jit.fusion_runs().apart == before
        assert [t.shape for t in got] == [t.shape for t in want]
        assert list(map(bits, got)) == list(map(bits, want))


def compare() -> None:
    """All networks with the kernels of this process."""
    for name in NETS:
        model, x, fast = made(name)
        with tw.no_grad():
            assert list(map(bits, parts(fast(x)))) == list(map(bits, parts(model(x)))), name
    assert tw.jit.fusion_runs().apart == 0


@pytest.mark.parametrize("isa", ["avx2", "sse2"])
def test_bits_are_eagers_on_each_instruction_set(isa: str) -> None:
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"TENSORWRIGHT_ISA": isa, "PYTHONPATH": path}
    command = [sys.executable, "-c", "import test_layout; test_layout.compare()"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_values_that_are_not_finite() -> None:
    model, x, fast = made("a pool")
    x[0, :, 3, 3] = float("nan")
    x[1, 0] = float("inf")
    x[1, 1, :2] = -float("inf")
    with tw.no_grad():
        np.testing.assert_array_equal(fast(x).numpy(), model(x).numpy())


def test_other_sizes_and_written_weights() -> None:
    model, x, fast = made("a residual sum")
    for images, height in ((2, 9), (5, 12), (1, 7)):
        with tw.no_grad():
            y = values(images, x.shape[1], height, 8, seed=images)
            assert bits(fast(y)) == bits(model(y))
            model.b.weight.mul_(0.5)
            assert bits(fast(y)) == bits(model(y))


def test_any_number_of_images() -> None:
    model, x, _ = made("a residual network")
    exported = export.export(model, (x,), dynamic_shapes=({0: export.Dim("n", min=1)},))
    for images in (1, 3):
        y = values(images, *x.shape[1:], seed=images)
        fast = tw.jit.optimize_for_inference(exported.captured)
        assert "to_blocks" in fast.graph
        with tw.no_grad():
            assert bits(fast(y)) == bits(model(y))


def test_gradients_pass_through() -> None:
    model, x, fast = made("a residual network")
    gradients = []
    for run in (fast, model):
        y = x.clone().requires_grad_()
        run(y).sum().backward()
        assert y.grad is not None
        gradients.append(bits(y.grad))
    assert gradients[0] == gradients[1]


def test_layouts_are_saved_and_loaded(tmp_path: Path) -> None:
    model, x, fast = made("a residual network")
    tw.jit.run_passes(fast.program, ["memory"], verify=True)
    tw.jit.save(fast, tmp_path / "net.twa")
    loaded = tw.jit.load(tmp_path / "net.twa")
    with tw.no_grad():
        before = tw.jit.fusion_runs().apart
        for seed in range(3):
            y = values(*x.shape, seed=seed)
            assert bits(loaded(y)) == bits(model(y))
        assert tw.jit.fusion_runs().apart == before
