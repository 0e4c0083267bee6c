"""JSON and TOML of strangers as plain data: whatever is wrong with them is a ValueError with a reason."""

import json
import re
import tomllib
from typing import Any

__all__ = ["json_data", "toml_data"]

_PART = r"""(?:"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|[\w-]++)"""
_DEEP_KEY = re.compile(rf"(?:^|[\s\[{{,])(?:{_PART}[ \t]*+\.[ \t]*+){{50}}")
"""A key of TOML with 50 dots; tomllib takes memory with the square of them."""


def json_data(content: bytes | str) -> Any:
    """What JSON text says.

    Raises:
        ValueError: it is no JSON in UTF-8, or nested too deeply.

    >>> json_data(b'{"bits": [4, 8]}')
    {'bits': [4, 8]}
    """
    try:
        return json.loads(content if isinstance(content, str) else content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def toml_data(content: bytes) -> dict[str, Any]:
    """What TOML text says.

    Raises:
        ValueError: it is no TOML in UTF-8, or nested too deeply.

    >>> toml_data(b"bits = [4, 8]")
    {'bits': [4, 8]}
    """
    text = content.decode("utf-8")
    if _DEEP_KEY.search(text):
        raise ValueError("nested too deeply")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
