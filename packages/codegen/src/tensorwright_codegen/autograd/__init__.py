"""The derivative facet: formulas of packages/autograd/derivatives/*.yaml, compiled to the nodes of the engine."""

from .emit import autograd_output as autograd_output
from .model import DerivativeFacet as DerivativeFacet
from .model import Formula as Formula
from .reader import load_derivatives as load_derivatives
from .reader import read_derivatives as read_derivatives
