"""Exported programs: a graph, what its inputs must be, and what became of the module's tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tensorwright import Tensor
from tensorwright._tree import LEAF, Structure, flatten
from tensorwright.export._specification import Specification
from tensorwright.fx._capture import module_of
from tensorwright.fx._modules import Module, set_path
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.jit._program import Program
from tensorwright.jit._trace import Captured


@dataclass(frozen=True)
class GraphSignature:
    """What the parameters, attributes and results of the graph are to its caller.

    Attributes:
        parameters: paths of the attributes that are parameters of the module.
        buffers: those that are buffers.
        constants: other tensors that the function used.
        user_inputs: names of the graph's parameters, in order.
        user_outputs: how many results it gives.
        buffers_to_mutate: paths of attributes that a run writes into, as running statistics.
        user_inputs_to_mutate: names of the inputs that a run writes into.
    """

    parameters: tuple[str, ...]
    buffers: tuple[str, ...]
    constants: tuple[str, ...]
    user_inputs: tuple[str, ...]
    user_outputs: int
    buffers_to_mutate: tuple[str, ...] = ()
    user_inputs_to_mutate: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arguments:
    """How a call's arguments become the inputs of the graph.

    Attributes:
        names: of the parameters, in order.
        structure: how the dict of all arguments by name nests.
        constants: values that are no tensors, by the number of the leaf: a call must give the same ones.
    """

    names: tuple[str, ...]
    structure: Structure
    constants: dict[int, Any]

    @cached_property
    def _plain(self) -> bool:
        """Whether the arguments are the inputs."""
        return not self.constants and all(child.kind is None for child in self.structure.children)

    def tensors(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The inputs of the graph.

        Raises:
            TypeError: for a wrong number or nesting of arguments.
            ValueError: if a constant has another value than in the example.
        """
        if self._plain and not kwargs and len(args) == len(self.names):
            return list(args)
        if len(args) > len(self.names):
            raise TypeError(f"forward: takes {len(self.names)} arguments, got {len(args)}")
        given = dict(zip(self.names, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise TypeError(f"forward: got argument '{twice.pop()}' twice")
        given.update(kwargs)
        if given.keys() != set(self.names):
            missing = [name for name in self.names if name not in given]
            unknown = [name for name in given if name not in self.names]
            said = [f"argument '{missing[0]}' is missing"] if missing else []
            raise TypeError("forward: " + ", ".join(said or [f"there is no argument '{unknown[0]}'"]))
        leaves, structure = flatten({name: given[name] for name in self.names})
        if structure != self.structure:
            raise TypeError("forward: the arguments are nested in another way than the ones it was exported with")
        for place, value in self.constants.items():
            if isinstance(leaves[place], Tensor) or leaves[place] != value:
                raise ValueError(
                    f"forward: an argument that is no tensor was {value!r} when the program was exported, which is a "
                    f"constant of it; got {leaves[place]!r}"
                )
        return [leaf for place, leaf in enumerate(leaves) if place not in self.constants]


class ExportedModule(Module):
    """A module that runs an exported program: its parameters and buffers are where they were in the original."""

    _exported: ExportedProgram

    def __init__(self, exported: ExportedProgram) -> None:
        super().__init__()
        for path, tensor in exported.program.attributes.items():
            set_path(self, path, tensor)
        object.__setattr__(self, "_exported", exported)  # no part of the tree of modules

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the exported function gives.

        Raises:
            TypeError: for arguments of another number or nesting.
            ValueError: for sizes that the program is not for.
        """
        return self._exported(*args, **kwargs)

    @property
    def graph(self) -> Graph:
        """The graph that runs, as nodes."""
        return self._exported.graph


class ExportedProgram:
    """A function as one graph for a range of sizes; :func:`tensorwright.export.export` makes it.

    Attributes:
        program: holds the graph, functional, as function ``forward``.
        arguments: how a call's arguments become its inputs.
        sizes: what is known of the sizes of the inputs.
        output: how its results are nested.
        graph_signature: what its parameters, attributes and results are.
    """

    def __init__(
        self,
        program: Program,
        arguments: Arguments,
        sizes: Specification,
        output: Structure,
        graph_signature: GraphSignature,
    ) -> None:
        self.program = program
        self.arguments = arguments
        self.sizes = sizes
        self.output = output
        self.graph_signature = graph_signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program.

        Raises:
            TypeError: for arguments of another number or nesting, or another dtype.
            ValueError: for sizes that the program is not for; names the argument and the dimension.
        """
        return self.run(self.arguments.tensors(args, kwargs))

    def run(self, tensors: list[Any]) -> Any:
        """Run the program on the flat inputs of the graph."""
        result = self.program.native("run_checked", "forward", tensors)
        return self.output.build(result if isinstance(result, tuple) else (result,))

    # ---- what it is made of --------------------------------------------------------------------------------------

    @property
    def range_constraints(self) -> dict[str, tuple[int, int | None]]:
        """For each size with a name the smallest and the largest value, None where there is no largest."""
        return {name: (symbol.low, symbol.high) for name, symbol in self.sizes.symbols.items()}

    @property
    def captured(self) -> Captured:
        """The graph with flat inputs, as the functions of :mod:`tensorwright.jit` take it."""
        inputs = Structure(tuple, (), (LEAF,) * len(self.graph_signature.user_inputs))
        return Captured(self.program, inputs, self.output)

    @property
    def graph(self) -> Graph:
        """The graph as nodes; what is changed in it is changed in the program."""
        return Graph.over(self.program)

    @property
    def graph_module(self) -> GraphModule:
        """A module of the graph's printed code, which takes the flat inputs."""
        return module_of(self.captured)

    @property
    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and buffers by path."""
        wanted = {*self.graph_signature.parameters, *self.graph_signature.buffers}
        return {path: tensor for path, tensor in self.program.attributes.items() if path in wanted}

    @property
    def constants(self) -> dict[str, Tensor]:
        """Other tensors that the function used."""
        return {path: self.program.attributes[path] for path in self.graph_signature.constants}

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters of the module, by path."""
        attributes = self.program.attributes
        return ((path, attributes[path]) for path in self.graph_signature.parameters)

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Buffers of the module, by path."""
        attributes = self.program.attributes
        return ((path, attributes[path]) for path in self.graph_signature.buffers)

    def parameters(self) -> Iterator[Tensor]:
        """Parameters of the module."""
        return (tensor for _, tensor in self.named_parameters())

    def buffers(self) -> Iterator[Tensor]:
        """Buffers of the module."""
        return (tensor for _, tensor in self.named_buffers())

    # ---- what can be done with it --------------------------------------------------------------------------------

    def module(self) -> ExportedModule:
        """A module that runs the program and can be trained where the original could."""
        return ExportedModule(self)

    def run_decompositions(self) -> ExportedProgram:
        """The same program over primitive ops, for the same sizes.

        Ops for which it depends on sizes what they run (recurrent layers, of the length) stay as they are.
        """
        from tensorwright.export._export import decomposed

        return decomposed(self)

    def __str__(self) -> str:
        return str(self.program)

    def __repr__(self) -> str:
        return f"<ExportedProgram\n{self}>"
