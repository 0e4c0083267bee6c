"""Who works on a study: one process alone, or as `searches.shared_database` has it, several."""

import warnings
from typing import Protocol

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

__all__ = ["Sharing", "Unshared", "ask_trial", "let_wait"]


class Sharing(Protocol):
    """What the loop of a search asks about the other processes."""

    salt: tuple[int, ...]
    """Makes the proposals of processes differ."""

    def ask(self, study: optuna.Study) -> optuna.Trial:
        """A new trial, known to be alive."""

    def running(self, study: optuna.Study) -> set[int]:
        """Numbers of the trials that are running anywhere."""

    def is_surplus(self, study: optuna.Study, number: int, trials: int) -> bool:
        """Whether others began enough trials in the same moment."""

    def is_queued(self, study: optuna.Study, number: int) -> bool:
        """Whether the retry of a lost trial with the same design waits to be taken up."""

    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Takes the design's lock for the trial; False where another trial has it."""

    def refresh(self, study: optuna.Study) -> bool:
        """Gives up the trials of processes that died; whether others may have finished trials."""

    def leave(self, number: int) -> None:
        """The trial is finished."""

    def give_back(self, study: optuna.Study, number: int) -> None:
        """Lets another take the trial up."""


class Unshared:
    """A study that no other process works on."""

    salt: tuple[int, ...] = ()

    def ask(self, study: optuna.Study) -> optuna.Trial:
        """A new trial."""
        return ask_trial(study)

    def running(self, study: optuna.Study) -> set[int]:
        """No others."""
        return set()

    def is_surplus(self, study: optuna.Study, number: int, trials: int) -> bool:
        """Never."""
        return False

    def is_queued(self, study: optuna.Study, number: int) -> bool:
        """Never."""
        return False

    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Always."""
        return True

    def refresh(self, study: optuna.Study) -> bool:
        """Never."""
        return False

    def leave(self, number: int) -> None:
        """Nothing to do."""

    def give_back(self, study: optuna.Study, number: int) -> None:
        """The trial waits for the next run."""
        let_wait(study, number)


def ask_trial(study: optuna.Study) -> optuna.Trial:
    """A trial. Optuna reminds those that ask of heartbeats, which are recorded here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed")
        return study.ask()


def let_wait(study: optuna.Study, number: int) -> None:
    """Lets a trial wait for whoever takes it up next."""
    storage: BaseStorage = study._storage
    trial_id = storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    storage.set_trial_state_values(trial_id, TrialState.WAITING)
