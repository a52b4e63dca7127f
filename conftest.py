"""Settings of every test suite: a slow machine is not a failure."""

from hypothesis import settings

settings.register_profile("tensorwright", deadline=None, print_blob=True)
settings.load_profile("tensorwright")
