"""A progress bar over the trials of a search, with the best feasible value of each objective so far."""

import math
from types import TracebackType

from explorer.system.progress import Stage
from searches.constraints import exceeded
from searches.problem import Problem, TrialRecord

__all__ = ["TrialProgress"]


class TrialProgress:
    """Shows finished trials.

    Args:
        problem: what is searched.
        trials: that are to be finished.
        finished: that are already.
        title: what is done.
        unit: what is counted.
    """

    def __init__(
        self, problem: Problem, trials: int, finished: int, title: str = "searching", unit: str = "trial"
    ) -> None:
        self._problem = problem
        self._bar = Stage(title, trials, unit, done=finished)
        self.best: dict[str, float] = {}

    def __enter__(self) -> "TrialProgress":
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def show(self, record: TrialRecord) -> None:
        """Moves the bar on by a finished trial."""
        self._note(record)
        self._bar.note(", ".join(f"best {name} {value:,.4g}" for name, value in self.best.items()))
        self._bar.update()

    def _note(self, record: TrialRecord) -> None:
        """Keeps the best values, of designs within all budgets."""
        if record.state == "failed" or exceeded(self._problem.budgets, record.figures):
            return
        for item in self._problem.objectives:
            value = float(record.figures[item.column])
            better = max if item.direction == "maximize" else min
            if not math.isnan(value):
                self.best[item.name] = better(value, self.best.get(item.name, value))
