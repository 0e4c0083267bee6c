"""JSON files: two spaces a level, text as it is, and no number that JSON does not have."""

import json
import math
from pathlib import Path
from typing import Any

from costmodels.file_content import file_content
from costmodels.plain_data import json_data
from reports.errors import ReportError, damaged

__all__ = ["finite", "json_bytes", "no_json", "read_json"]

MOST_BYTES = 16 * 1024 * 1024
"""Of a JSON file; a design has some bytes for each channel of its network."""


def json_bytes(content: Any, name: str) -> bytes:
    """Plain data as the content of a JSON file.

    Args:
        content: text, finite numbers, lists and dicts.
        name: of the file, for errors.

    Raises:
        ReportError: the content is none of these, such as NaN.
    """
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise no_json(name, error) from None


def no_json(name: str, reason: object) -> ReportError:
    """The error of a value that JSON does not have."""
    return ReportError(f"{name} holds plain JSON values", str(reason), "give text, finite numbers, lists and dicts")


def finite(value: Any) -> Any:
    """The same plain data with null in the place of NaN and infinity, which JSON does not have.

    >>> finite({"loss": float("nan"), "bits": [8, float("inf")]})
    {'loss': None, 'bits': [8, None]}
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ReportError: the file cannot be read, or holds something else.
    """
    try:
        content = json_data(file_content(path, MOST_BYTES))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "not an object")
    return content
