"""The run folder: written whole or not at all, read back with every fault named.

Tables are CSV in UTF-8: empty cells are unknown values, ``inf`` is infinite, floats keep every digit.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from costmodels.printable import csv_cell, csv_text
from reports.columns import FLAG, INTEGER, OWN, REAL, TABLES, TEXT, column
from reports.errors import ReportError
from reports.gap import GAP_TABLES
from reports.run import Run, check_run, hypervolume_facts

__all__ = ["read_run", "write_files", "write_run"]

_DESIGN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def write_run(folder: str | Path, run: Run) -> Path:
    """Writes run.json, the tables and designs/<id>.json; adds the hypervolume to run.json. Returns the folder.

    Everything is checked and staged before the first file appears under its name; design files of an earlier run of the
    same folder go.

    Raises:
        ReportError: the run's parts do not fit together, a design id is no file name, or the folder cannot be written.
    """
    check_run(run)
    bad = [design for design in run.designs if not _DESIGN_ID.fullmatch(design)]
    if bad:
        raise ReportError(
            "a design id is letters, digits, '_', '-' and '.'", ", ".join(map(repr, bad)), "rename the design"
        )
    folder = Path(folder)
    files = {f"designs/{design}.json": _json(content, design) for design, content in run.designs.items()}
    files |= {f"{name}.csv": _csv(table, f"{name}.csv") for name, table in run.tables.items()}
    files["run.json"] = _json({**run.info, "hypervolume": hypervolume_facts(run)}, "run.json")
    stale = [f"designs/{path.name}" for path in (folder / "designs").glob("*.json") if path.stem not in run.designs]
    stale += [f"{name}.csv" for name in GAP_TABLES if name not in run.tables and (folder / f"{name}.csv").exists()]
    write_files(folder, files, stale)
    return folder


def write_files(folder: str | Path, files: Mapping[str, bytes], stale: Iterable[str] = ()) -> None:
    """Writes files (relative name -> content) into a folder, made if missing.

    All are staged first, then renamed in the order given; ``stale`` ones are removed last.

    Raises:
        ReportError: the folder cannot be written; what was staged is removed, and so is a folder made here.
    """
    folder = Path(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _staging(folder) as stage:
            for name, content in files.items():
                target = stage / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(stage / name, folder / name)
            for name in stale:
                (folder / name).unlink()
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise ReportError(
            "the run folder can be written", f"{folder} ({error.strerror or error})", "choose another folder with --out"
        ) from error


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as stage:
        yield Path(stage)


def _json(content: Any, name: str) -> bytes:
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ReportError(
            f"{name} holds plain JSON values", str(error), "give text, finite numbers, lists and dicts"
        ) from None


def _csv(table: pd.DataFrame, name: str) -> bytes:
    whole = {name: "Int64" for name in table.columns if column(name).kind == INTEGER}
    try:
        cells = table.astype(whole)
        for heading in cells.columns:
            if column(str(heading)).kind in (TEXT, OWN):
                cells[heading] = cells[heading].map(_cell)
        return cells.to_csv(index=False, lineterminator="\n").encode()
    except (TypeError, ValueError) as error:
        raise ReportError(f"{name} holds whole numbers where it counts", str(error), "round or correct them") from None


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value


def read_run(folder: str | Path) -> Run:
    """Reads a run folder back.

    Raises:
        ReportError: no run folder, files or columns missing (all named), a file that cannot be read, or parts that do
            not fit together.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise ReportError("a run folder holds run.json", str(folder), "give the folder that a search wrote with --out")
    lost = [f"{name}.csv" for name in TABLES if not (folder / f"{name}.csv").is_file()]
    if lost:
        raise ReportError(
            "a run folder holds all its tables", f"missing {', '.join(lost)} in {folder}", "run the search again"
        )
    present = [*TABLES, *(name for name in (*GAP_TABLES, "tuned") if (folder / f"{name}.csv").is_file())]
    tables = {name: _read_csv(folder / f"{name}.csv") for name in present}
    designs = {path.stem: _read_json(path) for path in sorted((folder / "designs").glob("*.json"))}
    run = Run(info=_read_json(folder / "run.json"), designs=designs, **tables)
    check_run(run)
    return run


def _damaged(path: Path, reason: object) -> ReportError:
    return ReportError(f"{path.name} can be read", f"{path} ({reason})", "the file is damaged: run the search again")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise _damaged(path, "not an object")
    return content


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return pd.DataFrame({name: _typed(path, text[name]) for name in text.columns})


def _typed(path: Path, cells: pd.Series) -> pd.Series:
    """Cells in text as the column's kind; a column that only this run has is numbers where every cell is one."""
    kind = column(str(cells.name)).kind
    if kind == TEXT:
        return cells.map(csv_text)
    values = [_PARSERS[kind](cell) for cell in cells]
    bad = [row for row, value in enumerate(values) if value is None]
    if bad and kind == OWN:
        return cells.map(csv_text)
    if bad:
        raise _damaged(path, f"{cells.name} is no {kind} in line {bad[0] + 2}: {cells.iloc[bad[0]]!r}")
    return pd.Series(values, name=cells.name, dtype="bool" if kind == FLAG else None)


def _number(cell: str) -> float | int | None:
    """A number without loss; NaN for an empty cell, ``None`` for text."""
    for parse in (int, float):
        with contextlib.suppress(ValueError):
            return parse(cell or "nan")
    return None


_PARSERS: dict[str, Callable[[str], Any]] = {
    FLAG: {"True": True, "False": False}.get,
    INTEGER: lambda cell: None if isinstance(number := _number(cell), float) and cell else number,
    REAL: lambda cell: None if (number := _number(cell)) is None else float(number),
    OWN: _number,
}
