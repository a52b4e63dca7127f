"""Run in one environment of the import matrix:

python import_matrix_check.py tensor_core=wheel nn=editable autograd=absent
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType


def message(statement: str, kind: type[Exception]) -> str:
    """What running `statement` complains about."""
    try:
        exec(statement, {"tw": importlib.import_module("tensorwright")})
    except kind as error:
        return str(error)
    raise AssertionError(f"{statement}: no {kind.__name__}")


def expect_sentence(part: str) -> None:
    """An absent part says what to install, however it is asked for."""
    import tensorwright as tw

    sentence = f"tensorwright.{part} is not installed; pip install tensorwright-{part}"
    assert not hasattr(tw, part)
    assert message(f"import tensorwright.{part}", ModuleNotFoundError) == sentence
    assert message(f"from tensorwright import {part}", ModuleNotFoundError) == sentence
    assert message(f"tw.{part}", AttributeError) == sentence


def expect_part(part: str, kind: str) -> None:
    """An installed part is one module, by whichever route it is reached, and comes from where it should."""
    import tensorwright as tw

    module = importlib.import_module(f"tensorwright.{part}")
    assert getattr(tw, part) is module
    expect_origin(module, kind)


def expect_origin(module: ModuleType, kind: str) -> None:
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(sys.prefix) == (kind == "wheel"), f"{kind}, but {module.__file__}"


def check_nn() -> None:
    import tensorwright as tw
    from tensorwright.nn import Linear

    assert tw.nn.Linear is Linear
    assert tuple(Linear(2, 3)(tw.tensor([[1.0, 2.0]])).shape) == (1, 3)


def check_autograd() -> None:
    import tensorwright as tw

    x = tw.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]


def main(states: dict[str, str]) -> None:
    import tensorwright as tw

    assert "numpy" not in sys.modules, "import tensorwright imports numpy"
    assert (tw.tensor([1.0, 2.0]) + 1).tolist() == [2.0, 3.0]
    expect_origin(tw, states.pop("tensor_core"))
    checks = {"nn": check_nn, "autograd": check_autograd}
    for part, state in states.items():
        if state == "absent":
            expect_sentence(part)
        else:
            expect_part(part, state)
            checks[part]()
    assert message("tw.no_such_name", AttributeError) == "module 'tensorwright' has no attribute 'no_such_name'"


if __name__ == "__main__":
    main(dict(argument.split("=") for argument in sys.argv[1:]))
