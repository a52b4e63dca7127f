"""Every mix of wheel, editable and absent imports as one package: 2 x 3 x 3 = 18 environments.

The session `integration` names the wheels and the editable wheels; each mix is then a virtual environment of its own
with the files unpacked into it, which is what an installer does.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECK = Path(__file__).with_name("import_matrix_check.py")
MIXES = list(itertools.product(["wheel", "editable"], ["absent", "wheel", "editable"], ["absent", "wheel", "editable"]))
NEEDED = ["numpy", "numpy.libs", "scipy_openblas64"]  # what tensor-core needs from elsewhere


def built(kind: str, folder: str) -> Path:
    listed = os.environ.get(f"TENSORWRIGHT_{kind.upper()}S", "")
    if not listed:
        pytest.skip("needs built wheels: run `nox -s integration`")
    [path] = [Path(line) for line in listed.split(os.pathsep) if f"_{folder}-" in Path(line).name]
    return path


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to what tensor-core needs and to nothing else of this environment."""
    folder = tmp_path_factory.mktemp("dependencies")
    for name in NEEDED:
        source = Path(sysconfig.get_path("platlib"), name)
        if source.exists():
            (folder / name).symlink_to(source)
    return folder


def make_environment(root: Path, dependencies: Path, kinds: dict[str, str]) -> Path:
    """Create a virtual environment with the distributions in `kinds`; return its interpreter."""
    venv.create(root, symlinks=True, with_pip=False)
    scheme = sysconfig.get_preferred_scheme("prefix")
    site_packages = Path(sysconfig.get_path("platlib", scheme, vars={"base": str(root), "platbase": str(root)}))
    (site_packages / "dependencies.pth").write_text(f"{dependencies}\n")
    for folder, kind in kinds.items():
        if kind != "absent":
            zipfile.ZipFile(built(kind, folder)).extractall(site_packages)
    return root / "bin" / "python"


@pytest.mark.parametrize(("core", "nn", "autograd"), MIXES, ids=["-".join(mix) for mix in MIXES])
def test_parts_merge(tmp_path: Path, dependencies: Path, core: str, nn: str, autograd: str) -> None:
    kinds = {"tensor_core": core, "nn": nn, "autograd": autograd}
    python = make_environment(tmp_path / "env", dependencies, kinds)
    states = [f"{part}={kind}" for part, kind in kinds.items()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-W", "error", CHECK, *states]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
