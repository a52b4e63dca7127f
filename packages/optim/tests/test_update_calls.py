"""One call for all parameters: sizes, layouts, dtypes, threads, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import optim

SIZES = [(), (1,), (0,), (7,), (3, 5), (63,), (64,), (65,), (1000, 33), (40_001,)]
Make = Callable[[list[tw.Tensor]], optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
    "SGD momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2),
    "SGD nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, maximize=True),
    "Adamax": lambda p: optim.Adamax(p, lr=0.1),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1),
    "RAdam": lambda p: optim.RAdam(p, lr=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: optim.Adadelta(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1),
    "RMSprop momentum": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9),
    "RMSprop centered": lambda p: optim.RMSprop(p, lr=0.1, centered=True),
    "RMSprop both": lambda p: optim.RMSprop(p, lr=0.1, centered=True, momentum=0.9),
    "Rprop": lambda p: optim.Rprop(p, lr=0.1),
    "ASGD": lambda p: optim.ASGD(p, lr=0.1, t0=1),
}


def values(shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """In float32's precision, so that both precisions start alike."""
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for shape in shapes]


def sgd() -> tw.Op:
    """The op, which is there once an optimizer has been used."""
    assert optim.SGD
    return tw.ops.get("optim::sgd")


def parameters(shapes: Sequence[tuple[int, ...]], dtype: tw.dtype = tw.float32) -> list[tw.Tensor]:
    return [tw.tensor(value).to(dtype).requires_grad_() for value in values(shapes, 0)]


def give_gradients(tensors: Sequence[tw.Tensor], step: int) -> None:
    for tensor, value in zip(tensors, values([tuple(t.shape) for t in tensors], step + 1), strict=True):
        tensor.grad = tw.tensor(value).to(tensor.dtype)


def stepped(make: Make, tensors: list[tw.Tensor], steps: int = 3) -> list[np.ndarray]:
    optimizer = make(tensors)
    for step in range(steps):
        give_gradients(tensors, step)
        optimizer.step()
    return [tensor.detach().to(tw.float64).numpy() for tensor in tensors]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_together_gives_the_bits_of_each_alone(name):
    together = stepped(OPTIMIZERS[name], parameters(SIZES))
    for position, shape in enumerate(SIZES):
        alone = parameters(SIZES)[position]
        optimizer = OPTIMIZERS[name]([alone])
        for step in range(3):
            alone.grad = tw.tensor(values(SIZES, step + 1)[position])
            optimizer.step()
        np.testing.assert_array_equal(alone.detach().numpy(), together[position], err_msg=str(shape))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_bits_for_any_number_of_threads(name):
    before, results = tw.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            tw.set_num_threads(threads)
            results.append(stepped(OPTIMIZERS[name], parameters([(70_001,), (5,), (100_003,)])))
    finally:
        tw.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [tw.float64, tw.float32, tw.bfloat16, tw.float16])
def test_every_precision_follows_float64(name, dtype):
    shapes = [(7,), (3, 5)]
    start = [p.detach().to(tw.float64).requires_grad_() for p in parameters(shapes, dtype)]
    optimizer, low = OPTIMIZERS[name](start), parameters(shapes, dtype)
    lowered = OPTIMIZERS[name](low)
    give_gradients(low, 0)
    for high, tensor in zip(start, low, strict=True):
        high.grad = tensor.grad.to(tw.float64)
    lowered.step()
    optimizer.step()
    for high, tensor in zip(start, low, strict=True):
        assert tensor.dtype == dtype
        np.testing.assert_allclose(
            tensor.detach().to(tw.float64).numpy(), high.detach().numpy(), rtol=4 * tw.finfo(dtype).eps, atol=1e-6
        )


def transposed(shape: tuple[int, ...]) -> tw.Tensor:
    return tw.tensor(values([shape[::-1]], 0)[0]).t().detach().requires_grad_()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "gradient",
    [
        lambda g: tw.tensor(g),
        lambda g: tw.tensor(np.ascontiguousarray(g.T)).t(),
        lambda g: tw.tensor(g[:, :1]).expand(4, 6),
        lambda g: tw.tensor(np.repeat(g, 2, axis=1))[:, ::2],
    ],
    ids=["contiguous", "transposed", "expanded", "strided"],
)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided"])
def test_layouts(name, gradient, layout):
    start, g = values([(4, 6), (4, 6)], 3)
    plain = tw.tensor(start).requires_grad_()
    wide = tw.tensor(np.repeat(start, 2, axis=1))
    other = {
        "contiguous": lambda: tw.tensor(start),
        "transposed": lambda: tw.tensor(np.ascontiguousarray(start.T)).t(),
        "strided": lambda: wide[:, ::2],
    }[layout]().requires_grad_()
    ours, reference = OPTIMIZERS[name]([other]), OPTIMIZERS[name]([plain])
    strides = other.stride()
    for _ in range(2):
        other.grad = gradient(g)
        plain.grad = other.grad.clone().contiguous()
        ours.step()
        reference.step()
    np.testing.assert_array_equal(other.detach().numpy(), plain.detach().numpy())
    assert other.stride() == strides
    if layout == "strided":
        np.testing.assert_array_equal(wide.numpy()[:, 1::2], np.repeat(start, 2, axis=1)[:, 1::2])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_complex_parameters_step_by_their_parts(name):
    real, imaginary = (value.astype(np.float64) for value in values([(9,), (9,)], 0))
    both = tw.tensor(real + 1j * imaginary).requires_grad_()
    parts = [tw.tensor(real).requires_grad_(), tw.tensor(imaginary).requires_grad_()]
    ours, reference = OPTIMIZERS[name]([both]), OPTIMIZERS[name](parts)
    for step in range(3):
        give_gradients(parts, step)
        both.grad = tw.complex(parts[0].grad, parts[1].grad)
        ours.step()
        reference.step()
    result = both.detach().numpy()
    np.testing.assert_array_equal(result.real, parts[0].detach().numpy())
    np.testing.assert_array_equal(result.imag, parts[1].detach().numpy())


def test_precisions_may_be_mixed():
    tensors = [parameters([(5,)], dtype)[0] for dtype in (tw.float32, tw.float64, tw.bfloat16)]
    alone = [stepped(OPTIMIZERS["Adam"], [parameters([(5,)], t.dtype)[0]])[0] for t in tensors]
    optimizer = OPTIMIZERS["Adam"](tensors)
    for step in range(3):
        for tensor in tensors:
            give_gradients([tensor], step)
        optimizer.step()
    for tensor, expected in zip(tensors, alone, strict=True):
        np.testing.assert_array_equal(tensor.detach().to(tw.float64).numpy(), expected)


IN_A_PROCESS = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from test_update_calls import OPTIMIZERS, SIZES, parameters, stepped
import tensorwright as tw
for dtype in (tw.float32, tw.float64):
    for make in OPTIMIZERS.values():
        bits = b"".join(value.tobytes() for value in stepped(make, parameters(SIZES, dtype)))
        print(hashlib.sha256(bits).hexdigest())
"""


def test_the_same_bits_on_every_instruction_set():
    program = IN_A_PROCESS.format(folder=str(Path(__file__).parent))
    results = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "TENSORWRIGHT_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for isa in ("baseline", "avx2", "avx512")
    }
    assert len(results) == 1


def test_parameters_at_different_steps_share_a_group():
    early, late = parameters([(3,), (3,)])
    optimizer, alone = optim.NAdam([early, late], lr=0.1), parameters([(3,), (3,)])
    for step in range(4):
        early.grad = tw.ones(3)
        late.grad = tw.ones(3) if step >= 2 else None
        optimizer.step()
    for tensor, steps in zip(alone, (4, 2), strict=True):
        one = optim.NAdam([tensor], lr=0.1)
        for _ in range(steps):
            tensor.grad = tw.ones(3)
            one.step()
    assert early.tolist() == alone[0].tolist()
    assert late.tolist() == alone[1].tolist()
    assert (optimizer.state[early]["step"], optimizer.state[late]["step"]) == (4, 2)


def test_a_learning_rate_may_be_a_tensor():
    ours, reference = parameters([(3,)]), parameters([(3,)])
    one = optim.Adam(ours, lr=tw.tensor(0.25), capturable=True, foreach=True)
    two = optim.Adam(reference, lr=0.25, fused=True)
    for optimizer, tensors in ((one, ours), (two, reference)):
        give_gradients(tensors, 0)
        optimizer.step()
    assert ours[0].tolist() == reference[0].tolist()


def test_a_step_counts_as_a_write():
    w = parameters([(3,)])[0]
    loss = (w * w).sum()
    w.grad = tw.ones(3)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


def test_memory_of_others_is_not_written():
    array = np.ones(3, dtype=np.float32)
    array.flags.writeable = False
    w = tw.from_dlpack(array)
    with pytest.raises(ValueError, match="param is read-only memory"):
        sgd()([w], [tw.ones(3)], 0.1, 0.0, 1.0)


def test_on_the_meta_device_nothing_happens():
    w = tw.empty(3, device="meta").requires_grad_()
    w.grad = tw.empty(3, device="meta")
    optimizer = optim.Adam([w])
    optimizer.step()
    assert optimizer.state[w]["exp_avg"].device.type == "meta"


def test_pytorchs_state_is_taken_over():
    """Counters are tensors there, of float32."""
    w, reference = parameters([(3,), (3,)])[0], parameters([(3,)])[0]
    ours, other = optim.NAdam([w], lr=0.1), optim.NAdam([reference], lr=0.1)
    give_gradients([reference], 0)
    other.step()
    state = other.state_dict()
    state["state"][0] = {
        key: tw.tensor(float(value)) if isinstance(value, (int, float)) else value
        for key, value in state["state"][0].items()
    }
    give_gradients([w], 0)
    ours.step()
    ours.load_state_dict(state)
    for optimizer, tensor in ((ours, w), (other, reference)):
        give_gradients([tensor], 1)
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), reference.detach().numpy(), rtol=1e-6)
    assert isinstance(ours.state[w]["step"], int)


def test_a_captured_update_writes_when_it_is_run() -> None:
    jit = pytest.importorskip("tensorwright.jit")

    def stepped_once(w: tw.Tensor, gradient: tw.Tensor) -> tw.Tensor:
        moved = w * 1
        sgd()([moved], [gradient], 0.5, 0.0, 1.0)
        return moved * 2

    captured = jit.trace(stepped_once, (tw.ones(2), tw.zeros(2)))
    assert captured(tw.ones(2), tw.ones(2)).tolist() == [1.0, 1.0]


ONE, TWO = tw.ones(2), tw.ones(3)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([ONE], []), ValueError, r"sgd: expected a tensor of grad for each of the 1 parameters, got 0"),
        (([ONE], [TWO]), ValueError, r"sgd: grad\[0\] has shape \[3\], the parameter \[2\]"),
        (([tw.ones(2, dtype=tw.int64)], [ONE]), TypeError, r"sgd: param\[0\] must be of floating point or complex"),
        (([ONE], [tw.ones(2, dtype=tw.complex64)]), TypeError, r"sgd: grad\[0\] must be complex where the parameter"),
    ],
)
def test_misuse_is_told(arguments, error, words):
    with pytest.raises(error, match=words):
        sgd()(*arguments, 0.1, 0.0, 1.0)
