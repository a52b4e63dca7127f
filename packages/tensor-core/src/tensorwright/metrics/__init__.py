"""What a run measures: a log of JSON lines, pictures of it, and a progress bar.

Example:
    >>> import os, tempfile
    >>> import tensorwright as tw
    >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
    >>> with MetricsLog(path) as log:
    ...     for step in range(3):
    ...         log.write(step=step, loss=tw.tensor(1.0 / (step + 1)))
    >>> [entry["loss"] for entry in read(path)][:2]
    [1.0, 0.5]
    >>> plot(path, path.replace(".jsonl", ".svg"))
    ['loss']
"""

from tensorwright.metrics._log import MetricsLog as MetricsLog
from tensorwright.metrics._log import read as read
from tensorwright.metrics._plot import plot as plot
from tensorwright.metrics._progress import progress as progress

__all__ = ["MetricsLog", "plot", "progress", "read"]
