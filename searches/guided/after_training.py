"""A history as training would leave it, learned from the designs that were trained."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from optuna.study import Study, StudyDirection
from optuna.trial import TrialState

from searches.guided.history import History
from searches.guided.monotone import Monotone
from searches.guided.observed import surrogate_logs
from searches.guided.problem_tables import ProblemTables

__all__ = ["after_training"]

LEAST_TRAINED = 4
"""Designs from which it is learned what training does."""


def after_training(history: History, tables: ProblemTables, trained: Sequence[Study]) -> History:
    """The history with the measured objective as it is after training.

    Designs that were trained have the best that was measured then. The others have a
    non-decreasing function of what was measured as fitted: of the surrogate, or the loss itself where there is none;
    never more than their own loss, which is there without training.

    Args:
        history: of designs as fitted.
        tables: the variables.
        trained: studies of trained designs.

    Returns:
        The same history where nothing is measured, or too few designs are trained to learn from.
    """
    place = tables.measured
    if place is None or not trained or not len(history.designs):
        return history
    found: dict[tuple[int, ...], float] = {}
    for study in trained:
        sign = -1.0 if study.directions[place] == StudyDirection.MAXIMIZE else 1.0
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            design = tables.find(trial.params)
            if design is not None:
                found[design] = min(found.get(design, np.inf), sign * trial.values[place])
    losses = history.losses.copy()
    after = np.array([found.get(tuple(design), np.nan) for design in history.designs.tolist()])
    is_trained, is_finite = np.isfinite(after), np.isfinite(losses[:, place])
    if is_trained.sum() < LEAST_TRAINED:
        return history
    seen = losses[:, place] if history.surrogates is None else surrogate_logs(history.surrogates)
    expected = np.minimum(Monotone.of(seen[is_trained], after[is_trained]).at(seen), losses[:, place])
    losses[:, place] = np.where(is_trained, after, np.where(is_finite, expected, losses[:, place]))
    return replace(history, losses=losses)
