"""Each constraint of each op's facet refuses something: a call that breaks it and none before it gets its sentence."""

from __future__ import annotations

import pytest
from rule_calls import OPS, Violations, called, has_tensor
from tensorwright_codegen.facets import Op


@pytest.mark.parametrize("op", [op for op in OPS if op.where], ids=lambda op: op.name)
def test_every_constraint_refuses_a_call(op: Op) -> None:
    violations = Violations(op)
    found = violations.search()
    assert [constraint.sentence for place, constraint in enumerate(op.where) if place not in found] == []
    for place, args in found.items():
        device = "meta" if op.is_structured and has_tensor(args) else "cpu"
        with pytest.raises((ValueError, TypeError, IndexError)) as refusal:
            called(op, args, device)
        # A constraint that has no value for any arguments but those it holds for refuses as it is evaluated.
        sentence = "" if place in violations.unsaid else op.where[place].sentence
        assert str(refusal.value).startswith(f"{op.display_name}: {sentence}"), args
