"""The search itself: an Optuna study over a design space, with budgets as constraints.

A design is measured once, whatever trials propose it; the figures of a repeated one are read from its first trial.
Every finished trial is in the storage before the next begins, so an interruption loses at most the design being
measured. Each trial's sampler is seeded from the search's seed and the number of finished trials, so that a resumed
search proposes what an uninterrupted one would have.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from searches.anchors import anchor_levels
from searches.constraints import Budget, violation
from searches.design import Design, design_id
from searches.errors import SearchError
from searches.objectives import Objective
from searches.samplers import make_sampler
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

    Raises:
        SearchError: it exists and ``resume`` is false, or it was made under another signature (what differs is named).
    """
    directions = [StudyDirection[objective.direction.upper()] for objective in problem.objectives]
    names = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
    if name not in names:
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        study.set_user_attr("signature", dict(problem.signature))
        for levels in anchor_levels(problem.space):
            study.enqueue_trial(levels)
        return study
    if not resume:
        raise SearchError(
            "a new search has a study of its own", name, "add --resume to go on with it, or choose another --out"
        )
    study = optuna.load_study(storage=storage, study_name=name)
    _check_signature(study.user_attrs.get("signature", {}), problem.signature)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _check_signature(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    plain = json.loads(json.dumps(dict(now)))
    differing = [key for key in sorted({*before, *plain}) if before.get(key) != plain.get(key)]
    if differing:
        changes = "; ".join(f"{key}: {_brief(before.get(key))} then, {_brief(plain.get(key))} now" for key in differing)
        raise SearchError(
            "a search resumes under what it began with", changes, "restore these, or start in another --out"
        )


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]}..."


def run_study(
    study: optuna.Study,
    problem: Problem,
    sampler: str,
    seed: int,
    trials: int,
    on_trial: Callable[[TrialRecord], None] = lambda record: None,
) -> SearchResult:
    """Runs trials until the study holds ``trials`` finished ones, those of earlier runs among them.

    Args:
        study: from `open_study`. problem: what is searched. sampler: its name. seed: of the search.
        on_trial: called with each record as it is finished, for progress.

    Returns:
        The finished trials. A KeyboardInterrupt ends the run early and is said in the result, not raised.
    """
    records = list(_finished(study, problem))
    known = {record.design: record for record in records if record.state != "repeated"}
    interrupted = False
    while len(records) < trials:
        study.sampler = make_sampler(sampler, _trial_seed(seed, len(records)))
        trial = study.ask()
        try:
            record = _run_trial(trial, problem, known)
            _tell(study, trial, record, problem)
        except KeyboardInterrupt:
            interrupted = True
            break
        records.append(record)
        known.setdefault(record.design, record)
        on_trial(record)
    return SearchResult(tuple(records), interrupted)


def _trial_seed(seed: int, finished: int) -> int:
    """A seed of its own for each trial."""
    return int(np.random.SeedSequence((seed, finished)).generate_state(1)[0])


def _run_trial(trial: optuna.Trial, problem: Problem, known: Mapping[str, TrialRecord]) -> TrialRecord:
    """Proposes, and measures unless the design is known."""
    levels = {name: trial.suggest_categorical(name, values) for name, values in problem.space.parameters().items()}
    design = problem.space.design(levels)
    name = design_id(design)
    before = known.get(name)
    if before is not None:
        state = "failed" if before.state == "failed" else "repeated"
        return TrialRecord(trial.number, name, design, state, 0.0, before.figures, before.reason)
    start = time.perf_counter()
    figures = problem.evaluate(design)
    seconds = time.perf_counter() - start
    undefined = [item.name for item in problem.objectives if math.isnan(figures[item.column])]
    reason = f"{', '.join(undefined)} is not a number" if undefined else ""
    return TrialRecord(trial.number, name, design, "failed" if reason else "measured", seconds, figures, reason)


def _tell(study: optuna.Study, trial: optuna.Trial, record: TrialRecord, problem: Problem) -> None:
    """Writes the record into the study. The figures go first: a trial that is finished has them."""
    plain = {key: _plain(value) for key, value in record.figures.items()}
    kept = {"design": record.design, "state": record.state, "seconds": record.seconds, "reason": record.reason}
    trial.set_user_attr("record", {**kept, "figures": plain})
    for budget in problem.budgets:
        trial.set_constraint(budget.name, violation(budget, record.figures))
    if record.state == "failed":
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, [float(record.figures[item.column]) for item in problem.objectives])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _finished(study: optuna.Study, problem: Problem) -> Iterator[TrialRecord]:
    """The finished trials of a study, in order."""
    done: Sequence[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
    for trial in done:
        kept = trial.user_attrs.get("record")
        if kept is not None:
            design = problem.space.design(trial.params)
            yield TrialRecord(
                trial.number, kept["design"], design, kept["state"], kept["seconds"], kept["figures"], kept["reason"]
            )
