"""A plugin that is wrong anywhere is refused with a sentence, and nothing of it stays registered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorwright as tw
from abi_plugins import build
from tensorwright import _C

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

CASES = {
    1: "the plugin's description has size 0, expected 120 to 120 bytes",
    2: "the plugin's description has size 4294967295, expected 120 to 120 bytes",
    3: r"needs tensorwright ABI 1\.4294967295 or newer; this core provides 1\.0\. Fix: pip install -U",
    4: r"needs tensorwright ABI 0\.0; this core provides 1\.0",
    5: "the plugin gave no name or no version",
    6: "op #1 has size 0, expected 48 to 65536 bytes",
    7: "op #1 has size 4294967040, expected 48 to 65536 bytes",
    8: "op #1 has no schema",
    9: r"op #1: schema 'hostile::second\(Tensr self\) -> Tensor': expected a type \(.*\) at 'Tensr self",
    10: "declares op 'hostile::first' twice",
    11: "op 'tw::hostile': the namespace tw belongs to tensorwright's own packages",
    12: "op 'hostile::second' has an infer function, so all its results must be tensors",
    13: "says it has 2 ops, but the pointer to them is null",
    14: "says it has 2147483647 ops; at most 65536 are accepted",
    15: "the kernel for 'tw::add' on 'cpu' is a null function",
    16: "has a kernel for the op 'tw::no_such_op', which does not exist",
    17: "the kernel for 'tw::add' is for the device 'no_such_device', which is not registered",
    18: "a kernel for 'tw::add' on 'cpu' with priority 0 is already registered by tensorwright",
    19: "kernel #1 has flags 32768, which this core does not understand",
    20: r"the kernel for 'tw::add' is for revision 99 of the op; here it has revision \d",
    21: "kernel #1 has size 8, expected 48 to 65536 bytes",
    22: r"a kernel for all ops \('\*'\) must be a layer's",
    23: "layer #0: 'two words' is not a name",
    24: r"there is no place for layer 'hostile\.layer' after 'no\.such\.layer' and before '\(any\)'",
    25: "device 'hostile_device' has no interface table",
    26: "device 'hostile_device': its interface table has size 16, expected at least 160",
    27: "device 'hostile_device': count, alloc, free, copy and device_sync must not be null",
    28: "device 'cpu' is already registered by tensorwright|its interface table|must not be null",
    29: "its DLPack number 1 is that of 'cpu'|must not be null",
    30: r"extension record #0 for 'hostile\.interface' has no payload",
    31: "expected another name: this one was used",
    32: r"expected '\)' at ''",
    33: "layer #0 has flags 1, which this core does not understand",
    40: "the plugin refused to load: this machine has no such chip",
    41: r"the plugin refused to load: \(it gave no reason\)",
}


@pytest.mark.parametrize("case", CASES)
def test_refused_whole(case: int, tmp_path: Path) -> None:
    library = build(Path(__file__).with_name("hostile.c"), tmp_path / "hostile.so", f"-DCASE={case}")
    with pytest.raises(_C.AbiError, match=CASES[case]):
        _C.load_plugin(library)
    with pytest.raises(LookupError, match="hostile::first"):
        _C.find_op("hostile::first")
    with pytest.raises(ValueError, match="there is no device type 'hostile_device'"):
        tw.zeros(1, device="hostile_device")
    assert (tw.tensor([1.0]) + 1).tolist() == [2.0]


def test_not_a_plugin(tmp_path: Path) -> None:
    source = tmp_path / "empty.c"
    source.write_text("int nothing_to_see;\n")
    with pytest.raises(_C.AbiError, match=r"not a tensorwright ABI-1 plugin \(symbol tw_plugin_entry_1 missing\)"):
        _C.load_plugin(build(source, tmp_path / "empty.so"))


def test_not_a_library(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("no library")
    with pytest.raises(_C.AbiError, match=r"cannot load the plugin: .*text\.so"):
        _C.load_plugin(str(path))
