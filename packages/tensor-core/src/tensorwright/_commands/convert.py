"""``convert weights.pt weights.safetensors``."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        help="PyTorch's weights to safetensors",
        description="Write the tensors of a file of torch.save as a safetensors file. Nothing in the file is executed: "
        "what is no tensor, plain container, number or string is refused.",
    )
    parser.add_argument("source", help="the file of torch.save: weights.pt, weights.pth, pytorch_model.bin")
    parser.add_argument("target", help="the file to write: weights.safetensors")
    parser.add_argument("--max-shard-size", help='write several files with an index above this size, such as "5GB"')
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from tensorwright import _torch_files, save

    tensors, plain = _torch_files.flattened(_torch_files.read(options.source))
    metadata = {name: json.dumps(value) for name, value in plain.items()}
    save(tensors, options.target, metadata=metadata, max_shard_size=options.max_shard_size)
    others = f", {len(plain)} other values as metadata" if plain else ""
    print(f"{options.target}: {len(tensors)} tensors{others}")
    return 0
