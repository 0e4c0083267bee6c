"""``filterfront.compare``: several runs of one network side by side."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.api.arguments import describe
from explorer.api.run import Run, load_run, open_run
from explorer.api.wording import python_words
from explorer.system.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reports.comparison import Comparison as ComparedRuns

__all__ = ["Comparison", "compare", "compare_folders"]

_PICTURES = (".png", ".svg", ".pdf")


class Comparison:
    """Runs of one network on the same data, side by side.

    Args:
        compared: the runs with the figures and the reference point that they are compared by.
    """

    def __init__(self, compared: "ComparedRuns") -> None:
        self._compared = compared

    @property
    def reference(self) -> dict[str, float]:
        """The point that all hypervolumes are measured from, by column."""
        return dict(self._compared.reference)

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs between the runs and has to be known before they are judged."""
        return self._compared.notes

    def to_frame(self) -> "pd.DataFrame":
        """One row for each run: network, device, budgets, designs measured and those that fit, the best within the
        run's own budgets, the smallest that loses nothing against the float network, and the hypervolume from the
        common `reference`, also as a share of that of all runs together."""
        return self._compared.table()

    def plot(self, x: str | None = None, y: str | None = None) -> "Figure":
        """Draw the fronts of all runs in one picture.

        Args:
            x: the figure across, by the name of an objective or of a column; a size by default.
            y: the figure up; the quality that was searched for by default.

        Returns:
            The picture, a matplotlib Figure.

        Raises:
            FilterfrontError: the designs of a run have no such figure.
        """
        from reports.comparison_figure import comparison_info, draw_comparison

        with python_words():
            return draw_comparison(comparison_info(self._compared, x, y))

    def save(self, path: Path) -> None:
        """Draw the picture of `plot` into a file.

        Args:
            path: its ending is the format: .png, .svg or .pdf.

        Raises:
            ArgumentError: it has another ending.
        """
        from reports.atomic_write import whole_file

        if path.suffix.lower() not in _PICTURES:
            raise ArgumentError("a picture is a file of a known kind", str(path), f"end it in {', '.join(_PICTURES)}")
        with whole_file(path) as unfinished:
            self.plot().savefig(unfinished)

    def text(self, width: int | None = None) -> str:
        """The table for a terminal.

        Args:
            width: its columns; None shows the whole table.
        """
        from reports.tables import text_table

        rows, columns = self.to_frame().to_dict("records"), self._compared.columns()
        first = [about.name for about in columns if about.name.startswith(("best_", "no_loss_", "device"))]
        return text_table(columns, rows, width, first)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        runs, figures = self._compared.runs, (self._compared.quality, self._compared.size)
        network = next(iter(runs.values())).info.network.name
        said = " against ".join(figure.name for figure in figures)
        return f"<Comparison of {len(runs)} runs of {network} by {said}: {', '.join(runs)}>"

    def _repr_html_(self) -> str:
        from reports.notebook import notebook_table

        rows = self.to_frame().to_dict("records")
        return notebook_table(repr(self).strip("<>"), self._compared.columns(), rows, self.notes)


def compare(runs: Sequence[Run | str | os.PathLike[str]]) -> Comparison:
    """Compare runs of one network: one table, one picture.

    Args:
        runs: two or more, as runs or as their folders.

    Returns:
        The comparison, with ``to_frame()`` and ``plot()``.

    Raises:
        ArgumentError: something is neither a run nor a folder.
        FilterfrontError: fewer than two runs, or runs of different networks or data; what differs is said.

    Examples:
        Two searches with different samplers::

            ff.compare([guided, ff.load_run("runs/tpe")]).to_frame()
    """
    with python_words():
        if isinstance(runs, (Run, str, os.PathLike)) or not isinstance(runs, Sequence):
            raise ArgumentError("runs are compared as a list", describe(runs), "give for example [run_a, run_b]")
        return _compared([_opened(run) for run in runs])


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """`compare`, with messages in the command's words."""
    return _compared([open_run(folder) for folder in folders])


def _compared(opened: Sequence[Run]) -> Comparison:
    from reports.comparison import compare_runs

    return Comparison(compare_runs(dict(zip(_names(opened), (run.record for run in opened), strict=True))))


def _opened(run: object) -> Run:
    if isinstance(run, Run):
        return run
    if isinstance(run, (str, os.PathLike)):
        return load_run(run)
    raise ArgumentError("a run is a Run or its folder", describe(run), "give what search or load_run returns")


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names; whole paths where two are alike, and numbered where even these are."""
    for names in ([run.folder.resolve().name for run in runs], [str(run.folder) for run in runs]):
        if len(set(names)) == len(names):
            return names
    return [f"{run.folder} ({place})" for place, run in enumerate(runs, start=1)]
