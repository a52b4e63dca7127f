"""Commands: ``python -m tensorwright convert weights.pt weights.safetensors``."""

from __future__ import annotations

import argparse
import json
import sys


def _convert(source: str, target: str, max_shard_size: str | None) -> None:
    from tensorwright import _torch_files, save

    tensors, plain = _torch_files.flattened(_torch_files.read(source))
    metadata = {name: json.dumps(value) for name, value in plain.items()}
    save(tensors, target, metadata=metadata, max_shard_size=max_shard_size)
    print(f"{target}: {len(tensors)} tensors" + (f", {len(plain)} other values as metadata" if plain else ""))


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m tensorwright")
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser(
        "convert",
        help="PyTorch's weights to safetensors",
        description="Write the tensors of a file of torch.save as a safetensors file. Nothing in the file is executed: "
        "what is no tensor, plain container, number or string is refused.",
    )
    convert.add_argument("source", help="the file of torch.save: weights.pt, weights.pth, pytorch_model.bin")
    convert.add_argument("target", help="the file to write: weights.safetensors")
    convert.add_argument("--max-shard-size", help='write several files with an index above this size, such as "5GB"')
    commands.add_parser("config", help="versions, instruction set, threads and plugins")
    options = parser.parse_args(arguments)
    try:
        if options.command == "config":
            from tensorwright import show_config

            show_config()
        else:
            _convert(options.source, options.target, options.max_shard_size)
    except (OSError, ValueError, TypeError) as error:
        print(f"{options.command}: {getattr(options, 'source', '')}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
