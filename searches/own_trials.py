"""Trials that this process lets run, and the last that it has finished, as the database has them or will."""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from searches.trial_statements import Head

__all__ = ["OwnTrials"]

_FINISHED = 64
"""Trials that are remembered: Optuna reads each once more, when the next is asked for."""


class OwnTrials:
    """What a process knows of trials without asking the database.

    A trial belongs to the process that made it run, by its own doing: one that it has queued does not, since another
    process may take it up.
    """

    def __init__(self) -> None:
        self._running: dict[int, FrozenTrial] = {}
        self._taken: set[int] = set()
        self._finished: OrderedDict[int, FrozenTrial] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._running or self._finished)

    def begin(self, trial_id: int, number: int, start: datetime) -> FrozenTrial:
        """A trial that was made to run here."""
        made = self._running[trial_id] = FrozenTrial(
            number=number,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=start,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=trial_id,
        )
        return copied(made)

    def get(self, trial_id: int) -> FrozenTrial | None:
        """A trial, one that runs as it will be written; None where it is not known."""
        trial = self._running.get(trial_id) or self._finished.get(trial_id)
        return None if trial is None else copied(trial)

    def read(self, trial: FrozenTrial) -> None:
        """The trial was read; from now on it is known if it was taken up here."""
        if trial._trial_id in self._taken and trial.state == TrialState.RUNNING:
            self._taken.discard(trial._trial_id)
            self._running[trial._trial_id] = copied(trial)

    def known(self, head: Head) -> FrozenTrial | None:
        """The trial of a row; None where it is not known, or is no longer what was known of it."""
        trial = self.get(head.trial_id)
        return trial if trial is not None and trial.state == head.state else None

    def set_parameter(self, trial_id: int, name: str, internal: float, distribution: BaseDistribution) -> None:
        """A parameter of a trial is set."""
        if (trial := self._running.get(trial_id)) is not None:
            trial.distributions[name] = distribution
            trial.params[name] = distribution.to_external_repr(internal)

    def set_attribute(self, trial_id: int, kind: str, key: str, value: Any) -> None:
        """An attribute of a trial is set: of users (``user_attrs``) or of Optuna (``system_attrs``)."""
        if (trial := self._running.get(trial_id)) is not None:
            getattr(trial, kind)[key] = value

    def change(self, trial_id: int, state: TrialState, values: Sequence[float] | None, time: datetime) -> None:
        """The state of a trial was changed here, at a local time."""
        trial = self._running.get(trial_id)
        self.forget(trial_id)
        if state == TrialState.RUNNING:
            self._taken.add(trial_id)
        elif state.is_finished() and trial is not None:
            trial.state, trial.datetime_complete = state, time
            trial.values = None if values is None else [float(value) for value in values]
            self._finished[trial_id] = trial
            while len(self._finished) > _FINISHED:
                self._finished.popitem(last=False)

    def forget(self, trial_id: int) -> None:
        """The database alone says what the trial is."""
        self._running.pop(trial_id, None)
        self._taken.discard(trial_id)


def copied(trial: FrozenTrial) -> FrozenTrial:
    """A trial that may be changed."""
    other = copy.copy(trial)
    other.params, other.distributions = dict(trial.params), dict(trial.distributions)
    other.user_attrs, other.system_attrs = dict(trial.user_attrs), dict(trial.system_attrs)
    return other
