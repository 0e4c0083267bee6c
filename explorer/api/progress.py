"""What a call shows while it runs: progress bars in a terminal and in notebooks, no warnings of libraries."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, TextIO

__all__ = ["quiet_warnings", "shown"]


class _Stream:
    """A stream that says of itself whether it is a terminal, where bars are drawn, or wants no progress at all."""

    def __init__(self, stream: TextIO, is_terminal: bool) -> None:
        self._stream, self._is_terminal = stream, is_terminal
        self.is_quiet = not is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown(quiet: bool = False) -> Iterator[None]:
    """Shows progress as the command does, in notebooks too.

    Args:
        quiet: leaves the progress bars out. What else goes to stderr is shown.
    """
    with quiet_warnings():
        if quiet or _in_notebook():
            stream: Any = _Stream(sys.stderr, is_terminal=not quiet)
            with redirect_stderr(stream):
                yield
        else:
            yield


def _in_notebook() -> bool:
    """Whether output goes to a notebook's cell, which is no terminal but draws bars well."""
    return type(sys.stderr).__module__.startswith("ipykernel.")


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Libraries' own warnings (deprecations, experimental interfaces) are for developers: they show in the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
