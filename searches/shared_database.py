"""A study in a database that several processes work on: who measures what, and what becomes of the trials of one that
died.

It needs SQLAlchemy, which a search without a database does not load.
"""

import secrets
import threading
import time
import warnings
from contextlib import AbstractContextManager, suppress
from types import TracebackType

import optuna
import sqlalchemy as sql
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError

from searches.database import Database
from searches.sharing import ask_trial, let_wait
from searches.trial_records import is_settled

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


class SharedDatabase(AbstractContextManager["SharedDatabase"]):
    """A study in a database that any number of processes work on.

    A thread records heartbeats of the trials that this process has begun. A trial without one for the storage's grace
    period is failed by whoever notices, and taken up once more.

    Args:
        storage: with a heartbeat interval, a grace period and a retry.
        study: its name.
    """

    def __init__(self, storage: Database, study: str) -> None:
        self.salt: tuple[int, ...] = (secrets.randbits(32),)
        self._storage, self._study_name = storage, study
        self._interval = storage.heartbeat_interval or 1
        self._ids: dict[int, int] = {}
        self._watched: set[int] = set()
        self._missed: dict[int, float] = {}
        self._next_look = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "SharedDatabase":
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
                    self._storage.record_heartbeat(trial_id)
        self._storage.remove_session()

    def ask(self, study: optuna.Study) -> optuna.Trial:
        """A new trial, or one that waits, with its first heartbeat."""
        trial = ask_trial(study)
        self._ids[trial.number] = trial._trial_id
        self._storage.record_heartbeat(trial._trial_id)
        return trial

    def running(self, study: optuna.Study) -> set[int]:
        """Numbers of the trials that are running anywhere, and of lost ones whose retry is about to be queued."""
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.RUNNING and trial._trial_id not in self._watched:
                # One that died before its own first heartbeat would never be missed: whoever sees it records one.
                self._watched.add(trial._trial_id)
                self._storage.record_heartbeat(trial._trial_id)
        return {trial.number for trial in trials if trial.state == TrialState.RUNNING} | self._just_lost(trials)

    def _just_lost(self, trials: list[FrozenTrial]) -> set[int]:
        """Failed trials without a record or a retry, for one interval: failing and queueing are two steps."""
        now = time.monotonic()
        retried = {trial.system_attrs.get("failed_trial") for trial in trials}
        for trial in trials:
            if trial.state == TrialState.FAIL and "record" not in trial.user_attrs and trial.number not in retried:
                self._missed.setdefault(trial.number, now)
        return {number for number, since in self._missed.items() if now - since < self._interval} - retried

    def is_surplus(self, study: optuna.Study, number: int, trials: int) -> bool:
        """Whether as many trials as asked for stand before this one: finished, running or queued.

        All are told from one look: of two, one that ends in between would be in neither.
        """
        found = study.get_trials(deepcopy=False)
        standing = {trial.number for trial in found if is_settled(trial) or not trial.state.is_finished()}
        return sum(other < number for other in standing | self._just_lost(found)) >= trials

    def lock(self, study: optuna.Study, design: str, number: int) -> bool:
        """Takes the design's lock for the trial, also from a lost one that it may repeat; False where another has it.

        The parameters are written before: whoever takes up the trial has to measure the same design.
        """
        self._storage.write_parameters(self._ids[number])
        row = {"study": self._study_name, "design": design}
        with suppress(IntegrityError), self._storage.engine.begin() as connection:
            connection.execute(LOCKS.insert().values(**row, trial=number))
            return True
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
        retries = {trial.number for trial in trials if holder in trial.system_attrs.get("retry_history", ())}
        return not retries or number in retries

    def refresh(self, study: optuna.Study) -> bool:
        """Looks, once in an interval, for trials whose process died."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + self._interval
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                fail_stale_trials(study)
        return True

    def leave(self, number: int) -> None:
        """No heartbeat is needed any more."""
        self._ids.pop(number, None)

    def give_back(self, study: optuna.Study, number: int) -> None:
        """The trial waits for any process."""
        self.leave(number)
        let_wait(study, number)
