"""CSV tables, written and read by one set of rules.

UTF-8, a header, lines that end with a line feed. An unknown value is an empty cell, ``inf`` is infinite, floats keep
every digit, flags are ``True`` and ``False``, and columns that count (`reports.columns`) hold whole numbers. Names that
look like missing values, such as ``NA``, stay text, and text that a spreadsheet would take for a formula has a quote
before it (`costmodels.printable`).
"""

import contextlib
import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from costmodels.file_content import file_content
from costmodels.printable import csv_cell, csv_text, printable
from reports.columns import FLAG, INTEGER, OWN, REAL, TEXT, column
from reports.errors import ReportError, damaged

__all__ = ["read_table", "rows_csv", "table_csv"]

MOST_BYTES = 64 * 1024 * 1024
"""Of a table; a trial has some hundred."""

_MOST_LINE_BYTES, _MOST_COLUMNS = 100_000, 1_000


def table_csv(table: pd.DataFrame, name: str) -> bytes:
    """A table as the content of a CSV file.

    Args:
        table: its columns become the header.
        name: of the file, for errors.

    Raises:
        ReportError: a column that counts holds something else than whole numbers.
    """
    return rows_csv(table.to_dict("records"), [str(name) for name in table.columns], name)  # type: ignore[arg-type]


def rows_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str) -> bytes:
    """Rows as the content of a CSV file.

    Args:
        rows: values by column; a row may have others too, which are left out.
        columns: the header.
        name: of the file, for errors.

    Raises:
        ReportError: a column that counts holds something else than whole numbers.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    whole = [column(title).kind == INTEGER for title in columns]
    for row in rows:
        cells = [_cell(row[title], counts) for title, counts in zip(columns, whole, strict=True)]
        if None in cells:
            wrong = columns[cells.index(None)]
            rule, found = f"{name} holds whole numbers where it counts", f"{row[wrong]} as {wrong}"
            raise ReportError(rule, found, "round or correct them")
        writer.writerow(cells)
    return stream.getvalue().encode()


def _cell(value: Any, counts: bool) -> str | None:
    """The text of a value; None where a count is not whole."""
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if counts:
        is_whole = isinstance(value, (int, float, np.number)) and math.isfinite(value) and value == int(value)
        return str(int(value)) if is_whole else None
    if isinstance(value, str):
        return csv_cell(value)
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def read_table(path: Path) -> pd.DataFrame:
    """The table of a CSV file, every column as the kind that it is.

    Raises:
        ReportError: the file cannot be read, or a cell is not of its column's kind; the message names the line.
    """
    try:
        content = file_content(path, MOST_BYTES)
        _check_size(content)
        text = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8")
        if not isinstance(text.index, pd.RangeIndex) or text.isna().to_numpy().any():
            raise ValueError("a line has more or fewer cells than the header")
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return pd.DataFrame({name: _typed(path, text[name]) for name in text.columns})


def _check_size(content: bytes) -> None:
    """Refuses lines that no table of a run has, which would take minutes to read.

    Raises:
        ValueError: there are such.
    """
    lines = content.split(b"\n")
    if (longest := max(map(len, lines))) > _MOST_LINE_BYTES:
        raise ValueError(f"a line of {longest:,} bytes, where {_MOST_LINE_BYTES:,} are read at most")
    if (commas := lines[0].count(b",")) >= _MOST_COLUMNS:
        raise ValueError(f"{commas + 1:,} columns, where {_MOST_COLUMNS:,} are read at most")


def _typed(path: Path, cells: pd.Series) -> pd.Series:
    """Cells in text as the column's kind; a column that only this run has is numbers where every cell is one."""
    kind = column(str(cells.name)).kind
    if kind == TEXT:
        return cells.map(_text)
    values = [_PARSERS[kind](cell) for cell in cells]
    bad = [row for row, value in enumerate(values) if value is None]
    if bad and kind == OWN:
        return cells.map(_text)
    if bad:
        raise damaged(path, f"{cells.name} is no {kind} in line {bad[0] + 2}: {cells.iloc[bad[0]]!r}")
    return pd.Series(values, name=cells.name, dtype="bool" if kind == FLAG else None)


def _number(cell: str) -> float | int | None:
    """A number without loss; NaN for an empty cell, ``None`` for text."""
    for parse in (int, float):
        with contextlib.suppress(ValueError):
            return parse(cell or "nan")
    return None


def _text(cell: str) -> str:
    return printable(csv_text(cell))


_PARSERS: dict[str, Callable[[str], Any]] = {
    FLAG: {"True": True, "False": False}.get,
    INTEGER: lambda cell: None if isinstance(number := _number(cell), float) and cell else number,
    REAL: lambda cell: None if (number := _number(cell)) is None else float(number),
    OWN: _number,
}
