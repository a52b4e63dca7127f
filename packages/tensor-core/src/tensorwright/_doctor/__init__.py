"""What ``python -m tensorwright doctor`` finds out: the installation, the machine, and whether ops compute right."""

from tensorwright._doctor._report import examine as examine
from tensorwright._doctor._report import text as text
