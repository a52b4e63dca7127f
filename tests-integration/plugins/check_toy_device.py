"""What the toy device must do when its library, the argument, is loaded. Run in a process of its own."""

from __future__ import annotations

import sys

import pytest
import tensorwright as tw
from tensorwright import _C


def counters() -> tuple[int, ...]:
    return tuple(_C.find_op("toy::counters")())


def check_device() -> None:
    x = tw.arange(6, dtype=tw.float32).view(2, 3)
    there = x.to("toy")
    assert str(there.device) == "toy:0"
    assert there.cpu().tolist() == x.tolist()
    assert there.t().cpu().tolist() == x.t().tolist()
    assert there[1:, ::2].clone().cpu().tolist() == [[3.0, 5.0]]
    assert there.to(tw.int64).cpu().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert there.to("toy:1").cpu().tolist() == x.tolist()
    assert tw.full([2], 7.0, device="toy").cpu().tolist() == [7.0, 7.0]
    there[0].copy_(tw.tensor([9, 9, 9]))
    assert there.cpu().tolist() == [[9.0, 9.0, 9.0], [3.0, 4.0, 5.0]]


def check_kernels() -> None:
    before, _ = counters()
    x = tw.ones(3, device="toy")
    assert (x + x).cpu().tolist() == [2.0, 2.0, 2.0]
    assert tw.add(x, x, alpha=3).cpu().tolist() == [4.0, 4.0, 4.0]
    x.add_(x)
    assert x.cpu().tolist() == [2.0, 2.0, 2.0]
    square = tw.ones(3, 2, device="toy")
    tw.add(x, x, out=square[:, 0])
    assert square.cpu().tolist() == [[4.0, 1.0]] * 3
    assert counters()[0] > before


def check_ops() -> None:
    scale, twice = _C.find_op("toy::scale"), _C.find_op("toy::twice")
    for device in ("cpu", "toy"):
        x = tw.tensor([1.0, 2.0]).to(device)
        assert scale(x).cpu().tolist() == [2.0, 4.0]
        assert scale(x, factor=0.5).cpu().tolist() == [0.5, 1.0]
        assert twice(x).cpu().tolist() == [2.0, 4.0]
    with pytest.raises(TypeError, match="toy::scale: self must be floating point"):
        scale(tw.tensor([1]))


def check_errors() -> None:
    x = tw.ones(2, device="toy")
    with pytest.raises(NotImplementedError, match="exp: there is no kernel for toy:0"):
        tw.exp(x)
    with pytest.raises(NotImplementedError, match="add: every kernel declined these arguments on toy:0"):
        tw.add(x, 1)
    with pytest.raises(RuntimeError, match="add: all tensors must be on one device, but other is on cpu"):
        tw.add(x, tw.ones(2))
    with pytest.raises(ValueError, match="device 'toy:7' does not exist: there are 2 of that type"):
        tw.ones(1, device="toy:7")
    with pytest.raises(MemoryError, match="toy: the device has 1 GiB of memory"):
        tw.empty(1 << 30, device="toy")


def check_memory() -> None:
    _, before = counters()
    x = tw.empty(1000, device="toy")
    row = x[10:20]
    del x
    assert counters()[1] == before + 4000
    del row
    assert counters()[1] == before


if __name__ == "__main__":
    _C.load_plugin(sys.argv[1])
    for check in (check_device, check_kernels, check_ops, check_errors, check_memory):
        check()
    with pytest.raises(_C.AbiError, match="a plugin of this name is already loaded from"):
        _C.load_plugin(sys.argv[1])
    print("ok")
