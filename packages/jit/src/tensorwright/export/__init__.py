"""Programs for a range of sizes: torch.export's names, over the one graph.

Example:
    >>> import tensorwright as tw
    >>> batch = tw.export.Dim("batch")
    >>> exported = tw.export(tw.nn.Linear(3, 2), (tw.ones(4, 3),), dynamic_shapes=({0: batch},))
    >>> exported(tw.ones(7, 3)).shape
    (7, 2)
"""

import sys
from types import ModuleType
from typing import Any

from tensorwright.export._archive import load as load
from tensorwright.export._archive import save as save
from tensorwright.export._dims import DerivedDim as DerivedDim
from tensorwright.export._dims import Dim as Dim
from tensorwright.export._dims import DimHint as DimHint
from tensorwright.export._dims import dims as dims
from tensorwright.export._export import export as export
from tensorwright.export._program import ExportedModule as ExportedModule
from tensorwright.export._program import ExportedProgram as ExportedProgram
from tensorwright.export._program import GraphSignature as GraphSignature
from tensorwright.export._specification import ExportError as ExportError

__all__ = [
    "DerivedDim", "Dim", "DimHint", "ExportError", "ExportedModule", "ExportedProgram", "GraphSignature", "dims",
    "export", "load", "save",
]  # fmt: skip


class _Module(ModuleType):
    """``tw.export(model, args)`` is ``tw.export.export(model, args)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> ExportedProgram:
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _Module
