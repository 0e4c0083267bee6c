"""Keeping a library's stray lines off the standard output, below Python's own streams."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator

__all__ = ["quiet_stdout"]

STDOUT = 1
_turn = threading.RLock()


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Within the block, what compiled code writes to the process's standard output goes nowhere.

    C buffers its output: it is flushed before the descriptor is put aside and before it is put back, as a line that is
    printed within the block would else come out after it. The descriptor is the whole process's, so blocks of several
    threads follow one another, and a thread that prints meanwhile loses what it prints. Where standard output is closed
    there is nothing to do.
    """
    with _turn:
        _flush()
        try:
            aside = os.dup(STDOUT)
        except OSError:
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, STDOUT)
            os.close(nowhere)
            yield
        finally:
            _flush()
            os.dup2(aside, STDOUT)
            os.close(aside)


def _flush() -> None:
    """Writes out what Python and C hold back."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # no stream, a closed one, a reader that has gone
        sys.stdout.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no C library of that name to ask
        ctypes.CDLL(None).fflush(None)
