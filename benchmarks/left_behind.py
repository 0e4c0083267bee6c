"""What a command that was stopped has left in a folder: whole files, finished trials."""

import json
import sqlite3
from pathlib import Path

from explorer.system.container import PACKED, TUNED, read_container_file
from reports.csv_tables import read_table
from reports.run_folder import read_run

__all__ = ["content", "finished_rows", "finished_trials", "half_written"]

STAGES = (".writing-", ".making-", ".key-")
"""How folders begin in which files wait for their names."""

FINISHED = 1, 3
"""Optuna's states of trials that are complete or failed, in a journal."""


def half_written(folder: Path) -> list[str]:
    """Files that have their names and cannot be read, with the reasons."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(STAGES) for part in path.parts):
            try:
                _read(path)
            except Exception as error:  # whatever it is, the file is not whole
                found.append(f"{path.relative_to(folder)}: {error}")
    return found


def _read(path: Path) -> None:
    if path.name == "run.json":
        read_run(path.parent)
    elif path.suffix == ".json":
        json.loads(path.read_bytes())
    elif path.suffix == ".csv":
        read_table(path)
    elif path.suffix == ".safetensors" and path.name != "weights.safetensors":
        read_container_file(path, TUNED if path.parent.name == "tuned" else PACKED)
    elif path.suffix in (".html", ".svg"):
        assert path.read_text().rstrip().endswith(f"</{path.suffix[1:]}>"), "cut short"
    elif path.suffix == ".png":
        assert path.read_bytes()[-8:-4] == b"IEND", "cut short"


def finished_trials(folder: Path, run: str = "run-a") -> int:
    """Of the journal of a run: each ends with a line of its own."""
    journal = folder / run / "study.journal"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return sum(log["op_code"] == 6 and log["state"] in FINISHED for log in map(json.loads, lines))


def finished_rows(folder: Path) -> int:
    """Of the database study.db."""
    if not (folder / "study.db").exists():
        return 0
    try:
        with sqlite3.connect(folder / "study.db") as database:
            return database.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:  # no table yet
        return 0


def content(path: Path) -> bytes | dict[str, bytes] | None:
    """A file, or the files of a folder by name."""
    if path.is_dir():
        return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    return path.read_bytes() if path.exists() else None
