"""The search itself: an Optuna study over a design space, with budgets as constraints.

A design is measured once, whatever trials propose it; the figures of a repeated one are read from its first trial.
Every finished trial is in the storage before the next begins, so an interruption loses at most the design being
measured. Each trial's sampler is seeded from the search's seed and the number of finished trials, so that a resumed
search proposes what an uninterrupted one would have.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from searches.anchors import anchor_levels
from searches.constraints import Budget, violation
from searches.design import Design, design_id
from searches.errors import SearchError
from searches.objectives import Objective
from searches.samplers import make_sampler
from searches.signature import check_signature, plain_signature
from searches.space import Space

__all__ = ["Figures", "Problem", "SearchResult", "TrialRecord", "open_study", "run_study"]

Figures = Mapping[str, Any]
"""A design's figures by column: integers that are counted, floats that are measured."""


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Args:
        space: the designs. objectives, budgets: what is wanted and what is allowed. evaluate: figures of a design.
        signature: everything that figures depend on, as plain data; a study is resumed only under an equal one.
    """

    space: Space
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    evaluate: Callable[[Design], Figures]
    signature: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial: ``state`` is ``measured``, ``repeated`` (figures of an earlier trial) or ``failed``."""

    number: int
    design: str
    schemes: Design
    state: str
    seconds: float
    figures: Figures
    reason: str = ""


@dataclass(frozen=True)
class SearchResult:
    """The finished trials in order, and whether the search was interrupted."""

    trials: tuple[TrialRecord, ...]
    interrupted: bool

    def measured(self) -> dict[str, TrialRecord]:
        """The measured designs by name, each once."""
        return {trial.design: trial for trial in self.trials if trial.state == "measured"}


def open_study(problem: Problem, storage: BaseStorage, name: str, resume: bool) -> optuna.Study:
    """The study of that name, created where it does not exist.

    Trials that an earlier run left running wait at their place in the order, so that the next run takes them up first.

    Raises:
        SearchError: it exists and ``resume`` is false, something else made it, or it was made under another signature
            (what differs is named).
    """
    directions = [StudyDirection[objective.direction.upper()] for objective in problem.objectives]
    if name not in optuna.get_all_study_names(storage):
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        return _prepare(study, problem)
    if not resume:
        raise SearchError(
            "a new search has a study of its own", name, "add --resume to go on with it, or choose another --out"
        )
    study = optuna.load_study(storage=storage, study_name=name)
    before = study.user_attrs.get("signature")
    if before is None:
        started = study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAIL))
        if started or study.directions != directions:
            raise SearchError("a search resumes a study of its own", f"{name} of another program", "choose another")
        return _prepare(study, problem)
    check_signature(before, problem.signature)
    _take_up(study, storage, problem)
    return study


def _prepare(study: optuna.Study, problem: Problem) -> optuna.Study:
    """Queues the anchors. The signature comes last: a study that has it is ready, one without is prepared again."""
    for levels in anchor_levels(problem.space):
        study.enqueue_trial(levels, skip_if_exists=True)
    study.set_user_attr("signature", plain_signature(problem.signature))
    return study


def _take_up(study: optuna.Study, storage: BaseStorage, problem: Problem) -> None:
    """Lets trials that were left running wait for the next run.

    One that was stopped within its proposal is given up instead: the next trial proposes the same, from its beginning.
    """
    study_id = storage.get_study_id_from_name(study.study_name)
    names = problem.space.parameters().keys()
    anchors = sum(1 for _ in anchor_levels(problem.space))
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.number < anchors or names <= trial.params.keys():
            trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
            storage.set_trial_state_values(trial_id, TrialState.WAITING)
        else:
            study.tell(trial.number, state=TrialState.FAIL)


def run_study(
    study: optuna.Study,
    problem: Problem,
    sampler: str,
    seed: int,
    trials: int,
    on_trial: Callable[[TrialRecord], None] = lambda record: None,
    stop: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Runs trials until the study holds ``trials`` finished ones, those of earlier runs among them.

    Args:
        study: from `open_study`. problem: what is searched. sampler: its name. seed: of the search.
        on_trial: called with each record as it is finished, for progress. stop: asked before each trial.

    Returns:
        The finished trials. ``stop`` or a KeyboardInterrupt ends the run early, which is said in the result. Any other
        exception of ``problem.evaluate`` is raised; the study can be resumed after it, with the same design first.
    """
    parameters = problem.space.parameters()
    records = list(_finished(study, problem))
    known = {record.design: record for record in records if record.state != "repeated"}
    try:
        while len(records) < trials:
            if stop():
                return SearchResult(tuple(records), interrupted=True)
            study.sampler = make_sampler(sampler, _trial_seed(seed, len(records)), parameters)
            trial = study.ask()
            record = _run_trial(trial, problem, known)
            _tell(study, trial, record, problem)
            records.append(record)
            known.setdefault(record.design, record)
            on_trial(record)
    except KeyboardInterrupt:
        return SearchResult(tuple(records), interrupted=True)
    return SearchResult(tuple(records), interrupted=False)


def _trial_seed(seed: int, finished: int) -> int:
    """A seed of its own for each trial."""
    return int(np.random.SeedSequence((seed, finished)).generate_state(1)[0])


def _run_trial(trial: optuna.Trial, problem: Problem, known: Mapping[str, TrialRecord]) -> TrialRecord:
    """Proposes, and measures unless the design is known or the trial was stopped only after its measurement."""
    _ = trial.relative_params  # lets a queued trial into its generation: without, no anchor is a parent in NSGA-II
    levels = {name: trial.suggest_categorical(name, values) for name, values in problem.space.parameters().items()}
    design = problem.space.design(levels)
    name = design_id(design)
    kept = trial.user_attrs.get("record")
    if kept is not None:
        return _record(trial.number, design, kept)
    before = known.get(name)
    if before is not None:
        state = "failed" if before.state == "failed" else "repeated"
        return TrialRecord(trial.number, name, design, state, 0.0, before.figures, before.reason)
    start = time.perf_counter()
    figures = {column: _plain(value) for column, value in problem.evaluate(design).items()}
    seconds = time.perf_counter() - start
    columns = [objective.column for objective in problem.objectives] + [budget.column for budget in problem.budgets]
    undefined = [column for column in dict.fromkeys(columns) if math.isnan(figures[column])]
    reason = f"{', '.join(undefined)} is not a number" if undefined else ""
    return TrialRecord(trial.number, name, design, "failed" if reason else "measured", seconds, figures, reason)


def _tell(study: optuna.Study, trial: optuna.Trial, record: TrialRecord, problem: Problem) -> None:
    """Writes the record into the study. The figures go first: a trial that is finished has them."""
    kept = {name: getattr(record, name) for name in ("design", "state", "seconds", "reason", "figures")}
    trial.set_user_attr("record", kept)
    if record.state == "failed":
        study.tell(trial, state=TrialState.FAIL)
        return
    for budget in problem.budgets:
        if budget.name not in trial.constraints:
            trial.set_constraint(budget.name, violation(budget, record.figures))
    study.tell(trial, [float(record.figures[item.column]) for item in problem.objectives])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _record(number: int, design: Design, kept: Mapping[str, Any]) -> TrialRecord:
    """The record that `_tell` wrote."""
    return TrialRecord(number, kept["design"], design, kept["state"], kept["seconds"], kept["figures"], kept["reason"])


def _finished(study: optuna.Study, problem: Problem) -> Iterator[TrialRecord]:
    """The finished trials of a study, in order."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL)):
        if "record" in trial.user_attrs:
            yield _record(trial.number, problem.space.design(trial.params), trial.user_attrs["record"])
