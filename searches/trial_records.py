"""The record of a finished trial, as it is written into Optuna's study and read from it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from searches.constraints import violation
from searches.design import Design
from searches.measurer import Measurement
from searches.problem import Problem, TrialRecord

__all__ = [
    "LOST_TWICE",
    "SURPLUS",
    "finished_records",
    "is_settled",
    "kept_record",
    "measured_record",
    "read_record",
    "tell",
    "tell_record",
]

LOST_TWICE = "the process that measured it ended twice"

SURPLUS = "surplus"
"""The attribute of a trial that failed because enough others were begun in the same moment."""


def measured_record(trial: optuna.Trial, design: Design, measurement: Measurement, problem: Problem) -> TrialRecord:
    """The record of a measurement. A figure that is wanted or limited and is not a finite number fails the trial."""
    figures = {column: _plain(value) for column, value in measurement.figures.items()}
    reason = measurement.reason or _not_finite(figures, problem)
    state = "failed" if reason else "measured"
    return TrialRecord(trial.number, design, state, measurement.seconds, figures, reason)


def _not_finite(figures: Mapping[str, Any], problem: Problem) -> str:
    """Why no front can hold a design with these figures; empty if one can."""
    columns = [objective.column for objective in problem.objectives] + [budget.column for budget in problem.budgets]
    undefined = [column for column in dict.fromkeys(columns) if math.isnan(figures[column])]
    if undefined:
        return f"{', '.join(undefined)} is not a number"
    infinite = [column for column in dict.fromkeys(columns) if math.isinf(figures[column])]
    return f"{', '.join(infinite)} is infinite" if infinite else ""


def tell_record(study: optuna.Study, trial: optuna.Trial, record: TrialRecord, problem: Problem) -> None:
    """Writes the record into the study. The figures go first: a trial that is finished has them."""
    kept = {name: getattr(record, name) for name in ("state", "seconds", "reason", "figures")}
    kept["design"] = record.design_id
    trial.set_user_attr("record", kept)
    if record.state == "failed":
        tell(study, trial, state=TrialState.FAIL)
        return
    for budget in problem.budgets:
        if budget.name not in trial.constraints:
            trial.set_constraint(budget.name, violation(budget, record.figures))
    tell(study, trial, values=[float(record.figures[item.column]) for item in problem.objectives])


def tell(
    study: optuna.Study, trial: optuna.Trial, values: list[float] | None = None, state: TrialState | None = None
) -> None:
    """Finishes a trial.

    Raises:
        UpdateFinishedTrialError: it was given up as lost meanwhile, whether that is known here already or not.
    """
    try:
        study.tell(trial, values, state)
    except ValueError as error:
        if study._storage.get_trial(trial._trial_id).state.is_finished():
            raise UpdateFinishedTrialError(str(error)) from error
        raise


def kept_record(number: int, design: Design, kept: Mapping[str, Any]) -> TrialRecord:
    """The record that `tell_record` wrote."""
    return TrialRecord(number, design, kept["state"], kept["seconds"], kept["figures"], kept["reason"])


def read_record(trial: FrozenTrial, problem: Problem) -> TrialRecord | None:
    """The record of a trial that is complete or failed; None for one that another takes the place of.

    A trial whose process ended is repeated once by Optuna's retry. When the second ended too, that is its record.
    """
    if not is_settled(trial):
        return None
    design, kept = problem.space.design(trial.params), _own_record(trial)
    if kept is None:
        return TrialRecord(trial.number, design, "failed", 0.0, {}, LOST_TWICE)
    return kept_record(trial.number, design, kept)


def is_settled(trial: FrozenTrial) -> bool:
    """Whether the trial ended and no other takes its place. One lost before it had parameters never was a design."""
    retried = trial.system_attrs.get("retry_history") and SURPLUS not in trial.user_attrs
    lost_twice = trial.state == TrialState.FAIL and trial.params and retried
    return _own_record(trial) is not None or bool(lost_twice)


def _own_record(trial: FrozenTrial) -> dict[str, Any] | None:
    """What `tell_record` wrote to its end. One that was lost just before the end leaves its record to its retry."""
    kept: dict[str, Any] | None = trial.user_attrs.get("record")
    whole = kept is not None and (
        trial.state == TrialState.COMPLETE or (trial.state == TrialState.FAIL and kept["state"] == "failed")
    )
    return kept if whole else None


def finished_records(study: optuna.Study, problem: Problem) -> Iterator[TrialRecord]:
    """The records of a study's finished trials, in order."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL)):
        record = read_record(trial, problem)
        if record is not None:
            yield record


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
