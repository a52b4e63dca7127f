"""Whether the libraries under test were built with AddressSanitizer, whose runtime has to be loaded first."""

from __future__ import annotations

import os


def is_sanitized() -> bool:
    return "asan" in os.environ.get("LD_PRELOAD", "")
