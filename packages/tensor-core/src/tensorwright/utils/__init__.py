"""What does not belong to one part: modules that other distributions bring, under one name."""

from pkgutil import extend_path

from tensorwright._siblings import load_part

__path__ = extend_path(__path__, __name__)


def __getattr__(name: str) -> object:
    return load_part(f"utils.{name}")
