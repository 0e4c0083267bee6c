"""Run: everything that a search hands to its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reports.columns import DATA_COLUMNS, TABLES
from reports.errors import ReportError
from reports.front import front_hypervolume, losses, non_dominated
from reports.run_info import Objective, RunInfo, parse_info

__all__ = ["Run", "check_run", "hypervolume_facts"]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished or interrupted search.

    Args:
        info: the facts of run.json (see `reports.run_info.RunInfo`).
        trials: one row for every trial. front: the feasible designs that no other feasible one dominates.
        layers: one row for every layer of every front design. baselines: uniform quantization, one row for each width.
            Their columns are in `reports.columns`.
        designs: design id -> what designs/<id>.json holds.
    """

    info: Mapping[str, Any]
    trials: pd.DataFrame
    front: pd.DataFrame
    layers: pd.DataFrame
    baselines: pd.DataFrame
    designs: Mapping[str, Mapping[str, Any]]

    @cached_property
    def facts(self) -> RunInfo:
        """``info``, checked and typed.

        Raises:
            ReportError: keys are missing or of the wrong kind.
        """
        return parse_info(dict(self.info))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The four tables by name."""
        return {name: getattr(self, name) for name in TABLES}

    @property
    def has_data(self) -> bool:
        """Whether accuracy was measured."""
        return self.facts.data is not None


def check_run(run: Run) -> None:
    """Refuses a run whose parts do not fit together.

    Raises:
        ReportError: facts or columns are missing, a front row breaks a budget or is dominated, or a front design has no
            layers or no design file. All faults of one kind are named at once.
    """
    needed = [objective.column for objective in run.facts.objectives] + [budget.column for budget in run.facts.budgets]
    missing = [
        f"{name}.csv: {column}"
        for name, columns in TABLES.items()
        for column in dict.fromkeys((*columns, *(needed if name != "layers" else ())))
        if column not in getattr(run, name).columns and (run.has_data or column not in DATA_COLUMNS)
    ]
    if missing:
        raise ReportError("the tables of a run have all their columns", "missing " + ", ".join(missing), _AGAIN)
    _check_front(run)
    designs = set(run.front["design"])
    for what, have in (("layers.csv", set(run.layers["design"])), ("designs/", set(run.designs))):
        if designs - have:
            raise ReportError(f"{what} covers every front design", f"missing {_names(designs - have)}", _AGAIN)


def _check_front(run: Run) -> None:
    front, objectives = run.front, run.facts.objectives
    repeated = front["design"][front["design"].duplicated()]
    if len(repeated):
        raise ReportError("a front names each design once", _names(set(repeated)), _AGAIN)
    for budget in run.facts.budgets:
        over = front["design"][~(front[budget.column] <= budget.limit)]
        if len(over):
            raise ReportError(f"every front design keeps the {budget.name} budget", _names(set(over)), _AGAIN)
    dominated = front["design"][~non_dominated(losses(front, objectives))]
    if len(dominated):
        raise ReportError("no front design dominates another, and all are finite", _names(set(dominated)), _AGAIN)


_AGAIN = "run the search again"


def _names(names: set[str]) -> str:
    return ", ".join(sorted(map(str, names)))


_WORST = {"accuracy": 0.0, "test_accuracy": 0.0, "distortion": 1.0}
"""Values that no useful design falls short of: nothing right, or the error of weights that are all zero."""


def hypervolume_facts(run: Run) -> dict[str, Any] | None:
    """Hypervolume of the front in the first two objectives, with its reference point, for run.json.

    The reference is fixed by the network where it can be, so that runs compare: accuracy 0, distortion 1 (all weights
    zero), storage of the float network. Otherwise it is the worst finite value measured. ``None`` with one objective or
    nothing finite measured.
    """
    objectives = run.facts.objectives[:2]
    reference = {objective.column: _reference(run, objective) for objective in objectives}
    if len(objectives) < 2 or not all(np.isfinite(value) for value in reference.values()):
        return None
    value = front_hypervolume(run.front, objectives, list(reference.values()))
    return {"value": value, "reference": reference}


def _reference(run: Run, objective: Objective) -> float:
    whole = run.facts.float_network.storage_bytes if objective.column == "storage_bytes" else None
    fixed = _WORST.get(objective.column, whole)
    if fixed is not None:
        return float(fixed)
    values = run.trials[objective.column].to_numpy(dtype=float, na_value=np.nan)
    finite = values[np.isfinite(values)]
    return float(finite.min() if objective.direction == "maximize" else finite.max()) if len(finite) else float("nan")
