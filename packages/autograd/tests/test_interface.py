"""The interface "tw.autograd/1": a plugin in C brings an op with its derivative, and runs a pass."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorwright as tw

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")


def _headers() -> Path:
    """Of the checkout, or as the wheel of tensor-core installs them."""
    checkout = HERE.parents[1] / "tensor-core" / "include"
    return checkout if checkout.is_dir() else Path(next(iter(tw.__path__))) / "include"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    if COMPILER is None:
        pytest.skip("needs a C compiler")
    path = tmp_path_factory.mktemp("plugin") / "cube.so"
    flags = ["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-I{_headers()}"]
    subprocess.run([COMPILER, *flags, str(HERE / "cube_plugin.c"), "-o", str(path)], check=True)
    return str(path)


CHECK = """
import sys
import tensorwright as tw

if sys.argv[2] == "autograd first":
    import tensorwright.autograd
tw.extend.load_plugin(sys.argv[1])
cube = tw.ops.get("cube::cube")
x = tw.tensor([1.0, 2.0], dtype=tw.float64, requires_grad=True)
y = cube(x)
assert y.grad_fn.name() == "cube_vjp", y.grad_fn.name()
y.sum().backward()
assert x.grad.tolist() == [3.0, 12.0]
assert tw.autograd.gradcheck(cube, x)
assert tw.autograd.gradgradcheck(cube, x)
z = tw.ones(1, requires_grad=True)
assert tw.ops.get("cube::through_interface")(z) is True
assert z.grad.tolist() == [1.0]
"""


@pytest.mark.parametrize("order", ["autograd first", "plugin first"])
def test_op_with_its_derivative(library: str, order: str) -> None:
    result = subprocess.run([sys.executable, "-c", CHECK, library, order], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
