"""Checkpoints that survive: whole or not there, checked when they are read, and the newest good one found by itself.

A :class:`Checkpoints` is a folder into which a run saves; a :class:`RunState` is what it saves: model, optimizer,
schedules, random generators, the loader's place in its epoch, and the step.

Not to be confused with ``tw.utils.checkpoint``, which trades memory of a backward pass for time.
"""

from tensorwright.checkpoint._compare import Difference as Difference
from tensorwright.checkpoint._compare import diff as diff
from tensorwright.checkpoint._read import CheckpointError as CheckpointError
from tensorwright.checkpoint._read import Damage as Damage
from tensorwright.checkpoint._read import DamagedCheckpointWarning as DamagedCheckpointWarning
from tensorwright.checkpoint._repair import RepairReport as RepairReport
from tensorwright.checkpoint._repair import repair as repair
from tensorwright.checkpoint._run_state import RunState as RunState
from tensorwright.checkpoint._store import Checkpoint as Checkpoint
from tensorwright.checkpoint._store import Checkpoints as Checkpoints
from tensorwright.checkpoint._store import load as load
from tensorwright.checkpoint._store import verify as verify

__all__ = [
    "Checkpoint", "CheckpointError", "Checkpoints", "Damage", "DamagedCheckpointWarning", "Difference", "RepairReport",
    "RunState", "diff", "load", "repair", "verify",
]  # fmt: skip
