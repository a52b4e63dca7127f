"""Neural-network modules: ``tw.nn``; their functions: ``tw.nn.functional``; initial values: ``tw.nn.init``."""

from tensorwright.extend import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
