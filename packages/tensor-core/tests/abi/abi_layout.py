"""The layout of the C ABI's structs, as a compiler sees it, and what a new layout may not change.

``python abi_layout.py --write`` records the present layout in 1.json; do that only to add to it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pycparser import c_ast, c_generator, c_parser

INCLUDE = Path(__file__).parents[2] / "include"
HEADERS = ("tw_abi.h", "tw_abi_device.h")
GOLDEN = Path(__file__).with_name("1.json")

_STANDARD_TYPES = """
typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t;
typedef unsigned long uint64_t; typedef int int32_t; typedef long int64_t; typedef unsigned long size_t;
#define offsetof(type, field) 0
"""


class Field(NamedTuple):
    name: str
    type: str
    offset: int
    size: int


class Struct(NamedTuple):
    size: int
    sized: bool  # starts with `uint32_t size`, so it may grow at the end
    fields: list[Field]


Layout = dict[str, Struct]


def read_layout(header: Path, include: Path = INCLUDE, compiler: Sequence[str] = ("gcc", "-std=c99")) -> Layout:
    """Every struct that a header declares, with the offsets and sizes that the compiler gives them."""
    declared = _declarations(header, include, compiler)
    numbers = _probe(header, include, compiler, declared)
    layout: Layout = {}
    for struct, fields in declared.items():
        members = [Field(name, text, *numbers[f"{struct}.{name}"]) for name, text in fields]
        layout[struct] = Struct(numbers[struct][0], fields[0] == ("size", "uint32_t size"), members)
    return layout


def _declarations(header: Path, include: Path, compiler: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    text = "".join((include / "tensorwright" / name).read_text() for name in _included(header)) + header.read_text()
    text = re.sub(r"#include <[^>]+>|^TW_STATIC_ASSERT\(.*|__attribute__\(\(.*?\)\)", "", text, flags=re.MULTILINE)
    command = [*compiler, "-E", "-P", "-x", "c", "-"]
    source = subprocess.run(command, input=_STANDARD_TYPES + text, text=True, capture_output=True, check=True).stdout
    found: dict[str, list[tuple[str, str]]] = {}
    generator = c_generator.CGenerator()

    class Visitor(c_ast.NodeVisitor):  # type: ignore[misc]
        def visit_Struct(self, node: c_ast.Struct) -> None:  # noqa: N802
            if node.decls and node.name:
                found[node.name] = [(field.name, generator.visit(field)) for field in node.decls]
            self.generic_visit(node)

    Visitor().visit(c_parser.CParser().parse(source))
    return found


def _included(header: Path) -> list[str]:
    return re.findall(r"#include <tensorwright/(\w+\.h)>", header.read_text())


def _probe(
    header: Path, include: Path, compiler: Sequence[str], declared: dict[str, list[tuple[str, str]]]
) -> dict[str, list[int]]:
    lines = [f'#include <stdio.h>\n#include "{header}"\nint main(void) {{']
    for struct, fields in declared.items():
        lines.append(f'printf("{struct} %zu\\n", sizeof(struct {struct}));')
        for name, _ in fields:
            place = f"offsetof(struct {struct}, {name}), sizeof(((struct {struct}*)0)->{name})"
            lines.append(f'printf("{struct}.{name} %zu %zu\\n", {place});')
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "probe")
        source = "\n".join([*lines, "return 0;\n}\n"])
        command = [*compiler, f"-I{include}", "-x", "c", "-", "-o", program]
        subprocess.run(command, input=source, text=True, check=True)
        output = subprocess.run([program], text=True, capture_output=True, check=True).stdout
    return {key: [int(n) for n in numbers] for key, *numbers in map(str.split, output.splitlines())}


def differences(old: Layout, new: Layout) -> list[str]:
    """What a plugin built against ``old`` would trip over; additions at the end of sized structs are none."""
    errors: list[str] = []
    for name, was in old.items():
        if name not in new:
            errors.append(f"{name}: removed")
            continue
        now = new[name]
        for i, field in enumerate(was.fields):
            if i >= len(now.fields):
                errors.append(f"{name}.{field.name}: removed")
            elif now.fields[i] != field:
                errors.append(f"{name}[{i}]: was {tuple(field)}, is {tuple(now.fields[i])}")
        if len(now.fields) > len(was.fields) and not was.sized:
            errors.append(f"{name}: frozen, but it has grown")
    return errors


def load(path: Path = GOLDEN) -> Layout:
    raw = json.loads(path.read_text())
    return {
        name: Struct(entry["size"], entry["sized"], [Field(*field) for field in entry["fields"]])
        for name, entry in raw.items()
    }


def current() -> Layout:
    layout: Layout = {}
    for header in HEADERS:
        layout |= read_layout(INCLUDE / "tensorwright" / header)
    return layout


def dump(layout: Layout) -> str:
    """One line per field, so that a change shows as one line."""
    structs = []
    for name, struct in layout.items():
        fields = ",\n".join(f"      {json.dumps(list(field))}" for field in struct.fields)
        head = f'  "{name}": {{"size": {struct.size}, "sized": {json.dumps(struct.sized)}, "fields": ['
        structs.append(f"{head}\n{fields}\n  ]}}")
    return "{\n" + ",\n".join(structs) + "\n}\n"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    GOLDEN.write_text(dump(current()))
