"""What the graph's own compiler reads: the ops' expressions as tables."""

from .expressions import expressions_output as expressions_output
