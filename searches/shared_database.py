"""A study in a database that several processes work on: who measures what, and what becomes of the trials of one that
died.

It needs SQLAlchemy, which a search without a database does not load.
"""

import warnings
from contextlib import suppress

import optuna
import sqlalchemy as sql
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError

from searches.database import Database
from searches.shared_study import SharedStudy
from searches.trial_records import SURPLUS

__all__ = ["LOCKS", "SharedDatabase", "make_locks"]

LOCKS = sql.Table(
    "filterfront_locks",
    sql.MetaData(),
    sql.Column("study", sql.String(512), primary_key=True),
    sql.Column("design", sql.String(64), primary_key=True),
    sql.Column("trial", sql.Integer, nullable=False),
)
"""The trial that measures a design. The key makes taking a lock a single step, which one process alone succeeds in."""


def make_locks(storage: RDBStorage, study: str) -> None:
    """Makes the table of locks, next to Optuna's own tables, with none of a new study."""
    LOCKS.create(storage.engine, checkfirst=True)
    with storage.engine.begin() as connection:
        connection.execute(LOCKS.delete().where(LOCKS.c.study == study))


class SharedDatabase(SharedStudy):
    """A study in a database that any number of processes work on.

    Args:
        storage: with a heartbeat interval, a grace period and a retry.
        study: its name.
    """

    def __init__(self, storage: Database, study: str) -> None:
        super().__init__(storage.heartbeat_interval or 1)
        self._storage, self._study_name = storage, study
        storage.gives_signs = True
        self._watched: set[int] = set()

    def _live(self, trial_id: int) -> None:
        self._storage.record_heartbeat(trial_id)

    def _begin(self, trial_id: int) -> None:
        if not self._storage.is_quick:  # else it has begun with one
            self._live(trial_id)

    def _leave_thread(self) -> None:
        self._storage.remove_session()

    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Takes the design's lock for the trial, also from a lost one that it may repeat; False where another has it.

        The parameters are written before: whoever takes up the trial has to measure the same design.
        """
        row, trial_id = {"study": self._study_name, "design": design}, self._ids[number]
        try:
            with suppress(IntegrityError):
                self._storage.write_held(trial_id, LOCKS.insert().values(**row, trial=number))
                return True
            self._storage.write_held(trial_id)
        except UpdateFinishedTrialError:  # given up as lost meanwhile: its retry measures the design
            return False
        where = sql.and_(LOCKS.c.study == row["study"], LOCKS.c.design == design)
        with self._storage.engine.begin() as connection:
            holder = connection.execute(sql.select(LOCKS.c.trial).where(where)).scalar_one()
        if holder == number:
            return True
        if not self._may_take(study.get_trials(deepcopy=False), holder, number):
            return False
        with self._storage.engine.begin() as connection:
            taken = connection.execute(LOCKS.update().where(where, LOCKS.c.trial == holder).values(trial=number))
        return taken.rowcount == 1

    def _may_take(self, trials: list[FrozenTrial], holder: int, number: int) -> bool:
        """Whether the trial may measure the design of a lost one: its retry may, others only where there is none.

        Otherwise each trial that waits for the design would have a retry of its own, and end one more process.
        """
        if trials[holder].state != TrialState.FAIL or holder in self._just_lost(trials):
            return False
        retries = {
            trial.number
            for trial in trials
            if holder in trial.system_attrs.get("retry_history", ()) and SURPLUS not in trial.user_attrs
        }
        return not retries or number in retries

    def _fail_lost(self, study: optuna.Study) -> None:
        for trial in self._look(study):
            if trial.state == TrialState.RUNNING and trial._trial_id not in self._watched:
                # One that died before its own first heartbeat would never be missed: whoever sees it records one.
                self._watched.add(trial._trial_id)
                self._storage.record_heartbeat(trial._trial_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(study)
