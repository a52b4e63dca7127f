"""Lets the tests of this folder, and the tool that writes docs/scalar-functions.md, share `scalar_references`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
