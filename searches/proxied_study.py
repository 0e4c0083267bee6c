"""A study behind Optuna's gRPC proxy that several processes work on.

The proxy knows neither heartbeats nor locks. Both are attributes of trials here, which are read and written through it:
a number that changes while the trial's process lives, timed by the clock of whoever watches it, and a claim to a
design. Claims go by the rule of Lamport's bakery [lamport1974new]: claim, look, and only then measure.

References:
    [lamport1974new] L. Lamport. A new solution of Dijkstra's concurrent programming problem. Communications of the
        ACM, 17(8), 1974.
"""

import time
import warnings
from contextlib import suppress
from itertools import count
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from searches.database import GRACE, RETRIES
from searches.shared_study import SharedStudy
from searches.trial_records import is_settled

__all__ = ["ProxiedStudy"]

ALIVE, CLAIM = "filterfront:alive", "filterfront:claim"
CLAIMED, MEASURING = 1, 2


class ProxiedStudy(SharedStudy):
    """A study behind a proxy.

    Args:
        storage: of the proxy.
        interval: seconds between two signs of life.
    """

    def __init__(self, storage: BaseStorage, interval: float) -> None:
        super().__init__(interval)
        self._storage = storage
        self._numbers = count()
        self._seen: dict[int, tuple[Any, float]] = {}

    def _live(self, trial_id: int) -> None:
        self._storage.set_trial_system_attr(trial_id, ALIVE, [*self.salt, next(self._numbers)])

    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Takes the design for the trial; False where another trial has it, or may have it in a moment.

        Of two that claim a design the one with the lower number takes it, once the other has looked and given its claim
        up; whoever measures keeps it.
        """
        trial_id = self._ids[number]
        self._claim(trial_id, design, CLAIMED)
        trials = study.get_trials(deepcopy=False)
        others = [trial for trial in trials if trial.number != number and _stands(trial, design)]
        if any(trial.system_attrs[CLAIM][1] == MEASURING or trial.number < number for trial in others):
            self._claim(trial_id, "", CLAIMED)
            return False
        if others:
            return False
        self._claim(trial_id, design, MEASURING)
        return True

    def _claim(self, trial_id: int, design: str, strength: int) -> None:
        """Writes the claim, and with the state all that was set before."""
        self._storage.set_trial_system_attr(trial_id, CLAIM, [design, strength])
        self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)

    def _fail_lost(self, study: optuna.Study) -> None:
        for trial in self._look(study):
            if trial.state == TrialState.RUNNING and trial.number not in self._ids and self._is_lost(trial):
                self._fail(study, trial._trial_id)

    def _is_lost(self, trial: FrozenTrial) -> bool:
        """Whether its number has not changed for the grace period, by this process's clock."""
        now, alive = time.monotonic(), trial.system_attrs.get(ALIVE)
        if trial._trial_id not in self._seen or self._seen[trial._trial_id][0] != alive:
            self._seen[trial._trial_id] = (alive, now)
        return now - self._seen[trial._trial_id][1] > GRACE * self._interval

    def _fail(self, study: optuna.Study, trial_id: int) -> None:
        """Fails a lost trial and queues it once more, unless another process was first."""
        with suppress(UpdateFinishedTrialError), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if self._storage.set_trial_state_values(trial_id, TrialState.FAIL):
                RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)(study, self._storage.get_trial(trial_id))


def _stands(trial: FrozenTrial, design: str) -> bool:
    """Whether the trial claims the design: it measures it, waits to be taken up with it, or has its figures."""
    claimed = trial.system_attrs.get(CLAIM, ("", 0))[0] == design
    return claimed and (not trial.state.is_finished() or is_settled(trial))
