"""Finds arithmetic that could overflow: sums, products and negations of numbers that a caller gives.

An integer of a call, or an element of a list of them, is *free*: any of 2^64 values. So is what is computed from it,
until something bounds it: a constraint of the op's facet, `std::clamp`, `std::min` and `std::max` with what is not
free, a comparison that leaves the function or leads to the place, or a function of BOUNDING. Each side is bounded by
itself. Arithmetic on a number that is free on either side must be written with `checked::` (tensorwright/checked.hpp);
what that gives does not overflow, but is free again. Numbers are followed through variables, fields of structs,
results of functions and lambdas, and into the functions of the same package that they are handed to; ops check what
they are given. Numbers that come from Python objects are free where they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..facets import Kind, Op, OpSet, Type
from .declarations import Function, is_integer
from .evaluate import Finding
from .facts import FREE, HIGH, LOW, Facts
from .walk import Walk


def find_unchecked(paths: Iterable[Path], ops: OpSet | Sequence[Op], entries: Iterable[str] = ()) -> list[Finding]:
    """What the files of one package do with the arguments of ops, of the functions `entries`, and of those of rules."""
    facts = Facts(paths)
    by_symbol = {op.symbol: op for op in ops}
    every = frozenset(entries)  # generated code calls them with a caller's numbers
    for function in facts.functions:
        op = None if function.is_local or function.owner else by_symbol.get(function.name)
        for name, bits in free_arguments(op, function).items() if op is not None else ():
            facts.add(function, name, bits)
        is_entry = function.name in every or function.path.stem == "rules"
        for parameter in function.parameters if is_entry and not function.owner else ():
            if is_integer(parameter.type):
                facts.add(function, parameter.name, FREE)
    facts.changed = True
    while facts.changed:  # until nobody hands on anything new
        facts.changed = False
        walks = [Walk(function, facts) for function in facts.functions]
    found = {finding for walk in walks for finding in walk.findings}
    return sorted(found, key=lambda f: (f.path, f.line, f.text))


def free_arguments(op: Op, function: Function) -> dict[str, int]:
    """The integers of an op, as its constraints leave them. A kernel's result exists: so do the sizes in its shape."""
    rules = [constraint.rule.text for constraint in op.where]
    sizes = " ".join(rule.text for rule in op.shape) if op.kind is Kind.KERNEL else ""
    found = {}
    for arg, parameter in zip(op.schema.args, function.parameters, strict=False):
        same_kind = (arg.type is Type.INTS) == ("int64_t" not in parameter.type)
        if is_integer(parameter.type) and same_kind and not is_size(arg.name, sizes):
            found[parameter.name] = FREE & ~bounded_sides(arg.name, rules)
    return {name: bits for name, bits in found.items() if bits}


def is_size(name: str, shapes: str) -> bool:
    """Whether it is a shape itself, or an element of a list that is one."""
    return re.search(rf"(^|[\[,+] ?){name}( ?[\],+]|$)", shapes) is not None


def bounded_sides(name: str, rules: Sequence[str]) -> int:
    """What constraints say of an integer, or of each element of a list `... for x in name`."""
    bits = 0
    for rule in rules:
        if re.search(rf"min\({name}\) >=? ", rule):
            bits |= LOW
        if re.search(rf"max\({name}\) <=? ", rule):
            bits |= HIGH
        names = {name, *re.findall(rf"for (\w+) in {name}\b", rule)}
        for word in names:
            w = rf"(?<![\w.]){word}(?![\w.(\[])"
            if re.search(rf"normalize_dims?\({word}\b", rule) or re.search(rf"{w} in \[", rule):
                bits |= FREE
            if re.search(rf"{w} (>=?|==) |(<=?|==) {w}", rule):
                bits |= LOW
            if re.search(rf"{w} (<=?|==) |(>=?|==) {w}", rule):
                bits |= HIGH
    return bits


def check_packages(packages: Path, ops: OpSet) -> list[Finding]:
    """The findings in all native packages. The structs of the C ABI describe tensors that exist: their sizes fit."""
    found = []
    for package in sorted(path.parent for path in packages.glob("*/csrc") if path.is_dir()):
        files = [path for folder in ("csrc", "include") for path in (package / folder).rglob("*")]
        paths = [path for path in files if path.suffix in (".cpp", ".h", ".hpp") and path.name != "tw_abi.h"]
        found += find_unchecked(paths, ops if (package / "ops").is_dir() else (), formulas_of(package))
    return found


def formulas_of(package: Path) -> set[str]:
    """The functions that a package's facets call, derivatives above all. Constraints call those of rules.h alone."""
    texts = [path.read_text() for path in package.glob("*/*.yaml") if path.parent.name != "ops"]
    return {name for text in texts for name in re.findall(r"(\w+)\(", text)}
