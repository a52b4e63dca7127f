"""Functions with control flow, each with inputs: what a script gives must be what Python gives."""

from . import containers, control, loops, models, numbers, objects, tensors, text

TOPICS = (control, loops, numbers, containers, text, tensors, objects, models)
CASES = [(f"{topic.__name__.rpartition('.')[2]}.{case.name}", case) for topic in TOPICS for case in topic.corpus.cases]
