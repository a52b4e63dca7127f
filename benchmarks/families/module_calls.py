"""Calls of layers that compute nothing: what a layer costs over the bare function."""

from __future__ import annotations

from case import Case, Family, Library, Run


def passing(lib: Library) -> Run:
    class Passing(lib.nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, x: object) -> object:
            return x

    module, x = Passing(), lib.ones(1)
    return lambda: module(x)


def nested(lib: Library) -> Run:
    module, x = lib.nn.Sequential(*[lib.nn.Identity() for _ in range(10)]), lib.ones(1)
    return lambda: module(x)


def hooked(lib: Library) -> Run:
    module, x = lib.nn.Identity(), lib.ones(1)
    module.register_forward_hook(lambda module, args, output: None)
    return lambda: module(x)


FAMILY = Family(
    "module calls",
    (Case("one layer", passing, bar=1 / 3), Case("Sequential of 10", nested, bar=1 / 3), Case("with a hook", hooked)),
    worst=1.0,
    parallel=False,
)
