"""The run folder: written whole or not at all, read back with every fault named."""

import re
from pathlib import Path
from typing import Any

from costmodels.printable import printable_data
from reports.atomic_write import write_files
from reports.best_front import GAP_TABLES
from reports.columns import TABLES
from reports.csv_tables import read_table, table_csv
from reports.errors import ReportError
from reports.json_files import read_json
from reports.records import DesignRecord, RunInfo
from reports.reference_point import front_volume
from reports.run_checks import check_run
from reports.run_record import RunRecord

__all__ = ["read_run", "write_run"]

_DESIGN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def write_run(folder: str | Path, run: RunRecord) -> Path:
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
    files = {f"designs/{name}.json": design.content(name) for name, design in run.designs.items()}
    files |= {f"{name}.csv": table_csv(table, f"{name}.csv") for name, table in run.tables.items()}
    info = run.info.model_copy(update={"hypervolume": front_volume(run)})
    files["run.json"] = info.content("run.json")
    stale = [f"designs/{path.name}" for path in (folder / "designs").glob("*.json") if path.stem not in run.designs]
    stale += [
        f"{name}.csv"
        for name in (*GAP_TABLES, "trained")
        if name not in run.tables and (folder / f"{name}.csv").exists()
    ]
    write_files(folder, files, stale)
    return folder


def read_run(folder: str | Path) -> RunRecord:
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
    present = [*TABLES, *(name for name in (*GAP_TABLES, "trained", "tuned") if (folder / f"{name}.csv").is_file())]
    tables = {name: read_table(folder / f"{name}.csv") for name in present}
    paths = [folder / "designs" / f"{name}.json" for name in sorted(set(tables["front"].get("design", ())))]
    paths = [path for path in paths if _DESIGN_ID.fullmatch(path.stem) and path.exists()]
    designs = {path.stem: DesignRecord.parse(printable_data(read_json(path)), f"designs/{path.name}") for path in paths}
    info = RunInfo.parse(_printable_info(read_json(folder / "run.json")), "run.json")
    run = RunRecord(info=info, designs=designs, **tables)
    check_run(run)
    return run


def _printable_info(plain: dict[str, Any]) -> dict[str, Any]:
    """What run.json holds, its texts made printable but for the configuration, whose texts are names of files."""
    return {**printable_data(plain), "configuration": plain.get("configuration")}
