"""The commands of ``python -m tensorwright``: each module adds one, and says what runs it."""
