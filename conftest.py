"""Settings of every test suite: a slow machine is not a failure."""

from importlib.util import find_spec

if find_spec("hypothesis"):  # not every package's tests need it
    from hypothesis import settings

    settings.register_profile("tensorwright", deadline=None, print_blob=True)
    settings.load_profile("tensorwright")
