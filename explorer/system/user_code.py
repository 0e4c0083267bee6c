"""Calling a user's own code: whatever it raises is one line, and what it prints keeps off the standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from costmodels.errors import FilterfrontError

__all__ = ["user_code"]


@contextmanager
def user_code(error_of: Callable[[str], FilterfrontError]) -> Iterator[None]:
    """Within this block runs code of the user. Ctrl-C stays what it is.

    Args:
        error_of: makes the error of what the code raised, in a few words. Also of what is no ``Exception``: a
            ``sys.exit(0)`` would else end the command as if all were done.
    """
    with redirect_stdout(sys.stderr):
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise error_of(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
