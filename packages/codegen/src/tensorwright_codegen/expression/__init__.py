"""The expression language of op facets: parsed, typed, evaluated, and written out as SIMD C++ and as formulas.

The language is specified in docs/expression-language.md.
"""

from typing import TYPE_CHECKING, Any

from .derivative import derivative as derivative
from .ir import ExpressionError as ExpressionError
from .ir import Function as Function
from .ir import Instruction as Instruction
from .ir import Location as Location
from .ir import Operand as Operand
from .ir import Program as Program
from .ir import ScalarType as ScalarType
from .kernels import PointwiseKernel as PointwiseKernel
from .kernels import ReductionKernel as ReductionKernel
from .kernels import emit_functions_header as emit_functions_header
from .kernels import emit_pointwise_unit as emit_pointwise_unit
from .kernels import emit_reduction_unit as emit_reduction_unit
from .kernels import emit_tables_header as emit_tables_header
from .kernels import short_rows_signature as short_rows_signature
from .library import EMPTY_LIBRARY as EMPTY_LIBRARY
from .library import Library as Library
from .library import parse_function_library as parse_function_library
from .notation import formula as formula
from .parser import parse_expression as parse_expression
from .printer import expression_text as expression_text

if TYPE_CHECKING:
    from .evaluator import evaluate as evaluate
    from .evaluator import evaluate_reduction as evaluate_reduction


def __getattr__(name: str) -> Any:
    """The evaluator loads at first use: it needs NumPy, and code generation does not."""
    if name in ("evaluate", "evaluate_reduction"):
        from . import evaluator

        return getattr(evaluator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
