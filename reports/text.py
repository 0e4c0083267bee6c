"""Values as text for people, by the unit of their column: sizes in KiB (1024 bytes), shares in per cent."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from costmodels.units import format_bytes, format_count
from reports.columns import FLAG, Column, column
from searches.constraints import Budget

__all__ = ["UNKNOWN", "format_cell", "format_limit", "format_value", "in_words"]

UNKNOWN = "–"
"""What stands for a value that is not known."""


def format_value(value: Any, unit: str) -> str:
    """A number of a unit as `reports.columns.Column` names them.

    >>> format_value(0.9754, "share"), format_value(2048, "bytes"), format_value(float("nan"), "")
    ('97.54%', '2.00 KiB', '–')
    """
    if pd.isna(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return _FORMATS.get(unit, lambda number: f"{number:.4g}")(value)


_FORMATS: dict[str, Callable[[Any], str]] = {
    "bytes": format_bytes,
    "bits": lambda number: f"{number:,.0f} bits",
    "share": lambda number: f"{100 * number:.2f}%",
    "ratio": lambda number: f"{number:.2f}x" if number < 100 else f"{number:.0f}x",
    "count": format_count,
    "seconds": lambda number: f"{number:.2f} s",
    "ms": lambda number: f"{number:.3g} ms",
    "uJ": lambda number: f"{number:.4g} µJ",
    "dB": lambda number: f"{number:.1f} dB",
}


def in_words(name: str) -> str:
    """The title of a column within a sentence: small letters, but for abbreviations.

    >>> in_words("flash_bytes"), in_words("sram_bytes")
    ('flash', 'SRAM')
    """
    title = column(name).title
    return title if title.isupper() else title.lower()


def format_cell(value: Any, name: str | Column) -> str:
    """A cell of a table as text: numbers by their column's unit, flags as yes and no, text as it is."""
    about = name if isinstance(name, Column) else column(name)
    if isinstance(value, str):
        return value
    return ("yes" if value else "no") if about.kind == FLAG else format_value(value, about.unit)


def format_limit(budget: Budget) -> str:
    """The limit of a budget with its unit."""
    if budget.unit == "bytes":
        return format_bytes(budget.limit)
    number = format_count(budget.limit) if budget.limit >= 1000 else f"{budget.limit:.6g}"
    return f"{number} {budget.unit}".strip()
