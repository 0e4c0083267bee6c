"""Printing a list of named things, as a table for people or as JSON for programs."""

from collections.abc import Sequence
from typing import Any

import click

from explorer.cli.common import print_json

__all__ = ["print_listing"]


def print_listing(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Prints the rows: all their fields as JSON, or the named columns as a table."""
    if as_json:
        print_json(list(rows))
        return
    table = [list(columns), *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
