"""The helpers of this folder are importable by name: abi_layout, abi_plugins."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
