"""Threads, default dtypes, random states, layer masks, plugins, and what show_config prints."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import _C, _plugins


def run_python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    import os

    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- import ----------------------------------------------------------------------------------------------


def test_import_loads_neither_numpy_nor_what_is_rarely_needed() -> None:
    heavy = ["numpy", "json", "importlib.metadata", "inspect", "dataclasses", "tempfile", "scipy_openblas64"]
    shown = run_python(f"import sys, tensorwright; print([m for m in {heavy} if m in sys.modules])")
    assert shown == "[]"


def test_lazy_names_are_listed_and_unknown_ones_refused() -> None:
    assert {"save", "load", "show_config", "ops", "extend", "add", "Tensor"} <= set(dir(tw))
    with pytest.raises(AttributeError, match="module 'tensorwright' has no attribute 'nonsense'"):
        tw.nonsense  # type: ignore[attr-defined]  # noqa: B018


# ---- threads ---------------------------------------------------------------------------------------------


def test_threads() -> None:
    before = tw.get_num_threads()
    try:
        tw.set_num_threads(3)
        assert tw.get_num_threads() == 3
    finally:
        tw.set_num_threads(before)


@pytest.mark.parametrize("n", [0, -1, 1025])
def test_impossible_numbers_of_threads(n: int) -> None:
    with pytest.raises(ValueError, match=f"n must lie between 1 and 1024, got {n}"):
        tw.set_num_threads(n)


def test_threads_from_the_environment() -> None:
    assert run_python("import tensorwright as tw; print(tw.get_num_threads())", TENSORWRIGHT_NUM_THREADS="3") == "3"


def test_ctrl_c_interrupts_a_long_op() -> None:
    code = """
        import os, signal, threading, time
        import tensorwright as tw
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
        x = tw.ones(4000, 4000)
        started = time.time()
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            while time.time() - started < 30:
                x.exp().sin().sum()
        except KeyboardInterrupt:
            print("interrupted", time.time() - started < 10)
    """
    assert run_python(code) == "interrupted True"


# ---- dtypes ----------------------------------------------------------------------------------------------


@pytest.fixture
def double_by_default() -> Iterator[None]:
    tw.set_default_dtype(tw.float64)
    yield
    tw.set_default_dtype(tw.float32)


@pytest.mark.usefixtures("double_by_default")
def test_default_dtype() -> None:
    assert tw.get_default_dtype() is tw.float64
    assert tw.tensor(1.5).dtype == tw.float64
    assert tw.tensor(1j).dtype == tw.complex128
    assert tw.zeros(1).dtype == tw.float64
    assert repr(tw.tensor(1.5)) == "tensor(1.5)"


def test_default_dtype_must_be_floating() -> None:
    with pytest.raises(TypeError, match="expected a floating-point dtype, got int64"):
        tw.set_default_dtype(tw.int64)


def test_promotion_questions() -> None:
    assert tw.promote_types(tw.int32, tw.float16) == tw.float16
    assert tw.result_type(tw.int8, 3) == tw.int8
    assert tw.result_type(tw.ones(1, dtype=tw.int8), 3.0) == tw.float32
    assert tw.result_type(tw.float16, 1j) == tw.complex64
    assert tw.can_cast(tw.int64, tw.float32)
    assert not tw.can_cast(tw.complex64, tw.float32)
    with pytest.raises(TypeError, match="expected at least one"):
        tw.result_type()
    with pytest.raises(TypeError, match="expected tensors, dtypes or numbers, got str"):
        tw.result_type("a")  # type: ignore[arg-type]


def test_dtype_objects() -> None:
    assert repr(tw.float32) == "tensorwright.float32"
    assert (tw.float16.itemsize, tw.float16.is_floating_point, tw.uint8.is_signed) == (2, True, False)
    assert tw.half is tw.float16
    assert tw.complex64.is_complex
    with pytest.raises(TypeError):
        type(tw.float32)()


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_finfo_agrees_with_numpy(name: str) -> None:
    import numpy as np

    ours, theirs = tw.finfo(getattr(tw, name)), np.finfo(name)
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_subnormal"):
        assert getattr(ours, field) == getattr(theirs, field)


def test_limits() -> None:
    assert tw.finfo(tw.bfloat16).max == 3.3895313892515355e38
    assert tw.finfo().bits == 32
    assert tw.finfo(tw.complex128).dtype == "float64"
    assert repr(tw.iinfo(tw.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert (tw.iinfo(tw.int64).min, tw.iinfo(tw.int64).max) == (-(2**63), 2**63 - 1)
    assert (tw.iinfo(tw.uint8).min, tw.iinfo(tw.uint8).max) == (0, 255)
    with pytest.raises(TypeError, match="expected a floating-point dtype, got int8"):
        tw.finfo(tw.int8)
    with pytest.raises(TypeError, match="expected an integer dtype, got bool"):
        tw.iinfo(tw.bool)
    with pytest.raises(TypeError, match=r"expected a dtype such as tensorwright.int32, got str"):
        tw.iinfo("int8")  # type: ignore[arg-type]


def test_devices() -> None:
    cpu = tw.device("cpu")
    assert (repr(cpu), str(cpu), cpu.type, cpu.index) == ("device(type='cpu')", "cpu", "cpu", None)
    assert cpu == tw.ones(1).device
    assert cpu != tw.device("meta")
    assert len({cpu, tw.device("cpu", 0), tw.device("meta")}) == 2
    assert tw.device(cpu) == cpu
    for bad in ("npu", "cpu:", "cpu:x", "cpu:7", ""):
        with pytest.raises(ValueError):  # noqa: PT011 (test_errors reads the sentences)
            tw.device(bad)


# ---- random ----------------------------------------------------------------------------------------------


USES: list[Callable[[tw.device], object]] = [
    lambda device: tw.zeros(1, device=device),
    lambda device: tw.tensor([1], device=device),
    lambda device: tw.ones(1).to(device),
    lambda device: tw.ones_like(tw.ones(1), device=device),
    lambda device: tw.from_numpy(np.zeros(1)).to(device, tw.int32),
    lambda device: tw.Generator(device),
    lambda device: tw.arange(3, device=device),
    lambda device: tw.empty_strided((1,), (1,), device=device),
    lambda device: tw.eye(2, device=device),
]


def test_devices_that_are_not_here_have_names() -> None:
    cuda = tw.device("cuda", 1)
    assert (cuda.type, cuda.index, str(cuda), repr(cuda)) == ("cuda", 1, "cuda:1", "device(type='cuda', index=1)")
    assert tw.device("cuda") == tw.device("cuda:0") != cuda
    assert tw.device("mps") != tw.device("xpu")
    assert tw.ones(1).device != cuda
    assert pickle.loads(pickle.dumps(cuda)) == cuda
    for bad in ("cuda:x", "cuda:-1", "cuda:"):
        with pytest.raises(ValueError, match="expected a name such as 'cpu'"):
            tw.device(bad)


@pytest.mark.parametrize("use", range(len(USES)))
def test_devices_that_are_not_here_are_refused_where_they_are_used(use: int) -> None:
    with pytest.raises(ValueError, match=r"there is no device type 'cuda'.*known: cpu, meta"):
        USES[use](tw.device("cuda"))


def test_no_tensor_is_made_where_no_device_is() -> None:
    with tw.device("cuda"), pytest.raises(ValueError, match="there is no device type 'cuda'"):
        tw.zeros(1)
    assert tw.zeros(1).device.type == "cpu"


def test_seeds_and_states() -> None:
    tw.manual_seed(3)
    assert tw.initial_seed() == 3
    state = tw.get_rng_state()
    first = tw.rand(5).tolist()
    assert tw.rand(5).tolist() != first
    tw.set_rng_state(state)
    assert tw.rand(5).tolist() == first
    assert tw.seed() == tw.initial_seed()
    tw.manual_seed(-1)
    assert tw.initial_seed() == 2**64 - 1


def test_generators_are_independent() -> None:
    own = tw.Generator().manual_seed(3)
    tw.manual_seed(3)
    first = tw.rand(4, generator=own).tolist()
    assert tw.rand(4).tolist() == first  # the same seed, though another generator
    state = own.get_state()
    following = tw.rand(4, generator=own).tolist()
    assert tw.rand(4, generator=tw.Generator().set_state(state)).tolist() == following
    assert repr(own) == "Generator(device='cpu', seed=3)"
    tw.manual_seed(3)
    assert tw.rand(4, generator=tw.default_generator).tolist() == first


def test_bad_seeds_and_states() -> None:
    with pytest.raises(ValueError, match="does not fit into 64 bits"):
        tw.manual_seed(2**64)
    with pytest.raises(TypeError, match="'seed' must be int, got float"):
        tw.manual_seed(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"int64 tensor of shape \[2\], got float32 \[3\]"):
        tw.set_rng_state(tw.zeros(3))
    with pytest.raises(TypeError, match="'state' must be Tensor, got int"):
        tw.set_rng_state(3)  # type: ignore[arg-type]


# ---- grad modes ------------------------------------------------------------------------------------------


def test_grad_modes_nest() -> None:
    assert tw.is_grad_enabled()
    with tw.no_grad():
        assert not tw.is_grad_enabled()
        with tw.enable_grad():
            assert tw.is_grad_enabled()
            with tw.inference_mode():
                assert tw.is_inference_mode_enabled()
            with tw.inference_mode(False):
                assert tw.is_grad_enabled()
        assert not tw.is_grad_enabled()
    assert tw.is_grad_enabled()


def test_grad_modes_end_with_an_exception() -> None:
    with pytest.raises(KeyError), tw.no_grad():
        raise KeyError
    assert tw.is_grad_enabled()


def test_set_grad_enabled_holds_without_a_block() -> None:
    tw.set_grad_enabled(False)
    assert not tw.is_grad_enabled()
    tw.set_grad_enabled(True)
    assert tw.is_grad_enabled()
    with tw.set_grad_enabled(False):
        assert not tw.is_grad_enabled()
    assert tw.is_grad_enabled()


@pytest.mark.parametrize("decorate", [tw.no_grad(), tw.no_grad, tw.inference_mode(), tw.inference_mode])
def test_grad_modes_decorate(decorate: Any) -> None:
    @decorate
    def depth(n: int) -> list[bool]:
        return [tw.is_grad_enabled()] + (depth(n - 1) if n else [])

    assert depth(3) == [False] * 4
    assert depth.__name__ == "depth"
    assert tw.is_grad_enabled()


def test_set_grad_enabled_decorates_without_acting_before() -> None:
    @tw.set_grad_enabled(False)
    def inside() -> bool:
        return tw.is_grad_enabled()

    assert tw.is_grad_enabled()
    assert not inside()


def test_decorated_generators_switch_only_while_they_run() -> None:
    @tw.no_grad()
    def numbers() -> Iterator[bool]:
        try:
            received = yield tw.is_grad_enabled()
            yield received
        except KeyError:
            yield tw.is_grad_enabled()

    generator: Any = numbers()
    assert next(generator) is False
    assert tw.is_grad_enabled()
    assert generator.send(5) == 5
    assert generator.throw(KeyError) is False
    assert tw.is_grad_enabled()
    assert list(numbers()) == [False, None]


def test_one_mask_may_be_entered_again() -> None:
    mask = tw.no_grad()
    with mask, mask:
        pass
    assert tw.is_grad_enabled()
    with pytest.raises(RuntimeError, match="left more often than entered"):
        mask.__exit__(None, None, None)


# ---- ops and extensions ----------------------------------------------------------------------------------


def test_ops_by_name() -> None:
    op = tw.ops.get("tw::add")
    assert op.name == "tw::add"
    assert op.schema.startswith("tw::add(")
    assert op(tw.ones(2), other=2, alpha=3).tolist() == [7, 7]
    assert op(tw.ones(2), 1, out=tw.zeros(2)).tolist() == [2, 2]
    assert "<op tw::add(" in repr(op)
    with pytest.raises(LookupError, match="there is no op 'tw::nonsense'"):
        tw.ops.get("tw::nonsense")
    with pytest.raises(AttributeError, match="no op 'nonsense', and no plugin"):
        tw.ops.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_methods_and_properties_from_ops() -> None:
    tw.extend.method("plus_for_test", "tw::add")
    tw.extend.property("negated_for_test", getter="tw::neg", doc="-x")
    tw.extend.attribute("constant_for_test", 5)
    x: Any = tw.ones(2)
    assert x.plus_for_test(2, alpha=2).tolist() == [5, 5]
    assert x.negated_for_test.tolist() == [-1, -1]
    assert x.constant_for_test == 5
    with pytest.raises(AttributeError, match="'negated_for_test' of a Tensor cannot be set"):
        x.negated_for_test = 3


def test_attributes_of_absent_siblings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorwright import _siblings

    def absent(name: str) -> None:
        raise _siblings.PartNotInstalledError("autograd")

    monkeypatch.setattr(_siblings, "import_module", absent)
    stand_in = _siblings.SiblingAttribute("backward")
    sentence = r"`backward` needs tensorwright-autograd \(pip install tensorwright-autograd\)"
    with pytest.raises(AttributeError, match=sentence):
        stand_in.__get__(tw.ones(1), tw.Tensor)
    with pytest.raises(AttributeError, match=sentence):
        stand_in.__set__(tw.ones(1), True)


# ---- plugins ---------------------------------------------------------------------------------------------


class Declare(Protocol):
    def __call__(self, **plugins: object) -> None: ...


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Lets discovery find plugins with these dicts."""
    module: Any = ModuleType("declared_plugins")
    module.__file__ = "/nowhere/declared_plugins.py"

    def declare_plugins(**plugins: object) -> None:
        for name, value in plugins.items():
            setattr(module, name, value)
        points = [metadata.EntryPoint(name, f"declared_plugins:{name}", _plugins.GROUP) for name in plugins]
        monkeypatch.setattr(_plugins.metadata, "entry_points", lambda group: points if group == _plugins.GROUP else [])

    monkeypatch.setitem(sys.modules, "declared_plugins", module)
    monkeypatch.setattr(_plugins, "_found", None)
    return declare_plugins


def test_failures_of_plugins_are_kept_and_shown(declare: Declare, capsys: pytest.CaptureFixture[str]) -> None:
    declare(
        future={"abi": "99.0", "library": "x.so", "ops": ["future"]},
        missing={"abi": "1.0", "library": "absent.so", "devices": ["npu"]},
        nothing=3,
        partial={"abi": "1.0"},
    )
    errors = {plugin.name: plugin.error for plugin in tw.plugins()}
    assert "needs tensorwright ABI 99.0" in str(errors["future"])
    assert errors["missing"] is None  # nobody has asked for it yet
    assert "must be a dict" in str(errors["nothing"])
    assert "has no key 'library'" in str(errors["partial"])
    with pytest.raises(RuntimeError, match=r"plugin 'missing' .* brings 'npu', but failed: .*absent.so"):
        tw.device("npu:0")
    with pytest.raises(RuntimeError, match=r"plugin 'future' .* brings 'future', but failed: .*ABI 99.0"):
        tw.ops.get("future::op")
    tw.show_config()
    assert "plugin missing            failed" in capsys.readouterr().out


def test_plugins_can_be_switched_off(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(a={"abi": "1.0", "library": "a.so"}, b={"abi": "1.0", "library": "b.so"})
    monkeypatch.setenv("TENSORWRIGHT_PLUGINS", "b")
    assert [plugin.name for plugin in tw.plugins()] == ["b"]
    monkeypatch.setattr(_plugins, "_found", None)
    monkeypatch.setenv("TENSORWRIGHT_PLUGINS", "off")
    assert tw.plugins() == []


def test_a_file_that_is_no_plugin() -> None:
    with pytest.raises(tw.AbiError, match="tw_plugin_entry_1"):
        tw.extend.load_plugin(_C.__file__)
    with pytest.raises(ImportError, match=r"absent.so"):
        tw.extend.load_plugin("/absent.so")


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    tw.show_config()
    shown = capsys.readouterr().out
    for word in (
        "tensorwright-tensor-core",
        "python",
        "instruction set",
        "threads",
        "BLAS",
        "OpenBLAS",
        "C ABI",
        "compiler",
    ):
        assert word in shown
