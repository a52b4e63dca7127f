import os
import sys
from pathlib import Path

os.environ.setdefault("TENSORWRIGHT_FUSION", "always")  # groups are tested on small tensors, where ops alone are faster

sys.path.insert(0, str(Path(__file__).parent))  # script_corpus, for importlib mode
