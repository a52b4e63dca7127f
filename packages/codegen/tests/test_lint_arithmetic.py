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
    assert findings("return f(next(n));", tmp_path, helper + HEAD) == ["i + 1"]
    assert findings("return f(next(dim));", tmp_path, helper + HEAD) == []


STRUCTS = """
struct Axis {
  int64_t size, step = 1;
  std::vector<int64_t> places;
  int64_t end() const { return size + step; }
};
struct Named {
  const char* name;
  int64_t count;
  int64_t next() const { return count + 1; }
};
struct Plan {
  explicit Plan(int64_t n) : length_(n) {}
  int64_t doubled() const { return length_ * 2; }
  Axis axis;
 private:
  int64_t length_;
};
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Axis a{n, 1}; return f(a.size + 1);", ["size + step", "a.size + 1"]),
        ("Axis a{3, 1}; a.step = n; return f(a);", ["size + step"]),
        ("Axis a{3, 1}; a.places.push_back(n); for (int64_t p : a.places) g(p * 2);", ["p * 2"]),
        ("Plan plan(n);", ["length_ * 2"]),
        ('Named named{"text, with a comma", n};', ["count + 1"]),
        ("Plan plan(3); plan.axis = {1, n, {}};", ["size + step"]),
        (
            "std::vector<Axis> all; all.push_back({n, 1}); return f(all[0].size - 1);",
            ["all[0].size - 1", "size + step"],
        ),
        ("Axis a{std::clamp<int64_t>(n, 0, 9), 1}; return f(a.size + 1);", []),
        ("Axis a{3, 1}; if (n < 0 || n > 9) throw fail(n); a.step = n; return f(a);", []),
    ],
)
def test_numbers_are_followed_through_fields(body: str, expected: list[str], tmp_path: Path) -> None:
    found = findings(body, tmp_path, STRUCTS + HEAD)
    assert sorted(text.replace(" ", "") for text in found) == sorted(text.replace(" ", "") for text in expected)


@pytest.mark.parametrize(
    "body",
    [
        "const auto next = [&](int64_t i) { return i + 1; }; return f(next(n));",
        "const auto same = [](int64_t i) { return i; }; return f(same(n) + 1);",
        "return f(first(size) + 1);",
        "return f(checked::add(n, 1) + 1);",
        "return f(checked::mul(n * 2, 1));",
        "std::vector<int64_t> all; all.push_back(n); return f(all.back() + 1);",
        "if (n > 5 && dim > 0) throw fail(n); return f(n + 1);",
        "if (dim > 0) n = 0; return f(n + 1);",
        "const int64_t m = size[0]; return f(n / m);",
        "const int64_t given = PyLong_AsLongLong(o); return f(given + 1);",
        "Py_ssize_t a, b, c; PySlice_Unpack(o, &a, &b, &c); return f(a - c);",
    ],
)
def test_numbers_are_followed_through_calls(body: str, tmp_path: Path) -> None:
    helper = "int64_t first(IntList list) { return list[0]; }\n"
    assert findings(body, tmp_path, helper + HEAD)


@pytest.mark.parametrize(
    "body",
    [
        "if (n >= 0 && n < self.size(0)) return f(n + 1); return f(0);",
        "return f(0 <= n && n < 5 ? n + 1 : 0);",
        "if (n < 0 || n >= 5) { g(); return f(0); } return f(n + 1);",
        "if (!(0 <= n && n < 5)) throw fail(n); return f(n + 1);",
        "for (int64_t i = 0; i < n; ++i) g(i);",
        "return f(dim < 0 ? dim + self.ndim() : dim);",
        "const double wide = static_cast<double>(n); return f(wide * 2.0);",
        "return f(n % 8 + 1);",
        "const char* at = p; return g(at, n);",
    ],
)
def test_conditions_bound_numbers(body: str, tmp_path: Path) -> None:
    assert findings(body, tmp_path) == []


def test_functions_of_other_files_are_not_confused(tmp_path: Path) -> None:
    (tmp_path / "other.cpp").write_text("namespace {\nint64_t next(int64_t i) { return i + 1; }\n}\n")
    (tmp_path / "ops.yaml").write_text(OPS)
    (tmp_path / "shifted.cpp").write_text(HEAD + "return f(next(n));\n}\n")
    paths = [tmp_path / "other.cpp", tmp_path / "shifted.cpp"]
    assert find_unchecked(paths, load_ops([tmp_path / "ops.yaml"])) == []


@pytest.mark.skipif(not (PACKAGES / "tensor-core" / "ops").is_dir(), reason="the facets of tensor-core are not here")
def test_no_package_has_unchecked_arithmetic() -> None:
    assert list(map(str, check_packages(PACKAGES, load_ops([PACKAGES / "tensor-core" / "ops"])))) == []
