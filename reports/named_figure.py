"""A figure of a run's designs by its name: that of an objective, ``flash``, or of a column, ``flash_bytes``."""

import difflib
from typing import Literal

from reports.columns import FLAG, TEXT, column
from reports.errors import ReportError
from reports.records import Objective
from reports.run_record import RunRecord
from searches.objectives import OBJECTIVES

__all__ = ["direction_of", "find_figure", "known_figures"]

_MAXIMIZED = ("test_accuracy", "test_agreement", "compression_ratio")


def known_figures(run: RunRecord) -> tuple[str, ...]:
    """The columns of figures that every design of a run has."""
    kinds = {str(name): column(str(name)).kind for name in run.front.columns}
    return tuple(name for name, kind in kinds.items() if kind not in (TEXT, FLAG) and name in run.trials.columns)


def find_figure(run: RunRecord, name: str) -> Objective:
    """The figure of that name, as what a search would make small or large.

    Args:
        run: whose designs have it.
        name: of an objective or of a column.

    Raises:
        ReportError: the designs of the run have no such figure.
    """
    found = OBJECTIVES[name].column if name in OBJECTIVES else name
    known = known_figures(run)
    if found not in known:
        offered = [*(item.name for item in OBJECTIVES.values() if item.column in known), *known]
        close = difflib.get_close_matches(str(name), offered, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose of {', '.join(dict.fromkeys(offered))}"
        raise ReportError("a figure is one that the designs of the run have", name, remedy)
    named = next((item.name for item in OBJECTIVES.values() if item.column == found), found)
    own = {goal.column: goal.direction for goal in run.info.objectives}
    return Objective(name=named, column=found, direction=own.get(found, direction_of(found)))


def direction_of(name: str) -> Literal["minimize", "maximize"]:
    """Whether a column's figure is better when it is small or when it is large."""
    large = {item.column for item in OBJECTIVES.values() if item.direction == "maximize"}
    return "maximize" if name in large or name in _MAXIMIZED else "minimize"
