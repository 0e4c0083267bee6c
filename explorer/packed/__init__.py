"""Networks that run from packed layers, and the file that holds one.

>>> from explorer.packed import load
>>> load("nothing.safetensors")
Traceback (most recent call last):
...
explorer.system.errors.PackedFileError: nothing.safetensors (No such file...); the packed file can be read; check...
"""

from explorer.packed.reading import load, read_packed
from explorer.packed.writing import packed_content

__all__ = ["load", "packed_content", "read_packed"]
