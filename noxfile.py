"""Every check a person or CI runs: `nox -l` lists the sessions, `nox -s NAME -- ARGS` runs one and passes on ARGS.

No package is named by hand: the sessions read packages/*/pyproject.toml, and what a session installs is what those
files declare. Wheels are built once, into .wheels/, and again only when their sources change.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
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
SHARED_FOLDERS = ["utils"]  # packages in `tensorwright` that several parts bring modules to
KNOWN_TYPES = 0.95  # of what a distribution exports, the part whose types a checker must know
SUPPORTED = ["3.11", "3.12", "3.13"]
LIBRARIES = ["libasan.so", "libstdc++.so"]  # loaded before Python: the second so that exceptions are intercepted
SANITIZER_OPTIONS = {
    # Tests that watch resident memory need a small quarantine of freed blocks.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=4",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
CODEGEN = {"PYTHONPATH": str(ROOT / "packages" / "codegen" / "src")}
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


def other_pythons() -> dict[str, str]:
    """The supported Pythons of this machine besides the one that runs nox: on PATH, or known to pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in SUPPORTED:
        candidates = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]
        works = [path for path in candidates if path and runs(path)]
        if works and version != f"{sys.version_info.major}.{sys.version_info.minor}":
            found[version] = works[0]
    return found


def runs(python: str) -> bool:
    """Whether this is more than a shim that says which version to install."""
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


# --- wheels, built once --------------------------------------------------------------------------------------------


def sources(folder: str) -> Iterator[Path]:
    """The files that decide what the wheel of `folder` contains."""
    roots = [ROOT / "packages" / folder, *([ROOT / "shared-cmake"] if folder == "tensor-core" else [])]
    for root in roots:
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            ignored = parts[0] in {"build", "dist"} or (parts[0] == "tests" and parts[1:2] != ("cpp",))
            if path.is_file() and not ignored and "__pycache__" not in parts:
                yield path


def is_native(folder: str) -> bool:
    return (ROOT / "packages" / folder / "CMakeLists.txt").exists()


@functools.cache  # one answer per run, also when a file changes meanwhile
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


def build_folder(session: nox.Session, folder: str, variant: str = "") -> Path:
    """Where CMake works; it is kept, so that the next build compiles only what has changed."""
    return WHEELS / "build" / f"{folder}{variant}-{python_tag(session)}"


def built(session: nox.Session, names: Iterable[str], variant: str = "") -> list[str]:
    """The paths of the wheels of `names`; the session `wheels` has built them."""
    return [str(next(wheel_folder(session, name, variant).glob("*.whl"))) for name in names]


BUILD_EDITABLE = """
import sys
from pyproject_hooks import BuildBackendHookCaller
project, backend, target = sys.argv[1:]
BuildBackendHookCaller(project, backend).build_editable(target)
"""


def editables(session: nox.Session, names: Iterable[str]) -> list[str]:
    """The paths of the editable wheels of `names`, which the session `wheels` has built beside the wheels."""
    return [str(next((wheel_folder(session, name) / "editable").glob("*.whl"))) for name in names]


def build_wheels(session: nox.Session, variant: str = "", defines: str = "") -> None:
    """Build every wheel that is not in .wheels/ yet, in an environment that has the build tools."""
    built_with = {sibling for name in PROJECTS for sibling in folders(build_time(name))}
    tools = {line for name in PROJECTS for line in others(build_time(name))}
    tools |= {line for name in built_with for line in others(runtime(name))}
    session.install(*group(WORKSPACE, "wheels"), *sorted(tools))  # the compile commands that `lint` reads name them
    order = closure(PROJECTS, build_time)
    missing = [name for name in order if not any(wheel_folder(session, name, variant).glob("*.whl"))]
    for name in order:
        if name in missing:
            build_wheel(session, name, variant, defines)
        if name in built_with:
            session.install("--no-deps", "--force-reinstall", *built(session, [name], variant))


def build_wheel(session: nox.Session, name: str, variant: str, defines: str) -> None:
    """Build the wheel of one package, and its editable wheel, with what is installed in the session."""
    project = str(ROOT / "packages" / name)
    if is_native(name):
        strict = "ON" if "CI" in os.environ else "OFF"  # a newer compiler's new warning must not stop a newcomer
        defines = f"-DTW_BUILD_TESTS=ON -DTW_WERROR={strict} -DCMAKE_EXPORT_COMPILE_COMMANDS=ON {defines}"
        environment = {"SKBUILD_BUILD_DIR": str(build_folder(session, name, variant)), "CMAKE_ARGS": defines}
    else:
        environment = {}
    fresh = Path(session.create_tmp()) / name
    shutil.rmtree(fresh, ignore_errors=True)
    session.run(
        *("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(fresh), project),
        env=environment,
        silent=not is_native(name),
    )
    (fresh / "editable").mkdir()
    backend = PROJECTS[name]["build-system"]["build-backend"]
    arguments = (project, backend, str(fresh / "editable"))
    session.run("python", "-c", BUILD_EDITABLE, *arguments, env=environment, silent=True, log=False)
    target = wheel_folder(session, name, variant)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(exist_ok=True)
    fresh.rename(target)


def install(session: nox.Session, names: Iterable[str], *requirements: str, variant: str = "") -> None:
    """Install the wheels of `names` with their run-time siblings, and `requirements`, siblings among them too."""
    wheels = built(session, closure([*names, *folders(requirements)], runtime), variant)
    session.install(*wheels, *others(requirements))


def pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    session.run("pytest", *arguments, *session.posargs, env=environment)


@nox.session(default=False)
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
    output = ROOT / "demo-output"
    output.mkdir(exist_ok=True)
    session.run("python", str(ROOT / "demo" / "digits.py"), "--output", str(output), *session.posargs)


@nox.session(requires=["wheels"], default=False)
def examples(session: nox.Session) -> None:
    """Run each example of docs/examples in its short form, and check that it has learned."""
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    pytest(session, str(ROOT / "tests-integration" / "test_examples.py"))


@nox.session(requires=["wheels"])
@nox.parametrize("what", [*PROJECTS, "integration"], ids=[*PROJECTS, "integration"])
def tests(session: nox.Session, what: str) -> None:
    """Test each package with only what it declares installed, then all of them together."""
    if what == "integration":
        test_together(session)
        return
    install(session, [what], *group(PROJECTS[what], "test"))
    run_cpp_tests(session, what)
    pytest(session, str(ROOT / "packages" / what / "tests"))


def run_cpp_tests(session: nox.Session, folder: str, variant: str = "", **environment: str) -> None:
    """Run the programs of tests/cpp, which the build of the wheel has left in its build folder."""
    for source in sorted((ROOT / "packages" / folder / "tests" / "cpp").glob("*.cpp")):
        program = build_folder(session, folder, variant) / "tests" / source.stem
        session.run(str(program), external=True, env=environment)


@nox.session(requires=["wheels"], default=False)
def integration(session: nox.Session) -> None:
    """Only the last part of `tests`: every package installed as a wheel, tests-integration and all doctests."""
    test_together(session)


def test_together(session: nox.Session) -> None:
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    pytest(
        session,
        str(ROOT / "tests-integration"),
        TENSORWRIGHT_WHEELS=os.pathsep.join(built(session, PROJECTS)),
        TENSORWRIGHT_EDITABLES=os.pathsep.join(editables(session, PROJECTS)),
        TENSORWRIGHT_BUILD=str(build_folder(session, "tensor-core")),
    )
    if not session.posargs:
        # Each module is imported as users import it: by its package.
        mode = "--import-mode=prepend"
        session.run("pytest", mode, "--doctest-modules", "--pyargs", "tensorwright", "tensorwright_codegen")


# --- what reads the sources ----------------------------------------------------------------------------------------


@nox.session(requires=["wheels"])
def lint(session: nox.Session) -> None:
    """Check sources: unchecked arithmetic, ruff, clang-format, clang-tidy; `-- --fix` formats instead."""
    fix = "--fix" in session.posargs
    session.install(*group(WORKSPACE, "lint"), *others(runtime("codegen")))
    session.run("python", "-m", "tensorwright_codegen", "arithmetic", env=CODEGEN)
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    files = [path for folder in PROJECTS for path in sources(folder) if path.suffix in {".cpp", ".h", ".c"}]
    session.run("clang-format", *(["-i"] if fix else ["--dry-run", "--Werror"]), *map(str, files))
    for folder in filter(is_native, PROJECTS):
        translation_units = [str(path) for path in files if path.suffix == ".cpp" and folder in path.parts]
        commands = str(build_folder(session, folder))
        session.run("run-clang-tidy.py", "-quiet", "-p", commands, *translation_units, silent=True)


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check all types with mypy --strict; with pyright what users are told, and how much of it is known."""
    session.install(*group(WORKSPACE, "typecheck"), *others(runtime("codegen")))
    session.run("python", "-m", "tensorwright_codegen", "stubs", "--check", env=CODEGEN)
    tree = Path(session.create_tmp()).resolve() / "tree"  # pyright runs in another folder
    merge_sources(tree)
    (tree / "tour.py").write_text(tour())
    environment = {"MYPYPATH": str(tree)}
    session.run("mypy", "-p", "tensorwright", "-p", "tensorwright_codegen", env=environment)
    session.run("mypy", str(tree / "tour.py"), str(ROOT / "demo"), str(ROOT / "noxfile.py"), env=environment)
    examples = sorted(map(str, (ROOT / "docs" / "examples").glob("*.py")))
    session.run("mypy", *examples, env=environment)
    expectations = str(ROOT / "tests-integration" / "types")
    session.run("mypy", expectations, env=environment)
    with session.chdir(tree.parent):  # away from the packages' folders, each of which has a part of tensorwright
        session.run("pyright", expectations, env={"PYTHONPATH": str(tree)})
        check_known_types(session, tree)


def check_known_types(session: nox.Session, tree: Path) -> None:
    """Complain of a distribution of which pyright knows too few types; what NumPy leaves open does not count."""
    known: Counter[str] = Counter()
    exported: Counter[str] = Counter()
    for package in ("tensorwright", "tensorwright_codegen"):
        command = ("pyright", "--outputjson", "--ignoreexternal", "--verifytypes", package)
        environment = {"PYTHONPATH": str(tree), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # nothing beside the JSON
        report = session.run(*command, env=environment, silent=True, success_codes=[0, 1])  # 1: below 100 %
        for symbol in json.loads(str(report))["typeCompleteness"]["symbols"]:
            if symbol["isExported"]:
                exported[owner(symbol["name"])] += 1
                known[owner(symbol["name"])] += symbol["isTypeKnown"]
    parts = {folder: known[folder] / exported[folder] for folder in PROJECTS}
    session.log("types that are known: %s", ", ".join(f"{folder} {part:.1%}" for folder, part in parts.items()))
    if min(parts.values()) < KNOWN_TYPES:
        session.error(
            f"less than {KNOWN_TYPES:.0%} of a distribution's types are known: pyright --verifytypes names them"
        )


def owner(symbol: str) -> str:
    """The package whose sources have the module that `symbol` is a name of."""
    path = symbol.replace(".", "/")
    while path:
        for folder in PROJECTS:
            source = ROOT / "packages" / folder / "src" / path
            if (
                source.with_suffix(".py").exists()
                or source.with_suffix(".pyi").exists()
                or (source / "__init__.py").exists()
            ):
                return folder
        path = path.rpartition("/")[0]
    raise LookupError(f"no package has a module of {symbol}")


def tour() -> str:
    """The Python of the README."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL))


def merge_sources(tree: Path) -> None:
    """Link the parts of `tensorwright` into one folder, as an installation would: mypy does not follow extend_path."""
    shutil.rmtree(tree, ignore_errors=True)
    for folder in PROJECTS:
        for package in (ROOT / "packages" / folder / "src").iterdir():
            link_tree(package, tree / package.name)


def link_tree(source: Path, target: Path) -> None:
    """Link what lies in `source`; folders that several parts bring something to are merged."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.name in SHARED_FOLDERS:
            link_tree(path, target / path.name)
        else:
            (target / path.name).symlink_to(path)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/, with a page per op; a warning is an error."""
    session.install(*group(WORKSPACE, "docs"), *others(runtime("codegen")))
    tree = Path(session.create_tmp()) / "tree"
    merge_sources(tree)
    session.run("python", "-m", "tensorwright_codegen", "reference", "--out", str(ROOT / "docs" / "ops"), env=CODEGEN)
    session.run("mkdocs", "build", "--strict", env={"TENSORWRIGHT_SOURCES": str(tree)})


@nox.session(name="coverage-of-ops", default=False)
def coverage_of_ops(session: nox.Session) -> None:
    """Print which op lacks which facet; an op without doc, shape rule, sample or derivative is an error."""
    session.install(*others(runtime("codegen")), *others(group(WORKSPACE, "integration")))
    command = ("python", "-m", "tensorwright_codegen", "coverage", "--samples", str(ROOT / "tests-integration"))
    session.run(*command, *session.posargs, env=CODEGEN)


@nox.session(default=False)
def stubs(session: nox.Session) -> None:
    """Write the .pyi stubs anew from the facets; `typecheck` complains when they are stale."""
    session.install(*others(runtime("codegen")))
    session.run("python", "-m", "tensorwright_codegen", "stubs", *session.posargs, env=CODEGEN)


# --- what takes longer ---------------------------------------------------------------------------------------------


@nox.session(requires=["wheels"], default=False)
def abi(session: nox.Session) -> None:
    """Check the C ABI: header in every dialect, golden layout, symbols, old and hostile plugins."""
    install(session, PROJECTS, *group(WORKSPACE, "integration"), *group(PROJECTS["tensor-core"], "test"))
    gates = ROOT / "packages" / "tensor-core" / "tests" / "abi"
    pytest(session, str(gates), str(ROOT / "tests-integration"), "-k", "abi or plugin")


@nox.session(name="array-api", requires=["wheels"], default=False)
def array_api(session: nox.Session) -> None:
    """Run the array API standard's own tests, from the checkout that ARRAY_API_TESTS names; no test is left out."""
    checkout = os.environ.get("ARRAY_API_TESTS", "")
    if not (Path(checkout) / "array_api_tests").is_dir():
        session.error("ARRAY_API_TESTS must name a checkout of data-apis/array-api-tests, with its submodule")
    install(session, ["tensor-core"])
    session.install("-r", str(Path(checkout) / "requirements.txt"))
    session.chdir(checkout)
    environment = {
        "ARRAY_API_TESTS_MODULE": "tensorwright.array_api",
        "ARRAY_API_TESTS_VERSION": "2024.12",
    }
    lists = [f"--skips-file={os.devnull}", f"--xfails-file={os.devnull}"]
    pytest(session, "array_api_tests", "--disable-deadline", *lists, **environment)


@nox.session(requires=["wheels"], default=False, venv_backend="virtualenv")
def bench(session: nox.Session) -> None:
    """Measure beside torch, interleaved, and print the ratios."""
    install(session, PROJECTS, *group(WORKSPACE, "bench"))
    session.run("python", str(ROOT / "benchmarks" / "run.py"), *session.posargs)


@nox.session(name="bench-inference", requires=["wheels"], default=False, venv_backend="virtualenv")
def bench_inference(session: nox.Session) -> None:
    """Time inference of whole networks beside ONNX Runtime and PyTorch's frozen traces."""
    install(session, PROJECTS, *group(WORKSPACE, "inference"))
    session.run("python", str(ROOT / "benchmarks" / "inference.py"), *session.posargs)


@nox.session(default=False)
def bench_plot(session: nox.Session) -> None:
    """Draw a saved result as SVG: `-- benchmarks.json benchmarks.svg`."""
    session.install(*group(WORKSPACE, "plot"))
    session.run("python", str(ROOT / "benchmarks" / "plot.py"), *session.posargs)


@nox.session(requires=["wheels"], default=False, venv_backend="virtualenv")
def oracle(session: nox.Session) -> None:
    """Compare modules, optimizers and every row of the table of samples with torch: results, gradients, time."""
    install(session, PROJECTS, *group(WORKSPACE, "bench"))
    for table in ("modules.py", "optimizers.py"):
        session.run("python", str(ROOT / "benchmarks" / "oracles" / table), *session.posargs)
    session.run("python", str(ROOT / "benchmarks" / "oracle.py"), *session.posargs)


@nox.session(requires=["wheels"], default=False, venv_backend="virtualenv")
def exchange(session: nox.Session) -> None:
    """Hand tensors to JAX and torch and take theirs, without copying: DLPack, its C functions, ml_dtypes."""
    install(session, PROJECTS, *group(WORKSPACE, "exchange"))
    pytest(session, str(ROOT / "tests-exchange"))


@nox.session(requires=["wheels"], default=False, venv_backend="virtualenv")
def models(session: nox.Session) -> None:
    """Train others' programs with only the import changed, beside torch; TENSORWRIGHT_MODELS names their checkouts."""
    checkouts = Path(os.environ.get("TENSORWRIGHT_MODELS", ""))
    if not (checkouts / "nanoGPT" / "model.py").is_file() or not (checkouts / "examples" / "mnist").is_dir():
        session.error("TENSORWRIGHT_MODELS must name a folder with karpathy/nanoGPT and pytorch/examples in it")
    install(session, PROJECTS, *group(WORKSPACE, "bench"))
    session.run("python", str(ROOT / "benchmarks" / "models.py"), *session.posargs)


@nox.session(requires=["wheels"], default=False)
def fuzz(session: nox.Session) -> None:
    """Make a million calls with bad arguments; `-- --calls N --seed S` makes others."""
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    session.run("python", str(ROOT / "tests-integration" / "fuzz_calls.py"), *session.posargs)


@nox.session(name="fuzz-loader", requires=["wheels"], default=False)
def fuzz_loader(session: nox.Session) -> None:
    """Read damaged programs for an hour under libFuzzer, which Clang brings; `-- SECONDS` for another time."""
    install(session, PROJECTS)
    session.install("cmake", "ninja")
    line = "import pathlib, tensorwright_cmake as c; print(pathlib.Path(c.__path__[0]))"
    cmake_files = Path(str(session.run("python", "-c", line, silent=True, log=False)).strip())
    build = build_folder(session, "jit", "fuzz")
    options = ("-DTW_JIT_FUZZ=ON", "-DCMAKE_CXX_COMPILER=clang++", f"-Dtensorwright_DIR={cmake_files}")
    session.run("cmake", "-G", "Ninja", "-S", str(ROOT / "packages" / "jit"), "-B", str(build), *options)
    session.run("ninja", "-C", str(build), "fuzz-loader")
    corpus = Path(session.create_tmp())
    session.run("python", str(ROOT / "packages" / "jit" / "fuzz" / "seeds.py"), str(corpus / "seeds"))
    seconds = session.posargs[0] if session.posargs else "3600"
    limits = (f"-max_total_time={seconds}", "-rss_limit_mb=1024", "-timeout=1", "-max_len=16384")
    (corpus / "found").mkdir(exist_ok=True)
    session.run(
        str(build / "fuzz-loader"),
        *limits,
        str(corpus / "found"),
        str(corpus / "seeds"),
        external=True,
        env={"TENSORWRIGHT_LIB": str(cmake_files.parent / "tensorwright" / "_lib")},
    )


@nox.session(requires=["wheels"], default=False)
def endurance(session: nox.Session) -> None:
    """Train a million steps; kill processes that save checkpoints, flip bits, stop runs; `-- --kills N --flips N`."""
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    if not session.posargs:
        session.run("python", str(ROOT / "tests-integration" / "training_endurance.py"))
    session.run("python", str(ROOT / "tests-integration" / "checkpoint_endurance.py"), *session.posargs)


def sanitized(session: nox.Session, *requirements: str) -> dict[str, str]:
    """Install wheels with AddressSanitizer and UndefinedBehaviorSanitizer; the environment that they run in."""
    build_wheels(session, "sanitize", "-DTW_SANITIZE=ON")
    install(session, PROJECTS, *requirements, variant="sanitize")
    where = [session.run("g++", f"-print-file-name={name}", external=True, silent=True) for name in LIBRARIES]
    preload = " ".join(str(path).strip() for path in where)
    return {"LD_PRELOAD": preload, "PYTHONMALLOC": "malloc", **SANITIZER_OPTIONS}


@nox.session(name="fuzz-sanitized", default=False)
def fuzz_sanitized(session: nox.Session) -> None:
    """Make 200,000 of the fuzzer's calls under the sanitizers; a report ends a process, which counts as a death."""
    environment = sanitized(session, *group(WORKSPACE, "integration"))
    environment["ASAN_OPTIONS"] += ":max_allocation_size_mb=4096"
    call = ("python", str(ROOT / "tests-integration" / "fuzz_calls.py"), "--memory", "0", "--calls", "200000")
    session.run(*call, *session.posargs, env=environment)


@nox.session(default=False)
def sanitize(session: nox.Session) -> None:
    """Run the C++ tests and the Python suites under AddressSanitizer and UndefinedBehaviorSanitizer."""
    groups = [line for name in PROJECTS for line in group(PROJECTS[name], "test")]
    environment = sanitized(session, *groups)
    for folder in PROJECTS:
        run_cpp_tests(session, folder, "sanitize", **SANITIZER_OPTIONS)
    native = [name for name in PROJECTS if "tensor-core" in closure([name], runtime)]
    suites = [str(ROOT / "packages" / name / "tests") for name in native]
    reports_pass = "--capture=sys"  # a sanitizer writes to file descriptor 2 and ends the process
    no_disassembler = "--ignore-glob=*/test_neon.py"  # it binds symbols in a way that sanitizers refuse
    pytest(session, reports_pass, no_disassembler, *suites, **environment)


@nox.session(default=False)
@nox.parametrize("python", [nox.param(path, id=version) for version, path in other_pythons().items()])
def pythons(session: nox.Session) -> None:
    """Build for the other Pythons of this machine and run the tests of nn, optim, data and the README's tour."""
    build_wheels(session)
    install(session, PROJECTS, *group(WORKSPACE, "integration"))
    paths = [ROOT / "packages" / name / "tests" for name in ("nn", "optim", "data")]
    pytest(session, *map(str, paths), str(ROOT / "tests-integration" / "test_readme.py"))


@nox.session(default=False)
def dev(session: nox.Session) -> None:
    """Make .nox/dev with every package editable; then `source .nox/dev/bin/activate`."""
    session.install(*group(WORKSPACE, "wheels"), *group(WORKSPACE, "dev"))
    for name in closure(PROJECTS, build_time):
        session.install(*others(build_time(name)), *others(runtime(name)))
        environment = {"SKBUILD_BUILD_DIR": str(build_folder(session, name))} if is_native(name) else {}
        project = str(ROOT / "packages" / name)
        session.install("--no-build-isolation", "--no-deps", "--editable", project, env=environment)


@nox.session(default=False)
def sdist(session: nox.Session) -> None:
    """Build every sdist, then every wheel from its sdist, away from the checkout."""
    session.install(*group(WORKSPACE, "wheels"))
    with tempfile.TemporaryDirectory() as away:
        for name in closure(PROJECTS, build_time):
            session.install(*others(build_time(name)), *others(runtime(name)))
            session.run("python", "-m", "build", "--no-isolation", "--outdir", away, str(ROOT / "packages" / name))
            session.install("--no-index", "--no-deps", "--find-links", away, PREFIX + name)
    session.run("python", "-c", "import tensorwright as tw; print(tw.nn, tw.optim, tw.autograd)")
