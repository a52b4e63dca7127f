"""Turns the LaTeX between $$ into MathML when the documentation is built: browsers show it without any script."""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r"^\$\$\n(.*?)\n\$\$$", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return FORMULA.sub(lambda found: convert(found[1], display="block"), markdown)
