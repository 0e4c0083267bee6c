"""Networks that run from packed layers, and the file that holds one.

Names are imported when they are used: all need torch, and a file that holds no network is refused without it.

>>> from explorer.deployment.packed import load
>>> load("nothing.safetensors")
Traceback (most recent call last):
...
explorer.system.errors.PackedFileError: nothing.safetensors (No such file...); the packed file can be read; check...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.deployment.packed.reading import load, read_packed
    from explorer.deployment.packed.writing import packed_content

__all__ = ["load", "packed_content", "read_packed"]
_PLACES = {"load": "reading", "read_packed": "reading", "packed_content": "writing"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
