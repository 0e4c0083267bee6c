"""Optuna's database storage, with all of a trial written in one transaction and a retry of lost trials."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from sqlalchemy import Executable, TableClause
    from sqlalchemy.orm import Session

__all__ = ["GRACE", "HEARTBEAT_SECONDS", "RETRIES", "Database", "open_database", "set_heartbeat"]

HEARTBEAT_SECONDS = 10
GRACE = 3
"""A trial is lost when its process recorded no heartbeat for this many intervals."""

RETRIES = 1
"""A lost trial is taken up once more: it may have been the machine. Lost twice, it is its design that fails."""

_LOCKS = 64
"""Trials that threads may write to at the same time."""

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
"""The driver that the optional dependency ``filterfront[postgres]`` brings."""


@cache
def _parameters() -> "TableClause":
    """Optuna's table, whose layout its own migrations keep."""
    import sqlalchemy as sql

    names = ("trial_id", "param_name", "param_value", "distribution_json")
    return sql.table("trial_params", *(sql.column(name) for name in names))


@dataclass(frozen=True)
class _Held:
    """What is to be written of a trial.

    Args:
        parameters: internal value and distribution by name.
        user: attributes of users.
        system: attributes of Optuna.
    """

    parameters: dict[str, tuple[float, BaseDistribution]] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)

    def put_into(self, trial: FrozenTrial) -> None:
        """Lets the trial, as the database has it, have what is held too."""
        for name, (value, distribution) in self.parameters.items():
            trial.distributions[name] = distribution
            trial.params[name] = distribution.to_external_repr(value)
        trial.user_attrs = {**trial.user_attrs, **self.user}
        trial.system_attrs = {**trial.system_attrs, **self.system}


class Database(RDBStorage):
    """Holds parameters and attributes of a trial until its state is written, and writes all in that transaction.

    Optuna writes a transaction for each, and asks of a storage no more than this: what was set before a state is on
    disk when that is. Reading gives what is held as if it were written. Should Optuna call another method for that some
    day, this class holds nothing and all is written as Optuna does it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._held: dict[int, _Held] = {}
        self._locks = [threading.RLock() for _ in range(_LOCKS)]
        super().__init__(*arguments, **options)

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        with self._lock(trial_id):
            self._of(trial_id).parameters[param_name] = (param_value_internal, distribution)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, in memory."""
        with self._lock(trial_id):
            self._of(trial_id).user[key] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, in memory."""
        with self._lock(trial_id):
            self._of(trial_id).system[key] = value

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna, with all that is held of the trial in the same transaction."""
        with self._lock(trial_id), self._joined(trial_id):
            return super().set_trial_state_values(trial_id, state, values)

    def write_held(self, trial_id: int, *statements: "Executable") -> None:
        """Writes what is held of a trial in one transaction with other statements; of one that fails, nothing.

        Args:
            trial_id: of the trial.
            statements: of SQL.
        """
        with self._lock(trial_id), self._joined(trial_id):
            session = self.scoped_session()
            for statement in statements:
                session.execute(statement)
            session.commit()

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna, with what is held."""
        return self._whole(super().get_trial(trial_id))

    def _get_trials(self, *arguments: Any, **options: Any) -> list[FrozenTrial]:
        return [self._whole(trial) for trial in super()._get_trials(*arguments, **options)]

    def _whole(self, trial: FrozenTrial) -> FrozenTrial:
        with self._lock(trial._trial_id):
            held = self._held.get(trial._trial_id)
            if held is not None and not trial.state.is_finished():
                held.put_into(trial)
        return trial

    def _lock(self, trial_id: int) -> AbstractContextManager[Any]:
        """Two threads of a proxy's server may write to one trial: of those that want it, one gets it. It may take it
        again, as Optuna reads a trial that it cannot write to."""
        return self._locks[trial_id % _LOCKS]

    def _of(self, trial_id: int) -> _Held:
        return self._held.setdefault(trial_id, _Held())

    @contextmanager
    def _joined(self, trial_id: int) -> Iterator[None]:
        """Lets what is held of a trial be part of the transaction that is committed within the block."""
        held, session = self._held.get(trial_id), self.scoped_session()
        try:
            if held is not None:
                self._add(session, trial_id, held)
            yield
        except UpdateFinishedTrialError:
            self._held.pop(trial_id, None)  # it was given up as lost meanwhile
            raise
        except Exception:
            session.rollback()
            raise
        self._held.pop(trial_id, None)

    def _add(self, session: "Session", trial_id: int, held: _Held) -> None:
        from optuna.storages._rdb.models import TrialSystemAttributeModel, TrialUserAttributeModel

        rows = [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": value,
                "distribution_json": distribution_to_json(distribution),
            }
            for name, (value, distribution) in held.parameters.items()
        ]
        if rows:
            session.execute(_parameters().insert(), rows)
        for model, attributes in ((TrialUserAttributeModel, held.user), (TrialSystemAttributeModel, held.system)):
            for key, value in attributes.items():
                self._set_trial_attr_without_commit(session, model, trial_id, key, value)


def open_database(url: str) -> Database:
    """The database at an SQLAlchemy URL, with heartbeats and one retry of lost trials."""
    scheme, separator, rest = url.partition("://")
    scheme = DRIVERS.get(scheme, scheme)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return Database(
            scheme + separator + rest,
            engine_kwargs={"pool_pre_ping": True},
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )


def set_heartbeat(storage: RDBStorage, seconds: int) -> None:
    """Sets the interval of heartbeats, which must be the same for all that share a study."""
    storage.heartbeat_interval, storage.grace_period = seconds, GRACE * seconds
