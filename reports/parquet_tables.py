"""The tables of a run as Parquet, beside those in CSV: columns with their types, read by every data frame library."""

import io
from importlib.util import find_spec
from typing import Any

import pandas as pd

from reports.columns import FLAG, INTEGER, OWN, REAL, column
from reports.errors import ReportError
from reports.run_record import RunRecord

__all__ = ["check_parquet", "has_parquet", "parquet_files"]


def has_parquet() -> bool:
    """Whether pyarrow, which writes Parquet, is installed."""
    return find_spec("pyarrow") is not None


def check_parquet() -> None:
    """Refuses where pyarrow is missing.

    Raises:
        ReportError: it is.
    """
    if not has_parquet():
        remedy = "pip install 'filterfront[parquet]', or leave --parquet out"
        raise ReportError("Parquet files are written by pyarrow", "no pyarrow", remedy)


def parquet_files(run: RunRecord) -> dict[str, bytes]:
    """The files by name: what the CSV tables hold, under the same names of columns.

    Numbers that are not known are null, whole numbers are 64-bit integers, texts are UTF-8.

    Raises:
        ReportError: pyarrow is missing.
    """
    tables = {**run.tables, **({"tuned": run.tuned} if len(run.tuned) else {})}
    return {f"{name}.parquet": parquet_bytes(table) for name, table in tables.items()}


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """A table as the content of a Parquet file.

    Raises:
        ReportError: pyarrow is missing.
    """
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    arrays = {str(name): pyarrow.array(*_column(str(name), table[name].tolist())) for name in table.columns}
    stream = io.BytesIO()
    parquet.write_table(pyarrow.table(arrays), stream, compression="zstd")
    return stream.getvalue()


def _column(name: str, values: list[Any]) -> tuple[list[Any], str]:
    """The values of a column and Arrow's name of their type; of one that only this run has by what is in it."""
    known = [None if pd.isna(value) else value for value in values]
    present = [value for value in known if value is not None]
    kind = column(name).kind
    if kind == OWN and present and all(isinstance(value, (int, float)) for value in present):
        kind = REAL if any(isinstance(value, float) for value in present) else INTEGER
    name_of, make = {INTEGER: ("int64", int), REAL: ("float64", float), FLAG: ("bool", bool)}.get(kind, ("string", str))
    return [None if value is None else make(value) for value in known], name_of
