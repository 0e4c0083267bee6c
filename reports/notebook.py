"""Tables as HTML for notebooks: a title, the cells by their columns' units, and lines below."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from reports.columns import TEXT, Column
from reports.text import format_cell

__all__ = ["notebook_table"]


def notebook_table(
    title: str, columns: Sequence[Column], rows: Iterable[Mapping[Any, Any]], notes: Iterable[str] = ()
) -> str:
    """A table as HTML, every text in it escaped.

    Args:
        title: said above it.
        columns: what it shows, in this order; numbers stand to the right.
        rows: values by column name.
        notes: sentences below it.
    """
    heads = "".join(_cell("th", about, about.title) for about in columns)
    lines = ["".join(_cell("td", about, format_cell(row[about.name], about)) for about in columns) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    below = "".join(f"<div><small>{escape(note)}</small></div>" for note in notes)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><div><b>{escape(title)}</b></div>{table}{below}</div>"


def _cell(kind: str, about: Column, text: str) -> str:
    side = "left" if about.kind == TEXT else "right"
    return f'<{kind} style="text-align: {side}">{escape(text)}</{kind}>'
