"""The content of a file that somebody else may have made: of a plain file alone, and of no more bytes than expected."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["MOST_OPTION_BYTES", "check_plain_file", "file_content", "plain_file"]

MOST_OPTION_BYTES = 4 * 1024 * 1024
"""Of a file with options, a device or a design space, which people write; such a file has some kilobytes."""


def file_content(path: str | Path, most_bytes: int, start: int = 0) -> bytes:
    """All of a file, or all from a byte on.

    A pipe or a device would be waited for without end; the size is known before anything is read.

    Args:
        path: of the file; links are followed.
        most_bytes: that it may have.
        start: the first byte that is read.

    Raises:
        OSError: it cannot be read, is no plain file, or has more bytes; ``strerror`` says which.
    """
    with plain_file(path, most_bytes) as file:
        file.seek(start)
        return file.read(most_bytes)


@contextmanager
def plain_file(path: str | Path, most_bytes: int) -> Iterator[BinaryIO]:
    """The file, opened to be read; arguments and errors as `file_content`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(os.fstat(descriptor), path, most_bytes)
    except OSError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file


def check_plain_file(path: str | Path, most_bytes: int) -> None:
    """Refuses, before a library opens it, what `file_content` would refuse.

    Raises:
        OSError: as `file_content`.
    """
    _check(os.stat(path), path, most_bytes)


def _check(found: os.stat_result, path: str | Path, most_bytes: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
        raise OSError(code, os.strerror(code) if code == errno.EISDIR else "Is a pipe or a device, no file", str(path))
    if found.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"Has {found.st_size:,} bytes, where {most_bytes:,} are read at most", str(path))
