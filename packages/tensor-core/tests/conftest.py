"""The tests of ops share modules beside them: references and random layouts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
