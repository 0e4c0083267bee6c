"""What a study holds, as designs: those measured, and those proposed and not measured yet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from searches.guided.problem_tables import ProblemTables

__all__ = ["ATTRIBUTE", "History", "read_history"]

ATTRIBUTE = "guided:design"
"""System attribute of a trial: the design that it was proposed."""

Row = tuple[int, ...]
"""A design: the index of a choice for each variable."""


@dataclass(frozen=True, eq=False)
class History:
    """The designs of a study as one trial sees them.

    Args:
        designs: measured, each once, shape (measured, variables).
        losses: all to be small, shape (measured, objectives).
        violations: of each constraint, shape (measured, constraints), positive where it is violated; NaN unknown.
        pending: proposed and not measured.
        taken: all designs that are not proposed again.
        undecided_before: running trials before this one that have no design yet.
        least: the least loss that the measured objective can have.
        surrogates: of the measured designs, shape (measured,); None where none has one.
    """

    designs: np.ndarray
    losses: np.ndarray
    violations: np.ndarray
    pending: tuple[Row, ...]
    taken: frozenset[Row]
    undecided_before: int
    least: float = -math.inf
    surrogates: np.ndarray | None = None

    @property
    def feasible(self) -> np.ndarray:
        """Which measured designs violate no constraint: booleans of shape (measured,)."""
        return np.asarray(~(self.violations > 0).any(axis=1))


def read_history(study: Study, tables: ProblemTables, number: int) -> History:
    """The history for one trial. Failed trials are not learned from, and not proposed again.

    Args:
        study: whose trials are read.
        tables: the variables.
        number: of the trial that is to be given a design.
    """
    signs = [-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions]
    measured: dict[Row, tuple[list[float], dict[str, float], float]] = {}
    pending: dict[Row, None] = {}
    failed: set[Row] = set()
    undecided_before = 0
    for trial in study.get_trials(deepcopy=False):
        if trial.number == number:
            continue
        design = _design(trial, tables)
        if design is None:
            undecided_before += trial.state == TrialState.RUNNING and trial.number < number
        elif trial.state == TrialState.COMPLETE:
            losses = [sign * value for sign, value in zip(signs, trial.values, strict=True)]
            measured.setdefault(design, (losses, dict(trial.constraints), _surrogate(trial, tables)))
        elif trial.state in (TrialState.RUNNING, TrialState.WAITING):
            pending[design] = None
        else:
            failed.add(design)
    names = sorted({name for _, violations, _ in measured.values() for name in violations})
    violations = [[found.get(name, np.nan) for name in names] for _, found, _ in measured.values()]
    surrogates = np.array([surrogate for *_, surrogate in measured.values()])
    return History(
        designs=np.array(list(measured), dtype=np.int64).reshape(len(measured), len(tables.variables)),
        losses=np.array([losses for losses, *_ in measured.values()]).reshape(len(measured), len(signs)),
        violations=np.array(violations, dtype=np.float64).reshape(len(measured), len(names)),
        pending=tuple(design for design in pending if design not in measured),
        taken=frozenset({*measured, *pending, *failed}),
        undecided_before=int(undecided_before),
        least=_least(tables, signs),
        surrogates=surrogates if np.isfinite(surrogates).any() else None,
    )


def _surrogate(trial: FrozenTrial, tables: ProblemTables) -> float:
    """NaN where there is none."""
    found = tables.surrogate(trial) if tables.surrogate is not None else None
    return math.nan if found is None else float(found)


def _least(tables: ProblemTables, signs: Sequence[float]) -> float:
    """The loss of the best value that the measured objective can have."""
    if tables.best is None or tables.measured is None:
        return -math.inf
    return signs[tables.measured] * tables.best


def _design(trial: FrozenTrial, tables: ProblemTables) -> Row | None:
    """The design of a trial: as it was proposed, unless it was queued with parameters of its own.

    One that failed before all of its parameters were named was never decided.
    """
    fixed = trial.system_attrs.get("fixed_params")
    proposed: Sequence[int] | None = trial.system_attrs.get(ATTRIBUTE)
    if fixed is not None:
        return tables.find({**fixed, **trial.params})
    if proposed is None:
        return tables.find(trial.params)
    if trial.state == TrialState.FAIL and not tables.values(proposed).keys() <= trial.params.keys():
        return None
    return tuple(proposed)
