"""Commands: ``python -m tensorwright convert weights.pt weights.safetensors``."""

from __future__ import annotations

import argparse
import sys

from tensorwright._commands import checkpoint, convert, diagnosis, metrics


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m tensorwright")
    commands = parser.add_subparsers(dest="command", required=True)
    for module in (convert, checkpoint, metrics, diagnosis):
        module.add(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, ValueError, TypeError, ModuleNotFoundError) as error:
        source = getattr(options, "source", "")
        print(
            f"{options.command}: {source if isinstance(source, str) else ', '.join(source)}: {error}", file=sys.stderr
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
