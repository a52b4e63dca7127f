"""The names of types that scripted code imports from here."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 (what the old names stand for)

__all__ = ["Any", "Dict", "List", "Optional", "Tuple", "Union"]
