"""From a run folder to its report: what `filterfront report DIR` calls."""

from pathlib import Path

from reports.atomic_write import write_files
from reports.figures import picture_files
from reports.page import page_html
from reports.parquet_tables import has_parquet, parquet_files
from reports.run_folder import read_run

__all__ = ["render"]


def render(folder: str | Path, design: str | None = None, parquet: bool = False) -> Path:
    """Draws front, layers and gap and writes report.html into a run folder; returns the page's path.

    A folder that has tables as Parquet gets them again, so that they say what the CSV tables say.

    Args:
        folder: a run folder.
        design: whose layers are drawn; the recommended one by default.
        parquet: whether tables are written as Parquet too.

    Raises:
        ReportError: the folder is no run folder, is damaged or cannot be written, or the front has no such design.
    """
    folder = Path(folder)
    run = read_run(folder)
    tables = parquet_files(run) if parquet or (any(folder.glob("*.parquet")) and has_parquet()) else {}
    files = tables | picture_files(run, design) | {"report.html": page_html(run, design, str(folder)).encode()}
    kinds = ("layers.png", "layers.svg", "gap*.png", "gap*.svg", "*.parquet")
    drawn_before = [path.name for kind in kinds for path in folder.glob(kind)]
    write_files(folder, files, [name for name in drawn_before if name not in files])
    return folder / "report.html"
