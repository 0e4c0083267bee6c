"""A study that several processes work on: signs of life, surplus trials, lost ones. What differs between kinds of
storage is in `searches.shared_database` and `searches.proxied_study`."""

import secrets
import threading
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from searches.sharing import ask_trial, let_wait
from searches.trial_records import SURPLUS, is_settled

__all__ = ["SharedStudy"]

LOOK_SECONDS = 2.0
"""Between two looks at what the others do: each reads every running trial with all its parameters."""


class SharedStudy(AbstractContextManager[Any], ABC):
    """A study that any number of processes work on.

    A thread gives signs of life for the trials that this process has begun. A trial without one for the grace period
    is failed by whoever notices, and taken up once more.

    Args:
        interval: seconds between two signs of life.
    """

    def __init__(self, interval: float) -> None:
        self.salt: tuple[int, ...] = (secrets.randbits(32),)
        self._interval = interval
        self._ids: dict[int, int] = {}
        self._left: set[int] = set()
        self._missed: dict[int, float] = {}
        self._trials: list[FrozenTrial] = []
        self._next_reading = self._next_look = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "SharedStudy":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(self._interval):
            for trial_id in list(self._ids.values()):
                with suppress(Exception):  # a server that is away for a moment is asked again
                    self._live(trial_id)
        self._leave_thread()

    @abstractmethod
    def _live(self, trial_id: int) -> None:
        """Gives a sign of life for a trial."""

    def _begin(self, trial_id: int) -> None:
        """Gives the first sign of life of a trial that was asked for."""
        self._live(trial_id)

    def _leave_thread(self) -> None:
        """Lets go of what the thread holds."""

    def ask(self, study: optuna.Study) -> optuna.Trial:
        """A new trial, or one that waits, with its first sign of life."""
        trial = ask_trial(study)
        self._ids[trial.number] = trial._trial_id
        self._left.discard(trial.number)
        self._begin(trial._trial_id)
        self._next_reading = 0.0
        return trial

    def running(self, study: optuna.Study) -> set[int]:
        """Numbers of the trials that were running anywhere at the last look, and of lost ones about to be queued."""
        trials = self._look(study)
        running = {trial.number for trial in trials if trial.state == TrialState.RUNNING} - self._left
        return running | self._just_lost(trials)

    def _look(self, study: optuna.Study) -> list[FrozenTrial]:
        """The trials, as they were `LOOK_SECONDS` ago at most."""
        if time.monotonic() >= self._next_reading:
            self._trials = study.get_trials(deepcopy=False)
            self._next_reading = time.monotonic() + LOOK_SECONDS
        return self._trials

    def _just_lost(self, trials: list[FrozenTrial]) -> set[int]:
        """Failed trials without a record or a retry, for one interval: failing and queueing are two steps."""
        now = time.monotonic()
        retried = {trial.system_attrs.get("failed_trial") for trial in trials}
        for trial in trials:
            ended = trial.state == TrialState.FAIL and not {"record", SURPLUS} & trial.user_attrs.keys()
            if ended and trial.number not in retried:
                self._missed.setdefault(trial.number, now)
        return {number for number, since in self._missed.items() if now - since < self._interval} - retried

    def is_surplus(self, study: optuna.Study, number: int, trials: int) -> bool:
        """Whether as many trials as asked for stand before this one: finished, running or queued.

        All are told from one look: of two, one that ends in between would be in neither.
        """
        found = study.get_trials(deepcopy=False)
        standing = {trial.number for trial in found if is_settled(trial) or not trial.state.is_finished()}
        return sum(other < number for other in standing | self._just_lost(found)) >= trials

    def is_queued(self, study: optuna.Study, number: int) -> bool:
        """Whether the retry of a lost trial with the same design waits to be taken up, found by a look of its own."""
        self._next_reading = 0.0
        trials = self._look(study)
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        return any("retry_history" in trial.system_attrs and trial.params == trials[number].params for trial in waiting)

    @abstractmethod
    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Takes the design for the trial; False where another trial has it."""

    def refresh(self, study: optuna.Study) -> bool:
        """Looks now and then for trials whose process died, and for finished ones; whether it did."""
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._fail_lost(study)
        return True

    @abstractmethod
    def _fail_lost(self, study: optuna.Study) -> None:
        """Fails trials whose process died, and queues each once more."""

    def leave(self, number: int) -> None:
        """No sign of life is needed any more."""
        self._ids.pop(number, None)
        self._left.add(number)

    def give_back(self, study: optuna.Study, number: int) -> None:
        """The trial waits for any process."""
        self.leave(number)
        let_wait(study, number)
