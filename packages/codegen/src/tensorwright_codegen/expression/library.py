"""Scalar functions written in the expression language: files of definitions, typed on demand."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .builder import Literal, ProgramBuilder, Typed, Value, describe
from .complex_parts import PART_FORMS
from .ir import ExpressionError, Function, Location, Operand, ScalarType
from .lowering import SPECIAL_FORMS, Binding, Lowering
from .primitives import PRIMITIVES

# A definition written with one of these has one instance for each of the types.
# Beside C, F is the type of its parts.
TYPE_VARIABLES: dict[str, tuple[ScalarType, ...]] = {
    "C": (ScalarType.C32, ScalarType.C64),
    "T": (ScalarType.F32, ScalarType.F64, ScalarType.I32, ScalarType.I64, ScalarType.U64),
    "F": (ScalarType.F32, ScalarType.F64),
    "I": (ScalarType.I32, ScalarType.I64, ScalarType.U64),
}


@dataclass(frozen=True)
class Definition:
    """One `def` of a library file. Annotations are type names or one type variable."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    returns: str
    doc: str
    location: Location
    node: ast.FunctionDef = field(compare=False, repr=False)

    def bindings(self) -> Iterator[dict[str, ScalarType]]:
        """Every assignment of types to the definition's type variable; one empty one if it has none."""
        used = [name for name in TYPE_VARIABLES if name in {self.returns, *(kind for _, kind in self.parameters)}]
        if not used:
            yield {}
        for name in used[:1]:
            for scalar in TYPE_VARIABLES[name]:
                yield {name: scalar, "F": scalar.part} if name == "C" else {name: scalar}

    def types(self, binding: Mapping[str, ScalarType]) -> tuple[ScalarType, ...]:
        return tuple(binding[kind] if kind in binding else ScalarType.parse(kind) for _, kind in self.parameters)


@dataclass(frozen=True)
class Library:
    """Definitions by name and the constants of each file. Equal texts give equal libraries."""

    definitions: Mapping[str, tuple[Definition, ...]]
    constants: Mapping[str, Mapping[str, Binding]]
    _instances: dict[tuple[str, tuple[ScalarType, ...]], Function | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def names(self) -> Sequence[str]:
        return tuple(self.definitions)

    def overloads(self, name: str) -> Iterator[tuple[Definition, dict[str, ScalarType]]]:
        """Every typed form of a function, those written for one type before generic ones."""
        found = [(item, binding) for item in self.definitions[name] for binding in item.bindings()]
        yield from sorted(found, key=lambda pair: bool(pair[1]))

    def resolve(self, name: str, args: Sequence[Value], location: Location) -> Function:
        """The instance of `name` for these arguments; literals fit any number type."""
        forms = [(item, binding, item.types(binding)) for item, binding in self.overloads(name)]
        matches = [(item, binding) for item, binding, types in forms if _fits(args, types)]
        if not matches:  # a literal is real where it can be
            matches = [(item, binding) for item, binding, types in forms if _fits(args, types, complex_literals=True)]
        given = ", ".join(describe(arg) for arg in args)
        if not matches:
            raise ExpressionError(location, f"no {name}({given}); there is {self._signatures(name)}")
        distinct = {item.types(binding) for item, binding in matches}
        if len(distinct) > 1:
            raise ExpressionError(location, f"{name}({given}) is ambiguous; give an argument a type, as in T(1)")
        return self.instance(*matches[0])

    def function(self, name: str, *types: ScalarType) -> Function:
        """The instance of `name` for exactly these parameter types."""
        args = [Typed(0, scalar) for scalar in types]
        if name not in self.definitions:
            raise KeyError(f"no function {name!r} in the library")
        return self.resolve(name, args, self.definitions[name][0].location)

    def instances(self) -> list[Function]:
        """Every instance that type-checks, callees before callers."""
        ordered: dict[object, Function] = {}
        for name in self.definitions:
            for item, binding in self.overloads(name):
                function = self._instance_or_none(item, binding)
                if function is not None:
                    for needed in (*function.program.callees(), function):
                        ordered.setdefault(needed.key, needed)
        return list(ordered.values())

    def instance(self, item: Definition, binding: Mapping[str, ScalarType]) -> Function:
        key = (item.name, item.types(binding))
        if key not in self._instances:
            self._instances[key] = None
            try:
                self._instances[key] = self._lower(item, binding)
            finally:
                if self._instances[key] is None:
                    del self._instances[key]
        found = self._instances[key]
        if found is None:
            raise ExpressionError(item.location, f"{item.name} calls itself; recursion is not allowed")
        return found

    def check(self) -> None:
        """Types every definition: T must work for at least one type, everything else for all it declares."""
        for definitions in self.definitions.values():
            for item in definitions:
                errors = [self._error(item, binding) for binding in item.bindings()]
                bad = [error for error in errors if error is not None]
                generic = any("T" in binding for binding in item.bindings())
                if bad and (not generic or len(bad) == len(errors)):
                    raise bad[0]

    def _error(self, item: Definition, binding: Mapping[str, ScalarType]) -> ExpressionError | None:
        try:
            self.instance(item, binding)
        except ExpressionError as error:
            return error
        return None

    def _instance_or_none(self, item: Definition, binding: Mapping[str, ScalarType]) -> Function | None:
        return self.instance(item, binding) if self._error(item, binding) is None else None

    def _lower(self, item: Definition, binding: Mapping[str, ScalarType]) -> Function:
        types = item.types(binding)
        names = [name for name, _ in item.parameters]
        builder = ProgramBuilder([Operand(name, scalar) for name, scalar in zip(names, types, strict=True)])
        constants = {name: value for name, value in self.constants[item.location.file].items() if name not in names}
        file = item.location.file
        lowering = Lowering(builder, binding, constants, self, lambda node: locate_in_file(file, node))
        try:
            result = self._lower_body(item, lowering)
            returns = binding[item.returns] if item.returns in binding else ScalarType.parse(item.returns)
            typed = builder.coerce(result, returns, locate_in_file(file, item.node.body[-1]), f"result of {item.name}")
        except ExpressionError as error:
            suffix = f" [in {item.name}({', '.join(scalar.value for scalar in types)})]"
            message = error.message if " [in " in error.message else error.message + suffix
            raise ExpressionError(error.location, message) from None
        return Function(item.name, builder.finish([typed], [ast.unparse(item.node)]), item.doc, item.location)

    def _lower_body(self, item: Definition, lowering: Lowering) -> Value:
        statements = item.node.body[1:] if item.doc else item.node.body
        for statement in statements[:-1]:
            lowering.assign(statement)
        last = statements[-1] if statements else None
        if not isinstance(last, ast.Return) or last.value is None:
            raise ExpressionError(item.location, f"{item.name}: expected the last statement to be return with a value")
        return lowering.value(last.value)

    def _signatures(self, name: str) -> str:
        forms = {item.types(binding): None for item, binding in self.overloads(name)}
        return ", ".join(f"{name}({', '.join(scalar.value for scalar in types)})" for types in forms)


EMPTY_LIBRARY = Library({}, {})


def _fits(args: Sequence[Value], types: Sequence[ScalarType], *, complex_literals: bool = False) -> bool:
    if len(args) != len(types):
        return False
    return all(
        _literal_fits(arg, scalar, complex_literals) if isinstance(arg, Literal) else arg.type is scalar
        for arg, scalar in zip(args, types, strict=True)
    )


def _literal_fits(literal: Literal, scalar: ScalarType, complex_literals: bool) -> bool:
    return scalar.is_number != isinstance(literal.value, bool) and (complex_literals or not scalar.is_complex)


def locate_in_file(file: str, node: ast.AST) -> Location:
    return Location(file, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)


def parse_function_library(paths: Iterable[Path | str]) -> Library:
    """Reads and type-checks library files.

    Raises ExpressionError, naming file, line and column, for anything that is not a valid definition.
    """
    definitions: dict[str, tuple[Definition, ...]] = {}
    constants: dict[str, dict[str, Binding]] = {}
    for path in paths:
        _read_file(Path(path), definitions, constants)
    library = Library(definitions, constants)
    library.check()
    return library


def _read_file(
    path: Path, definitions: dict[str, tuple[Definition, ...]], constants: dict[str, dict[str, Binding]]
) -> None:
    file = str(path)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), file)
    except SyntaxError as error:
        raise ExpressionError(Location(file, error.lineno or 1, error.offset or 1), error.msg) from None
    top = Lowering(ProgramBuilder(()), {}, {}, EMPTY_LIBRARY, lambda node: locate_in_file(file, node))
    for position, statement in enumerate(tree.body):
        if isinstance(statement, ast.FunctionDef):
            _add_definition(_definition(file, statement), definitions)
        elif not (position == 0 and _is_docstring(statement)):
            top.assign(statement)
    constants[file] = top.names


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _add_definition(item: Definition, definitions: dict[str, tuple[Definition, ...]]) -> None:
    of_complex = any(kind in ("C", "c32", "c64") for _, kind in item.parameters)
    if item.name in (*SPECIAL_FORMS, *PART_FORMS) or (item.name in PRIMITIVES and not of_complex):
        raise ExpressionError(item.location, f"{item.name} is a primitive; name the function otherwise")
    mine = {item.types(binding) for binding in item.bindings()}
    for other in definitions.get(item.name, ()):
        theirs = {other.types(binding) for binding in other.bindings()}
        both_concrete = len(mine) == len(theirs) == 1
        if mine == theirs or (both_concrete and mine & theirs):
            raise ExpressionError(item.location, f"{item.name} is already defined for these types at {other.location}")
    definitions[item.name] = (*definitions.get(item.name, ()), item)


def _definition(file: str, node: ast.FunctionDef) -> Definition:
    arguments = node.args
    extras = [*arguments.posonlyargs, *arguments.kwonlyargs, *arguments.defaults, arguments.vararg, arguments.kwarg]
    location = locate_in_file(file, node)
    if any(extra is not None for extra in extras) or node.decorator_list:
        raise ExpressionError(location, f"{node.name}: expected plain parameters only, as in def f(x: f32) -> f32")
    parameters = tuple((arg.arg, _annotation(file, arg, arg.annotation)) for arg in arguments.args)
    returns = _annotation(file, node, node.returns)
    variables = {kind for kind in (returns, *(kind for _, kind in parameters)) if kind in TYPE_VARIABLES}
    if len(variables - ({"F"} if "C" in variables else set())) > 1 or (
        returns in TYPE_VARIABLES and not variables & {kind for _, kind in parameters}
    ):
        raise ExpressionError(location, f"{node.name}: expected one type variable, used by a parameter")
    return Definition(node.name, parameters, returns, ast.get_docstring(node) or "", location, node)


def _annotation(file: str, owner: ast.AST, annotation: ast.expr | None) -> str:
    names = [scalar.value for scalar in ScalarType] + list(TYPE_VARIABLES)
    if isinstance(annotation, ast.Name) and annotation.id in names:
        return annotation.id
    place = locate_in_file(file, owner if annotation is None else annotation)
    got = "nothing" if annotation is None else ast.unparse(annotation)
    raise ExpressionError(place, f"expected a type, one of {', '.join(names)}, got {got}")
