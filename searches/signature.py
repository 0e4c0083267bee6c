"""The signature of a search: plain data that its figures depend on, compared before it is resumed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from searches.errors import SearchError

__all__ = ["check_signature", "plain_signature"]

SHOWN = 5
"""Differences that a message names; of more it gives the number."""


def plain_signature(signature: Mapping[str, Any]) -> dict[str, Any]:
    """The signature as JSON gives it back, whatever storage it comes from: tuples are lists, keys are text."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(signature)))
    return plain


def check_signature(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to resume a search under another signature.

    Raises:
        SearchError: the message names what differs, by its path in the signature.
    """
    differing = list(_differences("", plain_signature(before), plain_signature(now)))
    if differing:
        more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise SearchError(
            "a search resumes under what it began with",
            "; ".join(differing[:SHOWN]) + more,
            "restore these, or start in another --out",
        )


def _differences(path: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(f"{path}.{key}" if path else key, before.get(key), now.get(key))
    elif before != now:
        yield f"{path}: {_brief(before)} then, {_brief(now)} now"


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]}..."
