"""Control flow: ``if``, loops, and the flags that early exits become."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _types as t
from ._compiler import BROKE, CONTINUED, FLAGS, RESULT, RETURNED, STATE, flag
from ._conditions import condition, refined, truth
from ._expressions import assign, expression
from ._iterate import iteration_of
from ._statements import statement
from ._values import NONE, Iteration, Thing, Undefined, Value, constant
from ._with import enter_mode, with_statement

if TYPE_CHECKING:
    from ._compiler import Compiler
    from ._source import Source

_EXITS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_GROWS = frozenset(["append", "extend", "insert", "pop", "remove", "clear", "popitem", "update", "setdefault"])


def block(c: Compiler, statements: list[ast.stmt]) -> None:
    """Statements in order; those after an exit that only some runs take are under its flag."""
    for k, node in enumerate(statements):
        if c.dead:
            return
        rest = statements[k + 1 :]
        if isinstance(node, ast.If):
            if _if_statement(c, node, rest):
                return
        elif isinstance(node, ast.With):
            with_statement(c, node, block)
        elif isinstance(node, (ast.For, ast.While)):
            with c.at(node):
                _for_statement(c, node) if isinstance(node, ast.For) else _while_statement(c, node)
        else:
            statement(c, node)
        exited = _exit_flag(c)
        if exited is not None and rest and not c.dead:
            _guarded(c, exited, rest)
            return


def _exit_flag(c: Compiler) -> Value | None:
    """Whether an earlier statement of the block has left it, where only a run knows."""
    combined: Value | None = None
    for name in FLAGS:
        value = flag(c.env, name)
        if not value.is_constant:
            combined = value if combined is None else c.b.builtin("or", t.BOOL, combined, value)
    return combined


def _guarded(c: Compiler, exited: Value, rest: list[ast.stmt]) -> None:
    def leave() -> None:
        c.dead = True

    with c.at(rest[0]):
        c.choose(exited, leave, lambda: block(c, rest), rest[0])
    c.dead = False


def always_exits(statements: list[ast.stmt]) -> bool:
    """Whether no run comes to the end of the statements."""
    for node in statements:
        if isinstance(node, _EXITS):
            return True
        if isinstance(node, ast.If) and always_exits(node.body) and always_exits(node.orelse):
            return True
        if isinstance(node, ast.While) and _is_endless(node):
            return True
        if isinstance(node, ast.With) and always_exits(node.body):
            return True
    return False


def _is_endless(node: ast.While) -> bool:
    """``while True`` that only a ``return`` leaves."""
    return isinstance(node.test, ast.Constant) and bool(node.test.value) and not _has(ast.Break, node.body)


def _if_statement(c: Compiler, node: ast.If, rest: list[ast.stmt]) -> bool:
    """True if the rest of the block was compiled too, inside of one side."""
    test = condition(c, node.test)
    if test.value.is_constant:
        taken = node.body if test.value.arg else node.orelse
        refined(c, test.if_true if test.value.arg else test.if_false)
        block(c, [*taken, *rest])
        return True
    body, orelse, whole = node.body, node.orelse, True
    if always_exits(body):
        orelse = [*orelse, *rest]
    elif orelse and always_exits(orelse):
        body = [*body, *rest]
    else:
        whole = False

    def side(statements: list[ast.stmt], narrowed: dict[str, t.Type]) -> Callable[[], None]:
        def run() -> None:
            refined(c, narrowed)
            block(c, statements)

        return run

    with c.at(node):
        c.choose(test.value, side(body, test.if_true), side(orelse, test.if_false), node)
    return whole


# ---- loops ------------------------------------------------------------------------------------------------------


def stored_names(nodes: list[ast.stmt]) -> list[str]:
    """Names that the statements assign."""
    names: dict[str, None] = {}
    for node in nodes:
        for inner in _walk(node):
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                names[inner.id] = None
    return list(names)


def _walk(node: ast.AST) -> list[ast.AST]:
    """All nodes but those of functions and comprehensions, which have names of their own."""
    found: list[ast.AST] = [node]
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.DictComp, ast.GeneratorExp)):
            found += _walk(child)
    return found


def _has(kind: type[ast.stmt], nodes: list[ast.stmt]) -> bool:
    """Whether the statements hold a ``break`` or ``continue`` of this loop, or a ``return``."""
    for node in nodes:
        if isinstance(node, kind):
            return True
        loop = isinstance(node, (ast.For, ast.While))
        if loop and kind is not ast.Return:
            if _has(kind, node.orelse):  # type: ignore[attr-defined]
                return True
            continue
        for _, inner in ast.iter_fields(node):
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt) and _has(kind, inner):
                return True
    return False


class Loop:
    """What a loop of the graph carries, found by compiling its body until the types hold still."""

    def __init__(self, c: Compiler, node: ast.For | ast.While) -> None:
        self.c, self.node, self.body = c, node, node.body
        self.breaks, self.returns = _has(ast.Break, node.body), _has(ast.Return, node.body)
        stored = stored_names([node])
        self.names = [name for name in stored if self._carriable(name)]
        self.local = [name for name in stored if name not in self.names]
        if self.breaks:
            self.names.append(BROKE)
        if self.returns:
            self.names += [RETURNED, RESULT]

    def _carriable(self, name: str) -> bool:
        thing = self.c.env.get(name)
        return isinstance(thing, Value) or (thing is not None and not isinstance(thing, Undefined))

    @property
    def exits(self) -> bool:
        return self.breaks or self.returns

    def run(self, emit: Callable[[dict[str, t.Type]], tuple[Value, dict[str, Thing]]]) -> None:
        """Emit the loop again with wider types until it gives what it takes."""
        outer_flags = {name: self.c.env.get(name) for name in (BROKE, CONTINUED)}
        self.c.env[BROKE] = constant(False)
        self.c.env.setdefault(RETURNED, constant(False))
        if self.returns:
            self.c.env.setdefault(RESULT, Value(t.NEVER, None))
        types = {name: self.c.as_value(self.c.env[name], self.node).type for name in self.names}
        for _ in range(6):
            op, after = emit(types)
            wider = self._wider(types, after)
            if wider == types and list(wider) == self.names:
                self._finish(op, types, outer_flags)
                return
            self.c.b.erase(op)
            types, self.names = wider, list(wider)
        raise self.c.error("the types of the values that this loop carries do not settle", self.node)

    def _wider(self, types: dict[str, t.Type], after: dict[str, Thing]) -> dict[str, t.Type]:
        wider = {}
        for name, kind in types.items():
            end = self.c.as_value(after[name], self.node)
            joined = t.join(kind, end.type)
            if joined is None:
                raise self.c.error(
                    f"'{name}' is {kind} before the loop and {end.type} after a turn of it",
                    self.node,
                    "keep one type, or use another name inside of the loop",
                )
            wider[name] = joined
        for name, thing in after.items():  # attributes of modules that the body assigns
            if name.startswith(STATE) and name not in types and thing is not self.c.env.get(name, self.c.state[name]):
                self.c.env.setdefault(name, self.c.state[name])
                wider[name] = self.c.as_value(self.c.env[name], self.node).type
        return wider

    def _finish(self, op: Value, types: dict[str, t.Type], outer_flags: dict[str, Thing | None]) -> None:
        c = self.c
        for place, (name, kind) in enumerate(types.items(), self.hidden):
            c.env[name] = c.b.node("tuple.get", [op.arg, place], kind)
        for name in self.local:
            if name not in c.env or isinstance(c.env[name], Undefined):
                c.env[name] = Undefined(
                    f"'{name}' has no value where the loop takes no turn", f"assign '{name}' before the loop"
                )
        self.broke = flag(c.env, BROKE)
        for name, thing in outer_flags.items():
            if thing is None:
                c.env.pop(name, None)
            else:
                c.env[name] = thing

    hidden = 0  # carried values in front of the names: the counter of a loop that may end early

    def parameters(self, types: dict[str, t.Type]) -> None:
        """The carried values at the head of a region."""
        for name, kind in types.items():
            label = name.strip("%@")
            self.c.env[name] = self.c.b.node("placeholder", [], kind, target=label, label=label)

    def turn(self) -> None:
        """The body, once."""
        for name in (BROKE, RETURNED, CONTINUED):  # else no run comes here
            self.c.env[name] = constant(False)
        block(self.c, self.body)
        self.c.env.pop(CONTINUED, None)

    def goes_on(self) -> Value | None:
        """Whether nothing has left the loop, or None if nothing can."""
        left: Value | None = None
        for name in (BROKE, RETURNED):
            if name in self.names:
                value = flag(self.c.env, name)
                left = value if left is None else self.c.b.builtin("or", t.BOOL, left, value)
        return None if left is None else self.c.b.builtin("not", t.BOOL, left)

    def guarded_condition(self, test: Callable[[], Value]) -> Value:
        """The loop's own condition, not looked at once something has left the loop."""
        goes_on = self.goes_on()
        if goes_on is None:
            return test()
        chosen = self.c.choose(goes_on, test, lambda: constant(False), self.node)
        assert isinstance(chosen, Value)
        return chosen

    def otherwise(self) -> None:
        """The ``else`` of the loop, where no ``break`` was taken."""
        orelse = self.node.orelse
        if not orelse:
            return
        if self.broke.is_constant:
            block(self.c, orelse)
        else:
            self.c.choose(self.broke, lambda: None, lambda: block(self.c, orelse), self.node)


def _initial(loop: Loop, types: dict[str, t.Type]) -> list[object]:
    return [loop.c.as_value(loop.c.env[name], loop.node).arg for name in types]


def _yield(loop: Loop, types: dict[str, t.Type], first: list[Value] | None = None) -> None:
    values = [loop.c.as_value(loop.c.env[name], loop.node) for name in types]
    loop.c.b.node("yield", [v.arg for v in [*(first or []), *values]])


def _while_statement(c: Compiler, node: ast.While) -> None:
    loop = Loop(c, node)

    def emit(types: dict[str, t.Type]) -> tuple[Value, dict[str, Thing]]:
        op = c.b.node("while", _initial(loop, types), t.TupleType(tuple(types.values())))

        def test() -> Value:
            return truth(c, expression(c, node.test), node.test)

        def head() -> None:
            loop.parameters(types)
            c.b.node("yield", [loop.guarded_condition(test).arg])

        narrowed: dict[str, t.Type] = {}

        def body() -> None:
            loop.parameters(types)
            narrowed.update(condition(c, node.test, only_types=True).if_true)
            refined(c, narrowed)
            loop.turn()
            _yield(loop, types)

        c.way(c.b.add_region(op), head)
        return op, c.way(c.b.add_region(op), body).env

    loop.run(emit)
    loop.otherwise()
    if _is_endless(node):
        c.env[RETURNED], c.dead = constant(True), True


def _for_statement(c: Compiler, node: ast.For) -> None:
    iteration = iteration_of(c, expression(c, node.iter), node.iter)
    if iteration.items is not None:
        _unrolled(c, node, iteration.items)
        return
    grows = iteration.live is not None and any(
        isinstance(n, ast.Attribute) and n.attr in _GROWS for s in node.body for n in ast.walk(s)
    )
    loop = Loop(c, node)
    if loop.exits or grows:
        loop.hidden = 1
        loop.run(lambda types: _emit_for_while(loop, iteration, types))
    else:
        loop.run(lambda types: _emit_for(loop, iteration, types))
    loop.otherwise()


def _emit_for(loop: Loop, iteration: Iteration, types: dict[str, t.Type]) -> tuple[Value, dict[str, Thing]]:
    c, node = loop.c, loop.node
    assert isinstance(node, ast.For)
    assert iteration.count is not None
    assert iteration.at is not None
    op = c.b.node("for", [iteration.count.arg, *_initial(loop, types)], t.TupleType(tuple(types.values())))

    def body() -> None:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        loop.parameters(types)
        assign(c, node.target, iteration.at(place), node)  # type: ignore[misc]
        loop.turn()
        _yield(loop, types)

    return op, c.way(c.b.add_region(op), body).env


def _emit_for_while(loop: Loop, iteration: Iteration, types: dict[str, t.Type]) -> tuple[Value, dict[str, Thing]]:
    """A counted loop that may end early: the count is one more carried value."""
    c, node = loop.c, loop.node
    assert isinstance(node, ast.For)
    assert iteration.count is not None
    assert iteration.at is not None
    op = c.b.node("while", [0, *_initial(loop, types)], t.TupleType((t.INT, *types.values())))

    def counter() -> Value:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        loop.parameters(types)
        return place

    def head() -> None:
        place = counter()

        def test() -> Value:
            count = iteration.live() if iteration.live is not None else iteration.count
            assert count is not None
            return c.b.builtin("lt", t.BOOL, place, count)

        c.b.node("yield", [loop.guarded_condition(test).arg])

    def body() -> None:
        place = counter()
        following = c.b.builtin("add", t.INT, place, constant(1))
        assign(c, node.target, iteration.at(place), node)  # type: ignore[misc]
        loop.turn()
        _yield(loop, types, [following])

    c.way(c.b.add_region(op), head)
    return op, c.way(c.b.add_region(op), body).env


def _unrolled(c: Compiler, node: ast.For, items: list[Thing]) -> None:
    """A loop over things that the compiler knows apart: the body once for each."""
    outer = {name: c.env.get(name) for name in (BROKE, CONTINUED)}
    c.env[BROKE] = constant(False)

    def turns(k: int) -> None:
        if k == len(items):
            if node.orelse:
                block(c, node.orelse)
            return
        c.env[CONTINUED] = constant(False)
        assign(c, node.target, items[k], node)
        block(c, node.body)
        _after_turn(c, node, lambda: turns(k + 1))

    turns(0)
    for name, thing in outer.items():
        if thing is None:
            c.env.pop(name, None)
        else:
            c.env[name] = thing


def _after_turn(c: Compiler, node: ast.For, rest: Callable[[], None]) -> None:
    """Go on with the next turn, unless this one has left the loop."""
    broke, returned = flag(c.env, BROKE), flag(c.env, RETURNED)
    if c.raised or broke.arg is True or returned.arg is True:
        c.dead = c.raised or returned.arg is True
        return
    c.dead = False
    left = [value for value in (broke, returned) if not value.is_constant]
    if not left:
        rest()
        return
    exited = left[0] if len(left) == 1 else c.b.builtin("or", t.BOOL, left[0], left[1])

    def leave() -> None:
        c.dead = True

    c.choose(exited, leave, rest, node)
    c.dead = False


def function_body(c: Compiler, source: Source) -> Thing:
    """The body of a function, inside of what its decorators enter, and what it returns."""
    statements = source.body
    leave = [enter_mode(c, mode, source.tree) for mode in source.modes]
    c.env[RETURNED] = constant(False)
    c.env[RESULT] = Value(t.NEVER, None)
    if not always_exits(statements):
        last = statements[-1]
        end = ast.copy_location(ast.Return(None), last)
        end.col_offset, end.lineno = last.col_offset, last.lineno
        statements = [*statements, end]
    block(c, statements)
    for mode in leave if not c.raised else []:
        mode()
    return c.env.get(RESULT, NONE)
