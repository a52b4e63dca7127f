"""Exported programs in archives: the graph's own, with what its caller must know beside it."""

from __future__ import annotations

import os
from typing import Any

import tensorwright as tw
from tensorwright._tree import Structure
from tensorwright.export._program import Arguments, ExportedProgram, GraphSignature
from tensorwright.export._specification import Input, Specification, Symbol
from tensorwright.jit._archive import from_json, read, to_json, write


def save(exported: ExportedProgram, path: str | os.PathLike[str]) -> None:
    """Write a program to an archive, which :func:`load`, :func:`tensorwright.jit.load` and ``libtwrt`` read.

    Args:
        exported: what to save.
        path: conventionally ends in ``.twa``.

    Raises:
        TypeError: if a constant among the arguments is no bool, int, float, str or None.

    Example:
        >>> import os, tempfile
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "double.twa")
        >>> n = tw.export.Dim("n", max=9)
        >>> tw.export.save(tw.export(lambda x: x * 2, (tw.ones(2),), dynamic_shapes=({0: n},)), path)
        >>> tw.export.load(path)(tw.ones(3)).tolist(), tw.export.load(path).range_constraints
        ([2.0, 2.0, 2.0], {'n': (0, 9)})
    """
    captured = exported.captured
    write(path, exported.program, captured.inputs, captured.output, {"export": _description(exported)})


def load(path: str | os.PathLike[str]) -> ExportedProgram:
    """Read a program from an archive; its weights stay in the file until they are used.

    Raises:
        ValueError: if the file is no archive, is damaged, or holds no exported program.
    """
    program, signature = read(path)
    try:
        return _from_description(program, from_json(signature["output"]), signature["export"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{os.fspath(path)}: archive: it holds no exported program ({type(error).__name__}: {error}); "
            "jit.load reads what jit.save has written"
        ) from error


def _description(exported: ExportedProgram) -> dict[str, Any]:
    for value in exported.arguments.constants.values():
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise TypeError(f"save: an argument that is a constant of the program cannot be saved: {value!r}")
    signature = exported.graph_signature
    return {
        "arguments": {
            "names": exported.arguments.names,
            "structure": to_json(exported.arguments.structure),
            "constants": list(exported.arguments.constants.items()),
        },
        "symbols": [
            [symbol.name, symbol.example, symbol.low, symbol.high] for symbol in exported.sizes.symbols.values()
        ],
        "inputs": [[item.name, str(item.value.dtype), item.sizes] for item in exported.sizes.tensors],
        "parameters": signature.parameters,
        "buffers": signature.buffers,
        "constants": signature.constants,
        "results": signature.user_outputs,
    }


def _from_description(program: Any, output: Structure, said: dict[str, Any]) -> ExportedProgram:
    arguments = said["arguments"]
    symbols = {name: Symbol(name, example, low, high, firm=True) for name, example, low, high in said["symbols"]}
    inputs = [_input(name, dtype, sizes, symbols) for name, dtype, sizes in said["inputs"]]
    written_inputs, written_attributes = program.native("updates", "forward")
    signature = GraphSignature(
        parameters=tuple(said["parameters"]),
        buffers=tuple(said["buffers"]),
        constants=tuple(said["constants"]),
        user_inputs=tuple(item.name for item in inputs),
        user_outputs=said["results"],
        buffers_to_mutate=tuple(written_attributes),
        user_inputs_to_mutate=tuple(written_inputs),
    )
    return ExportedProgram(
        program,
        Arguments(tuple(arguments["names"]), from_json(arguments["structure"]), dict(arguments["constants"])),
        Specification(inputs, symbols),
        output,
        signature,
    )


def _input(name: str, dtype: str, sizes: list[Any], symbols: dict[str, Symbol]) -> Input:
    """An input without values: a tensor on the meta device."""
    known: list[int | tuple[str, int, int]] = [size if isinstance(size, int) else tuple(size) for size in sizes]
    example = [size if isinstance(size, int) else size[1] * symbols[size[0]].example + size[2] for size in known]
    kind = getattr(tw, dtype.rpartition(".")[2])
    return Input(name, tw.empty(example, dtype=kind, device="meta"), known)
