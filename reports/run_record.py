"""RunRecord: everything that a search hands to its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from reports.best_front import GAP_TABLES
from reports.columns import TABLES, TRAINED_COLUMNS, TUNED_COLUMNS
from reports.records import DesignRecord, RunInfo
from searches.figures import HELD_OUT

__all__ = ["RunRecord"]


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A finished or interrupted search.

    Args:
        info: what run.json holds.
        trials: one row for every trial; the columns of all tables are in `reports.columns`.
        front: the feasible designs that no other feasible one dominates.
        layers: one row for every layer of every front design.
        baselines: uniform quantization, one row for each width.
        designs: what designs/ID.json holds, by ID.
        exact: the best front of each pair of figures (see `reports.best_front`); empty where none was computed.
        gaps: the designs that fit, compared with these fronts; likewise.
        tuned: fine-tuned designs, one row for each with its figures before and after; empty where there is none.
        trained: the trainings of a search that trains its designs, one row for each; empty where it does not. The front
            is then of designs as their best training left them, and ``trials`` has them as fitted.
    """

    info: RunInfo
    trials: pd.DataFrame
    front: pd.DataFrame
    layers: pd.DataFrame
    baselines: pd.DataFrame
    designs: Mapping[str, DesignRecord]
    exact: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["exact"])))
    gaps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["gaps"])))
    tuned: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TUNED_COLUMNS)))
    trained: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TRAINED_COLUMNS)))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The four tables by name, and those of the gap and of trainings where there are any."""
        names = (*TABLES, *(name for name in (*GAP_TABLES, "trained") if len(getattr(self, name))))
        return {name: getattr(self, name) for name in names}

    @property
    def has_data(self) -> bool:
        """Whether designs were measured on data."""
        return self.info.data is not None

    @property
    def has_labels(self) -> bool:
        """Whether accuracy was measured."""
        return self.info.data is not None and self.info.data.labels

    @property
    def held_out(self) -> tuple[str, ...]:
        """The figures of designs on the test part that the run has: of accuracy, and of objectives."""
        wanted = {goal.column for goal in self.info.objectives} | ({"accuracy"} if self.has_labels else set())
        return tuple(there for name, there in HELD_OUT.items() if name in wanted and there in self.front.columns)
