"""Messages that name options as the command does, in the words of Python: ``--max-bit-ops`` is ``max_bit_ops``."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from costmodels.errors import FilterfrontError

__all__ = ["in_python", "python_words"]

_FLAG = re.compile(r"--(no-)?([a-z][a-z-]*)(?: ([0-9]+)\b)?")
_SWITCHES = ("resume", "onnx", "qdq", "qonnx", "gap", "agreement", "batch-statistics", "trust")


def in_python(text: str) -> str:
    """The text with the command's options as arguments of the Python functions.

    >>> in_python("--flash: a size is positive; add --resume, or use --workers 2")
    'flash: a size is positive; add resume=True, or use workers=2'
    >>> in_python("--no-gap was given")
    'gap=False was given'
    """
    return _FLAG.sub(_argument, text)


def _argument(match: re.Match[str]) -> str:
    negated, option, number = match.groups()
    name = option.replace("-", "_")
    if number is not None:
        return f"{name}={number}"
    return f"{name}={not negated}" if option in _SWITCHES else name


@contextmanager
def python_words() -> Iterator[None]:
    """Lets errors of filterfront within the block say what to do in Python; their kinds stay."""
    try:
        yield
    except FilterfrontError as error:
        value = in_python(error.value) if isinstance(error.value, str) else error.value
        reworded = type(error)(in_python(error.rule), value, in_python(error.remedy), error.where)
        raise reworded.with_traceback(error.__traceback__) from error.__cause__
