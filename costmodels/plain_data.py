"""JSON and TOML of strangers as plain data: whatever is wrong with them is a ValueError with a reason."""

import json
import re
import tomllib
from typing import Any

__all__ = ["json_data", "toml_data"]

_PART = r"""(?:"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|[\w-]++)"""
_DEEP_KEY = re.compile(rf"(?:^|[\s\[{{,])(?:{_PART}[ \t]*+\.[ \t]*+){{50}}")
"""A key of TOML with 50 dots; tomllib takes memory with the square of them."""


_LONGEST = 19
"""Digits of the largest number of 63 bits."""


def json_data(content: bytes | str) -> Any:
    """What JSON text says.

    Raises:
        ValueError: it is no JSON in UTF-8, nested too deeply, or has a whole number of more than 63 bits.

    >>> json_data(b'{"bits": [4, 8]}')
    {'bits': [4, 8]}
    """
    try:
        return json.loads(content if isinstance(content, str) else content.decode("utf-8"), parse_int=_whole)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST + 1 or abs(number := int(digits)) >= 2**63:
        raise ValueError(f"a whole number of {len(digits)} digits, where 63 bits are read")
    return number


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
