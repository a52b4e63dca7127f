"""The check for unchecked arithmetic: what it finds, and what bounds a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorwright_codegen.facets import load_ops
from tensorwright_codegen.lint.arithmetic import check_packages, find_unchecked

PACKAGES = Path(__file__).resolve().parents[2]
OPS = """
- op: shifted
  schema: "(Tensor self, int n, int dim, int[] size) -> Tensor"
  kind: composite
  where:
    - -self.ndim <= dim < self.ndim: "dim is out of range"
  doc: Shifted.
"""
HEAD = "Tensor shifted(TensorRef self, int64_t n, int64_t dim, IntList size) {\n  "


def findings(body: str, tmp_path: Path, head: str = HEAD) -> list[str]:
    (tmp_path / "ops.yaml").write_text(OPS)
    (tmp_path / "shifted.cpp").write_text(head + body + "\n}\n")
    found = find_unchecked([tmp_path / "shifted.cpp"], load_ops([tmp_path / "ops.yaml"]))
    return [finding.text for finding in found]


@pytest.mark.parametrize(
    "body",
    [
        "return f(n + 1);",
        "return f(2 * n);",
        "return f(-n);",
        "n += 1;",
        "return f(size[0] * 4);",
        "const int64_t m = n; return f(m - 1);",
        "int64_t all = 1; for (int64_t s : size) all *= s;",
        "return f(std::max<int64_t>(n, 0) + 1);",
        "return f(static_cast<int64_t>(n) * self.size(0));",
        "if (n < 0) throw fail(n); return f(n + 1);",
    ],
)
def test_arithmetic_on_a_free_number_is_found(body: str, tmp_path: Path) -> None:
    assert findings(body, tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        "return f(checked::add(n, 1));",
        "return f(dim + 1);",  # by the facet
        "return f(std::clamp<int64_t>(n, 0, 9) + 1);",
        "if (n < 0 || n > 9) throw fail(n); return f(n + 1);",
        "if (n < 0) throw fail(n); return f(n - 1);",
        "return f(size.size() + 1);",
        "return f(self.size(n) + 1);",
        "return f(n / 2 + 1);",
        "// n + 1",
    ],
)
def test_what_is_bounded_or_checked_is_not(body: str, tmp_path: Path) -> None:
    assert findings(body, tmp_path) == []


def test_numbers_are_followed_into_functions(tmp_path: Path) -> None:
    helper = "int64_t next(int64_t i) { return i + 1; }\n"
    assert findings("return f(next(n));", tmp_path, helper + HEAD) == ["return i + 1"]
    assert findings("return f(next(dim));", tmp_path, helper + HEAD) == []


@pytest.mark.skipif(not (PACKAGES / "tensor-core" / "ops").is_dir(), reason="the facets of tensor-core are not here")
def test_no_package_has_unchecked_arithmetic() -> None:
    assert list(map(str, check_packages(PACKAGES, load_ops([PACKAGES / "tensor-core" / "ops"])))) == []
