"""What every front offers in Python: its table, its best design, its picture, and HTML for notebooks."""

import abc
from typing import TYPE_CHECKING, Any

from explorer.api.wording import in_python, python_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reports.records import Objective
    from reports.run_record import RunRecord

__all__ = ["FrontView"]

MOST_ROWS = 20
"""Rows of a notebook's table: a front may have hundreds."""


class FrontView(abc.ABC):
    """A front with the facts that it stands on."""

    @property
    @abc.abstractmethod
    def record(self) -> "RunRecord":
        """The tables and facts."""

    @property
    def front(self) -> "pd.DataFrame":
        """The designs that fit and that no other one dominates, one row for each."""
        return self.record.front.copy()

    def best(self, figure: str | None = None) -> "pd.Series[Any]":
        """The design of the front that is best in a figure; of equals the one of least storage.

        Args:
            figure: an objective or a column of the front; the quality that was searched for by default.

        Returns:
            Its row of the front.

        Raises:
            FilterfrontError: the designs have no such figure, or none fits.
        """
        from reports.errors import ReportError
        from reports.front import losses

        with python_words():
            goal = self._goal(figure)
            table = self.record.front.sort_values(["storage_bytes", "design"])
            values = losses(table, [goal])[:, 0]
            if not len(values):
                raise ReportError("a best design is one that fits", "no design fits", "raise a budget, or search more")
            return table.iloc[int(values.argmin())]

    def plot(self, x: str | None = None, y: str | None = None) -> "Figure":
        """Draw the front: measured designs, budgets, uniform quantization and the float network.

        Args:
            x: the figure across, by the name of an objective or of a column.
            y: the figure up. Without any the objectives of the search are drawn, in pairs where there are several; with
                one alone the other is the quality, or the size, that was searched for.

        Returns:
            The picture, a matplotlib Figure.

        Raises:
            FilterfrontError: the designs have no such figure.
        """
        from reports.front_figure import draw_front
        from reports.front_info import front_info, pair_info

        with python_words():
            if x is None and y is None:
                return draw_front(front_info(self.record))
            across, up = self._goal(x, quality=False), self._goal(y)
            return draw_front(pair_info(self.record, across, up))

    def headline(self) -> str:
        """The front in a few words: network, device, designs, the best of them."""
        from reports.text import format_cell, in_words

        facts, count = self.record.info, len(self.record.front)
        device = f" on {facts.device.name}" if facts.device else ""
        said = f"{facts.network.name}{device}, {count} design{'' if count == 1 else 's'} on the front"
        if not count:
            return f"{said}, none of {facts.counts.measured} measured fits"
        goal, best = self._goal(None), self.best()
        return f"{said}, best {in_words(goal.column)} {format_cell(best[goal.column], goal.column)}"

    def _repr_html_(self) -> str:
        from reports.notebook import notebook_table
        from reports.tables import best_first, front_columns, spread

        rows = spread(best_first(self.record), MOST_ROWS)
        left = len(self.record.front) - len(rows)
        notes = [f"{left} more designs in front."] if left else []
        return notebook_table(self._title(), front_columns(self.record), rows.to_dict("records"), notes + self._notes())

    def _title(self) -> str:
        return repr(self).strip("<>")

    def _notes(self) -> list[str]:
        from reports.key_facts import warnings

        return [in_python(line) for line in warnings(self.record)]

    def _goal(self, name: str | None, quality: bool = True) -> "Objective":
        """The figure of that name; without one the quality or the size that was searched for."""
        from reports.named_figure import find_figure
        from searches.figures import QUALITY_FIGURES

        if name is not None:
            return find_figure(self.record, name)
        goals = self.record.info.objectives
        wanted = [goal for goal in goals if (goal.column in QUALITY_FIGURES) == quality]
        if wanted or quality:
            return (*wanted, goals[0])[0]
        return find_figure(self.record, "storage_bytes")
