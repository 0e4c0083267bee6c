"""Run: everything that a search hands to its report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reports.columns import DATA_COLUMNS, TABLES, TUNED_COLUMNS
from reports.errors import ReportError
from reports.front import front_hypervolume, losses, non_dominated
from reports.gap import GAP_TABLES, pair_name
from reports.run_info import RunInfo, parse_info

__all__ = ["Run", "check_run", "hypervolume_facts", "reference_value"]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished or interrupted search.

    Args:
        info: the facts of run.json (see `reports.run_info.RunInfo`).
        trials: one row for every trial.
        front: the feasible designs that no other feasible one dominates.
        layers: one row for every layer of every front design.
        baselines: uniform quantization, one row for each width. Their columns are in `reports.columns`.
        designs: design id -> what designs/<id>.json holds.
        exact, gaps: the best fronts, and the designs that fit beside them (see `reports.gap`); empty without a gap.
        tuned: fine-tuned designs, one row for each with its figures before and after; empty where there is none.
    """

    info: Mapping[str, Any]
    trials: pd.DataFrame
    front: pd.DataFrame
    layers: pd.DataFrame
    baselines: pd.DataFrame
    designs: Mapping[str, Mapping[str, Any]]
    exact: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["exact"])))
    gaps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["gaps"])))
    tuned: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TUNED_COLUMNS)))

    @cached_property
    def facts(self) -> RunInfo:
        """``info``, checked and typed.

        Raises:
            ReportError: keys are missing or of the wrong kind.
        """
        return parse_info(dict(self.info))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The four tables by name, and those of the gap where there is one."""
        names = (*TABLES, *(name for name in GAP_TABLES if len(getattr(self, name))))
        return {name: getattr(self, name) for name in names}

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
    _check_gap(run)
    lost = [name for name in TUNED_COLUMNS if name not in run.tuned.columns]
    if lost:
        raise ReportError("tuned.csv has all its columns", "missing " + ", ".join(lost), "fine-tune a design again")
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


def _check_gap(run: Run) -> None:
    """Every pair has its tables, and no design is beyond what is the best possible."""
    missing = [
        f"{name}.csv: {column}"
        for name, columns in GAP_TABLES.items()
        for column in columns
        if column not in getattr(run, name).columns
    ]
    pairs = run.facts.gap.pairs if run.facts.gap else ()
    wanted = {pair_name(pair.first, pair.second) for pair in pairs}
    missing += [f"exact.csv: {name}" for name in sorted(wanted - set(run.exact.get("pair", ())))]
    if missing:
        raise ReportError("a gap has its tables", "missing " + ", ".join(missing), _AGAIN)
    beyond = (run.gaps["first"] < run.gaps["least_first"]) | (run.gaps["second"] < run.gaps["least_second"])
    if beyond.any():
        raise ReportError("no design is beyond the best front", _names(set(run.gaps["design"][beyond])), _AGAIN)


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
    whole = run.facts.float_network.storage_bytes
    reference = {
        objective.column: reference_value(objective.column, objective.direction, run.trials[objective.column], whole)
        for objective in objectives
    }
    if len(objectives) < 2 or not all(np.isfinite(value) for value in reference.values()):
        return None
    value = front_hypervolume(run.front, objectives, list(reference.values()))
    return {"value": value, "reference": reference}


def reference_value(column: str, direction: str, measured: Iterable[Any], float_storage_bytes: float | None) -> float:
    """The reference value of a column: see `hypervolume_facts`; NaN where nothing finite was measured."""
    whole = float_storage_bytes if column == "storage_bytes" else None
    fixed = _WORST.get(column, whole)
    if fixed is not None:
        return float(fixed)
    values = pd.Series(list(measured), dtype=object).to_numpy(dtype=float, na_value=np.nan)
    finite = values[np.isfinite(values)]
    return float(finite.min() if direction == "maximize" else finite.max()) if len(finite) else float("nan")
