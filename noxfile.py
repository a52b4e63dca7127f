"""Every check a person or CI runs. `nox -l` lists the sessions, `nox -s NAME` runs one, `nox -s NAME -- ARGS` passes on ARGS.

No package is named by hand: the sessions read packages/*/pyproject.toml, and what a session installs is what those
files declare. Wheels are built once, into .wheels/, and again only when their sources change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "typecheck", "docs"]

ROOT = Path(__file__).parent
WHEELS = ROOT / ".wheels"
PREFIX = "tensorwright-"
PROJECTS: dict[str, dict[str, Any]] = {  # by folder: nn, not tensorwright-nn
    path.parent.name: tomllib.loads(path.read_text()) for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
WORKSPACE = tomllib.loads((ROOT / "pyproject.toml").read_text())


# --- which package needs which -------------------------------------------------------------------------------------


def folders(requirements: Iterable[str]) -> list[str]:
    """The packages of this repository among `requirements`."""
    names = [Requirement(line).name.removeprefix(PREFIX) for line in requirements]
    return [name for name in names if name in PROJECTS]


def others(requirements: Iterable[str]) -> list[str]:
    """The requirements that come from elsewhere."""
    return [line for line in requirements if not folders([line])]


def runtime(folder: str) -> list[str]:
    return list(PROJECTS[folder]["project"].get("dependencies", []))


def build_time(folder: str) -> list[str]:
    return list(PROJECTS[folder]["build-system"]["requires"])


def group(project: dict[str, Any], name: str) -> list[str]:
    return list(nox.project.dependency_groups(project, name))


def closure(names: Iterable[str], needs: Any) -> list[str]:
    """`names` and everything they need, dependencies first."""
    order: dict[str, None] = {}
    for name in names:
        order |= dict.fromkeys(closure(folders(needs(name)), needs))
        order[name] = None
    return list(order)


# --- wheels, built once --------------------------------------------------------------------------------------------


def sources(folder: str) -> Iterator[Path]:
    """The files that decide what the wheel of `folder` contains."""
    roots = [ROOT / "packages" / folder, *([ROOT / "shared-cmake"] if folder == "tensor-core" else [])]
    for root in roots:
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and parts[0] not in {"tests", "build", "dist"} and "__pycache__" not in parts:
                yield path


def is_native(folder: str) -> bool:
    return (ROOT / "packages" / folder / "CMakeLists.txt").exists()


def key(folder: str, variant: str) -> str:
    """A name for the wheel's folder in .wheels/: it changes when anything the wheel is made from does."""
    digest = hashlib.sha256()
    for path in sources(folder):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    for sibling in folders(build_time(folder)):
        digest.update(key(sibling, variant).encode())
    if is_native(folder):
        digest.update(f"{variant} {os.environ.get('CXXFLAGS')} {os.environ.get('CXX')}".encode())
    return f"{folder}-{digest.hexdigest()[:16]}"


def python_tag(session: nox.Session) -> str:
    line = "import sys; print(f'{sys.implementation.cache_tag}{sys.abiflags}')"
    return str(session.run("python", "-c", line, silent=True, log=False)).strip()


def wheel_folder(session: nox.Session, folder: str, variant: str = "") -> Path:
    return WHEELS / f"{key(folder, variant)}{'-' + python_tag(session) if folder == 'tensor-core' else ''}"


def built(session: nox.Session, names: Iterable[str], variant: str = "") -> list[str]:
    """The paths of the wheels of `names`; the session `wheels` has built them."""
    return [str(next(wheel_folder(session, name, variant).glob("*.whl"))) for name in names]


def build_wheels(session: nox.Session, variant: str = "", **environment: str) -> None:
    """Build every wheel that is not in .wheels/ yet, in an environment that has the build tools."""
    order = closure(PROJECTS, build_time)
    missing = [name for name in order if not any(wheel_folder(session, name, variant).glob("*.whl"))]
    if not missing:
        return
    tools = {line for name in PROJECTS for line in others(build_time(name))}
    built_with = {sibling for name in PROJECTS for sibling in folders(build_time(name))}
    tools |= {line for name in built_with for line in others(runtime(name))}
    session.install("build", "cmake", "ninja", *sorted(tools))
    for name in order:
        target = wheel_folder(session, name, variant)
        if name in missing:
            build_folder = WHEELS / "build" / f"{name}{variant}-{python_tag(session)}"  # kept: rebuilds are incremental
            fresh = Path(session.create_tmp()) / name
            shutil.rmtree(fresh, ignore_errors=True)
            session.run(
                *("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(fresh)),
                str(ROOT / "packages" / name),
                env={"SKBUILD_BUILD_DIR": str(build_folder), **environment} if is_native(name) else {},
                silent=not is_native(name),
            )
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(exist_ok=True)
            fresh.rename(target)
        if name in built_with:
            session.install("--no-deps", "--force-reinstall", *built(session, [name], variant))


def install(session: nox.Session, names: Iterable[str], *requirements: str, variant: str = "") -> None:
    """Install the wheels of `names` with their run-time siblings, and `requirements`, siblings among them too."""
    wheels = built(session, closure([*names, *folders(requirements)], runtime), variant)
    session.install(*wheels, *others(requirements))


def pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    session.run("pytest", *arguments, *session.posargs, env=environment)


@nox.session(reuse_venv=True, default=False)
def wheels(session: nox.Session) -> None:
    """Build the wheels whose sources have changed, into .wheels/; `-- --clean` builds all from nothing."""
    if "--clean" in session.posargs:
        shutil.rmtree(WHEELS, ignore_errors=True)
    build_wheels(session)


# --- the two commands of the README --------------------------------------------------------------------------------


@nox.session(requires=["wheels"], default=False)
def demo(session: nox.Session) -> None:
    """Train a small convolutional network on handwritten digits, save it, reload it, classify ten images."""
    install(session, PROJECTS, *group(WORKSPACE, "demo"))
    session.run("python", str(ROOT / "demo" / "digits.py"), *session.posargs)


@nox.session(requires=["wheels"])
@nox.parametrize("what", [*PROJECTS, "integration"], ids=[*PROJECTS, "integration"])
def tests(session: nox.Session, what: str) -> None:
    """Test each package with only what it declares installed, then all of them together."""
    if what == "integration":
        test_together(session)
        return
    install(session, [what], *group(PROJECTS[what], "test"))
    pytest(session, str(ROOT / "packages" / what / "tests"))


@nox.session(requires=["wheels"], default=False)
def integration(session: nox.Session) -> None:
    """Only the last part of `tests`: every package installed as a wheel, tests-integration and all doctests."""
    test_together(session)


def test_together(session: nox.Session) -> None:
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    wheel_list = os.pathsep.join(built(session, PROJECTS))
    pytest(session, str(ROOT / "tests-integration"), TENSORWRIGHT_WHEELS=wheel_list)
    if not session.posargs:
        session.run("pytest", "--doctest-modules", "--pyargs", "tensorwright", "tensorwright_codegen")


# --- what reads the sources ----------------------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: ruff, clang-format, clang-tidy; `-- --fix` formats instead of complaining."""
    fix = "--fix" in session.posargs
    session.install(*group(WORKSPACE, "lint"))
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    files = [str(path) for folder in PROJECTS for path in sources(folder) if path.suffix in {".cpp", ".h", ".c"}]
    if files:
        session.run("clang-format", *(["-i"] if fix else ["--dry-run", "--Werror"]), *files)


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types of every package, of the demo and of the README's tour: mypy --strict."""
    session.install(*group(WORKSPACE, "typecheck"))
    tree = Path(session.create_tmp()) / "tree"
    merge_sources(tree)
    environment = {"MYPYPATH": str(tree)}
    session.run("mypy", "-p", "tensorwright", "-p", "tensorwright_codegen", env=environment)


def merge_sources(tree: Path) -> None:
    """Link the parts of `tensorwright` into one folder, as an installation would: mypy does not follow extend_path."""
    shutil.rmtree(tree, ignore_errors=True)
    for folder in PROJECTS:
        for package in (ROOT / "packages" / folder / "src").iterdir():
            (tree / package.name).mkdir(parents=True, exist_ok=True)
            for path in package.iterdir():
                (tree / package.name / path.name).symlink_to(path)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a warning is an error."""
    session.install(*group(WORKSPACE, "docs"))
    session.run("mkdocs", "build", "--strict", "--site-dir", str(ROOT / "site"))
