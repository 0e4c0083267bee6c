"""An Optuna sampler that proposes designs of another study, to be trained longer than they were there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from searches.errors import SearchError
from searches.figures import DIVERGENCE
from searches.guided.observed import surrogate_logs
from searches.promotion import START, Pool, promoted

__all__ = ["PromotingSampler"]

ATTRIBUTE = "promoted:trial"
"""System attribute of a trial: the number of the trial of the other study whose design it takes."""


class PromotingSampler(BaseSampler):
    """Proposes the design of the study below whose training is expected to add most to the front.

    Everything is decided from the two studies, so that a search that is resumed goes on with the proposals that it
    would have had.

    Args:
        below: the study whose designs are taken: those that were measured there and keep every budget, each once.
        measured: the place of the objective that training changes.
        best: the best value that it can have; None where there is no such.
        start: as `searches.promotion.Pool`.
    """

    def __init__(self, below: Study, measured: int, best: float | None = None, start: int = START) -> None:
        self._below, self._measured, self._best, self._start = below, measured, best, start

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """None: each parameter is answered by its name."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Decides the trial's design, unless it is decided already."""
        if ATTRIBUTE not in trial.system_attrs:
            number = self._decide(study, trial)
            study._storage.set_trial_system_attr(trial._trial_id, ATTRIBUTE, number)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value that the trial of the other study has."""
        number = study._storage.get_trial_system_attrs(trial._trial_id)[ATTRIBUTE]
        return self._below.get_trials(deepcopy=False)[number].params[param_name]

    def _decide(self, study: Study, trial: FrozenTrial) -> int:
        """The number of the trial below whose design is trained.

        Raises:
            SearchError: all of them are.
        """
        candidates = promotable(self._below)
        chosen = promoted(self._pool(study, trial, candidates))
        if chosen is None:
            raise SearchError("designs to train were measured before", "no other", "give more --trials")
        return candidates[chosen].number

    def _pool(self, study: Study, trial: FrozenTrial, candidates: Sequence[FrozenTrial]) -> Pool:
        signs = np.array([-1.0 if one == StudyDirection.MAXIMIZE else 1.0 for one in study.directions])
        losses = np.array([[*found.values] for found in candidates]).reshape(len(candidates), len(signs)) * signs
        place = {found.number: index for index, found in enumerate(candidates)}
        trained, pending = np.full(len(candidates), np.nan), np.zeros(len(candidates), dtype=bool)
        for other in study.get_trials(deepcopy=False):
            index = place.get(other.system_attrs.get(ATTRIBUTE, -1))
            if index is None or other.number == trial.number:
                continue
            if other.state == TrialState.COMPLETE:
                trained[index] = other.values[self._measured] * signs[self._measured]
            else:
                pending[index] = True  # failed ones too: they are not trained again
        return Pool(
            known=np.delete(losses, self._measured, axis=1),
            seen=_seen(candidates, losses[:, self._measured]),
            losses=losses[:, self._measured],
            trained=trained,
            pending=pending,
            least=-np.inf if self._best is None else float(signs[self._measured] * self._best),
            start=self._start,
        )


def promotable(study: optuna.Study) -> list[FrozenTrial]:
    """The trials of a study that measured a design within all budgets."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.user_attrs["record"]["state"] == "measured" and all(value <= 0 for value in trial.constraints.values())
    ]


def _seen(trials: Sequence[FrozenTrial], losses: np.ndarray) -> np.ndarray:
    """What tells most of the loss after training: the divergence of a design's answers from those of the float network
    where it was measured, else its cross-entropy, else its loss."""
    figures = [trial.user_attrs["record"]["figures"] for trial in trials]
    for name in (DIVERGENCE, "loss"):
        found = np.array([_number(one.get(name)) for one in figures])
        if len(found) and np.isfinite(found).any():
            return surrogate_logs(found)
    return losses


def _number(value: Any) -> float:
    """A figure as a number; NaN where there is none."""
    return float("nan") if value is None else float(value)
