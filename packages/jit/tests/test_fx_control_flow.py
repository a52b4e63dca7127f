"""Control flow of programs: regions as graphs, printed as Python, run, changed, copied."""

from __future__ import annotations

import copy
import operator
import pickle

import pytest
import tensorwright as tw
from tensorwright import fx

TEXT = """
func @forward(%c: bool, %x: tensor<float32, ?>, %n: int) {
  %k: object = tw::exp(%x)
  %r: tuple<object> = if(%c) {
    %a: object = tw::sin(%x)
    yield(%a)
  } {
    %u: object = tw::add(%k, 1)
    %in: tuple<object> = if(%c) { yield(%u) } { %d: object = tw::mul(%u, %x) yield(%d) }
    %i0: object = tuple.get(%in, 0)
    yield(%i0)
  }
  %y: object = tuple.get(%r, 0)
  %w: tuple<object> = while(%y) (%p: object) {
    %m: object = tw::max(%p)
    %g: object = tw::lt(%m, 100.0)
    yield(%g)
  } (%b: object) {
    %q: object = tw::mul(%b, 2)
    %q2: object = tw::add(%q, %x)
    yield(%q2)
  }
  %z: object = tuple.get(%w, 0)
  %f: tuple<object> = for(%n, %z) (%i: int, %s: object) { %t: object = tw::add(%s, %i) yield(%t) }
  %v: object = tuple.get(%f, 0)
  assert(%n, "none")
  %o: object = call @other(%v)
  return(%o)
}
func @other(%x: object) { %w: object = get_attr @w() %y: object = tw::mul(%x, %w) return(%y) }
"""

CODE = """
def forward(self, c, x, n):
    k = tw.exp(x)
    if c:
        a = tw.sin(x)
        r = (a,)
    else:
        u = tw.add(k, 1)
        if c:
            in_1 = (u,)
        else:
            d = tw.mul(u, x)
            in_1 = (d,)
        i0 = in_1[0]
        r = (i0,)
    c = k = None
    y = r[0];  r = None
    w = (y,)
    while True:
        p, = w
        m = tw.max(p)
        g = tw.lt(m, 100.0)
        if not g:
            break
        b, = w
        q = tw.mul(b, 2)
        q2 = tw.add(q, x)
        w = (q2,)
    y = x = None
    z = w[0];  w = None
    f = (z,)
    for i in range(int(n)):
        s, = f
        t = tw.add(s, i)
        f = (t,)
    z = None
    v = f[0];  f = None
"""


@pytest.fixture
def program() -> tw.jit.Program:
    program = tw.jit.parse(TEXT)
    program.set_attribute("w", tw.tensor([2.0]))
    return program


@pytest.mark.parametrize("c", [True, False])
@pytest.mark.parametrize("n", [1, 3])
def test_code_and_interpreter_agree_with_the_program(program: tw.jit.Program, c: bool, n: int) -> None:
    graph = fx.Graph.over(program)
    graph.lint()
    module = fx.GraphModule({}, graph)
    x = tw.rand(3)
    wanted = program.run("forward", c, x, n)
    assert module.code.strip().startswith(CODE.strip())
    assert bool((module(c, x, n) == wanted).all())
    assert bool((fx.Interpreter(module).run(c, x, n) == wanted).all())
    with pytest.raises(AssertionError, match="none"):
        module(c, x, 0)


def test_regions_are_graphs_of_their_own(program: tw.jit.Program) -> None:
    graph = fx.Graph.over(program)
    branch = next(node for node in graph.nodes if node.regions)
    assert (str(branch.target), branch.op) == ("<if>", "call_function")
    then, otherwise = branch.regions
    assert branch.regions[0] is then
    assert [node.name for node in then.nodes] == ["a", "yield_1"]
    assert [node.name for node in otherwise.nodes] == ["u", "in_1", "i0", "yield_4"]
    k = next(iter(graph.find_nodes(op="call_function", target=tw.exp)))
    (user,) = k.users
    assert user.graph is otherwise
    assert user.all_input_nodes == [k]
    with pytest.raises(RuntimeError, match="k cannot be erased: u uses it"):
        graph.erase_node(k)
    assert not graph.eliminate_dead_code()


def test_edits_inside_of_regions(program: tw.jit.Program) -> None:
    graph = fx.Graph.over(program)
    branch = next(node for node in graph.nodes if node.regions)
    sine = branch.regions[0].find_nodes(op="call_function", target=tw.sin)[0]
    with branch.regions[0].inserting_after(sine):
        new = branch.regions[0].call_function(operator.neg, (sine,))
    sine.replace_all_uses_with(new, lambda user: user is not new)
    assert "neg = -a" in fx.GraphModule({}, graph).code
    program.verify("capture")


def test_copies_bring_regions_and_functions(program: tw.jit.Program) -> None:
    graph = fx.Graph.over(program)
    other = copy.deepcopy(graph)
    other.program.verify("capture")
    x = tw.rand(3)
    assert other.program.functions == ("forward", "other")
    assert fx.GraphModule({}, other).code == fx.GraphModule({}, graph).code
    assert bool((other.program.run("forward", True, x, 2) == program.run("forward", True, x, 2)).all())
    with pytest.raises(TypeError, match=r"node r has regions, which pickle does not keep; save .* tw\.jit\.save"):
        pickle.dumps(graph)


def test_control_flow_is_no_function() -> None:
    with pytest.raises(NotImplementedError, match="'if' is no function of Python"):
        fx.ControlFlow("if", None)()
