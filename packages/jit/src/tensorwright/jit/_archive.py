"""Archives of captured functions: what is saved here runs in any process that has libtwrt, with Python or without."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import tensorwright
from tensorwright._files import replacing
from tensorwright._tree import LEAF, NODES, Structure
from tensorwright.jit import _library
from tensorwright.jit._program import Program
from tensorwright.jit._script import ScriptFunction, ScriptModule
from tensorwright.jit._trace import Captured

_load = _library.op("load")
_add_upgrader = _library.op("add_upgrader")

FORMAT = 1
ALIGNMENT = 64  # of entries: mapped weights suit vector instructions
_PADDING_ID = 0x7477  # an extra field of zip that readers skip
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # entries carry no time: the same program gives the same bytes
_KINDS: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict}


# ---- structures as JSON ---------------------------------------------------------------------------------------------


def to_json(structure: Structure) -> Any:
    """A structure as lists and dicts.

    Raises:
        TypeError: for keys that are no str, and containers besides tuples, lists and dicts.
    """
    if structure.kind is None:
        return None
    if structure.kind in NODES:
        raise TypeError(
            f"save: arguments and results must be in tuples, lists and dicts, not {structure.kind.__name__}"
        )
    kind = "dict" if issubclass(structure.kind, dict) else "list" if issubclass(structure.kind, list) else "tuple"
    if not all(isinstance(key, str) for key in structure.keys):
        raise TypeError(f"save: keys of dicts must be str, got {list(structure.keys)}")
    return {"kind": kind, "keys": list(structure.keys), "items": [to_json(child) for child in structure.children]}


def from_json(value: Any) -> Structure:
    """The structure that :func:`to_json` described."""
    if value is None:
        return LEAF
    kind = _KINDS[value["kind"]]
    keys = tuple(value["keys"]) if kind is dict else ()
    return Structure(kind, keys, tuple(from_json(item) for item in value["items"]))


# ---- writing --------------------------------------------------------------------------------------------------------


def _entry(archive: zipfile.ZipFile, name: str, *, large: bool = False) -> zipfile.ZipInfo:
    """An entry whose bytes will begin at a multiple of ALIGNMENT, by way of padding in its extra field."""
    info = zipfile.ZipInfo(name, _EARLIEST)
    assert archive.fp is not None
    begin = archive.fp.tell() + 30 + len(name.encode()) + 4  # the local header, and the head of the extra field
    begin += 20 if large else 0  # what zip64 adds to it
    padding = -begin % ALIGNMENT
    info.extra = _PADDING_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
    return info


def save(captured: Captured | ScriptFunction | ScriptModule, path: str | os.PathLike[str]) -> None:
    """Write a captured function to an archive, which :func:`load` and ``libtwrt`` read.

    The file is a zip, nothing in it compressed: a manifest, the graph as text, the weights as safetensors. It takes the
    place of an older one only when it is complete.

    Args:
        captured: from :func:`trace`, :func:`make_graph`, :func:`script` or :func:`load`.
        path: conventionally ends in ``.twa``.

    Raises:
        ValueError: if the graph calls Python, or takes or gives lists and dicts.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "double.twa")
        >>> tw.jit.save(tw.jit.trace(lambda x: x * 2, tw.ones(2)), path)
        >>> tw.jit.load(path)(tw.ones(3)).tolist()
        [2.0, 2.0, 2.0]
    """
    write(path, captured.program, captured.inputs, captured.output)


def write(
    path: str | os.PathLike[str],
    program: Program,
    inputs: Structure,
    output: Structure,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write an archive; `more` stands in its signature beside how inputs and results are nested."""
    text = program.text()
    if "py." in text and any(op in text for op in ("py.call ", "py.method ", "py.module ")):
        program.verify("functional")  # names the node that calls Python
    ops = [list(op) for op in program.native("called_ops")]
    manifest = {"format": FORMAT, "producer": "tensorwright-jit", "requires": [], "ops": ops}
    signature = {"inputs": to_json(inputs), "output": to_json(output), **more}
    with replacing(Path(path)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            ("MANIFEST.json", json.dumps(manifest)),
            ("signature.json", json.dumps(signature)),
            ("graphs/program.twir", text),
        ):
            archive.writestr(_entry(archive, name), content)
        if program.attributes:
            weights = {name: tensor.detach() for name, tensor in program.attributes.items()}
            with archive.open(
                _entry(archive, "weights/weights.safetensors", large=True), "w", force_zip64=True
            ) as file:
                tensorwright.save(weights, cast(BinaryIO, file))


# ---- older revisions of ops -----------------------------------------------------------------------------------------


def add_upgrader(op: str, revision: int, graph: str) -> None:
    """Say what calls of an older revision of an op become under the next one, in archives that were saved under it.

    Needed where what a call means has changed, or the op is gone; arguments that are merely new take their defaults. A
    native plugin says the same with a ``tw_upgrader_def`` (``tensorwright/tw_abi_jit.h``).

    Args:
        op: its full name, ``"ns::name"``.
        revision: the one whose calls are rewritten.
        graph: the text form of one function, ``@upgrade``, whose parameters have the names, the order and the defaults
            of the op's arguments at that revision. Of the op itself it calls the next revision, of others the
            installed ones.

    Raises:
        ValueError: for a graph that is no such function, and for a second upgrader of the revision.

    Example:
        >>> import tensorwright as tw
        >>> tw.jit.add_upgrader("mine::double", 0, '''
        ... func @upgrade(%x: tensor<?, ?>) {
        ...   %0: tensor<?, ?> = tw::mul(%x, 2)
        ...   return(%0)
        ... }''')
    """
    _add_upgrader(op, revision, graph)


# ---- reading --------------------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> Captured:
    """Read a function from an archive; its weights stay in the file until they are used, and nothing is executed.

    Raises:
        ValueError: if the file is no archive, is damaged or needs a newer reader; says which.
    """
    program, signature = read(path)
    try:
        return Captured(program, from_json(signature["inputs"]), from_json(signature["output"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def read(path: str | os.PathLike[str]) -> tuple[Program, dict[str, Any]]:
    """The program of an archive and its signature.

    Raises:
        ValueError: as :func:`load` does.
    """
    program = Program(_load(os.fspath(path)))
    try:
        return program, dict(json.loads(program.native("signature")))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | os.PathLike[str], error: Exception) -> ValueError:
    return ValueError(f"{os.fspath(path)}: archive: its signature is damaged: {error}")
