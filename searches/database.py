"""Optuna's database storage, with all of a trial written in one transaction and a retry of lost trials."""

import json
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from searches.durability import write_ahead
from searches.held_rows import HeldRows
from searches.own_trials import OwnTrials
from searches.server_connections import ask_rested_connections
from searches.trial_statements import (
    add_rows,
    change_state,
    insert_trial,
    is_open,
    is_quick,
    read_heads,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable
    from sqlalchemy.orm import Session

__all__ = ["GRACE", "HEARTBEAT_SECONDS", "RETRIES", "Database", "open_database", "set_heartbeat"]

HEARTBEAT_SECONDS = 10
GRACE = 3
"""A trial is lost when its process recorded no heartbeat for this many intervals."""

RETRIES = 1
"""A lost trial is taken up once more: it may have been the machine. Lost twice, it is its design that fails."""

_LOCKS = 64
"""Trials that threads may write to at the same time."""

_MOST_NAMED = 500
"""Trials that are asked for one by one; of more all are read."""

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
"""The driver that the optional dependency ``filterfront[postgres]`` brings."""


class Database(RDBStorage):
    """Holds parameters and attributes of a trial until its state is written, and writes all in that transaction.

    Optuna writes a transaction for each, and asks of a storage no more than this: what was set before a state is on
    disk when that is. Reading gives what is held as if it were written. Should Optuna call another method for that some
    day, this class holds nothing and all is written as Optuna does it.

    A trial that runs by this object's doing is not read back: others can do nothing to it but fail it as lost, which is
    found out when it is written to.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._held = HeldRows()
        self._own = OwnTrials()
        self._locks = [threading.RLock() for _ in range(_LOCKS)]
        self.gives_signs = False
        """Whether a trial that begins has its first sign of life in the same transaction."""
        super().__init__(*arguments, **options)
        write_ahead(self.engine)
        if self.engine.name != "sqlite":
            ask_rested_connections(self.engine)
        self.is_quick = is_quick(self.engine)
        """Whether trials are made and finished by `searches.trial_statements`."""

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        if template_trial is None and self.is_quick:
            with suppress(StorageInternalError):  # Optuna tries again, and says why
                start = datetime.now()
                with self._transaction() as connection:
                    made = insert_trial(connection, study_id, start, self.gives_signs)
                if made is not None:
                    return self._own.begin(*made, start)
        return super()._create_new_trial(study_id, template_trial)

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        with self._lock(trial_id):
            self._held.of(trial_id).parameters[param_name] = (param_value_internal, distribution)
            self._own.set_parameter(trial_id, param_name, param_value_internal, distribution)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, in memory."""
        with self._lock(trial_id):
            text = self._held.of(trial_id).user[key] = json.dumps(value)
            self._own.set_attribute(trial_id, "user_attrs", key, json.loads(text))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, in memory."""
        with self._lock(trial_id):
            text = self._held.of(trial_id).system[key] = json.dumps(value)
            self._own.set_attribute(trial_id, "system_attrs", key, json.loads(text))

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """As Optuna."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        self._own.forget(trial_id)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna, with all that is held of the trial in the same transaction."""
        with self._lock(trial_id):
            if self.is_quick and self._change_state(trial_id, state, values):
                return True
            with self._joined(trial_id):
                is_changed = super().set_trial_state_values(trial_id, state, values)
            if is_changed:
                self._own.forget(trial_id)
            return is_changed

    def _change_state(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> bool:
        """`set_trial_state_values` in few statements; whether it could be done so."""
        from sqlalchemy.exc import IntegrityError

        time = datetime.now()
        try:
            with self._transaction() as connection:
                rows = self._held.rows(trial_id, values)
                if not change_state(connection, trial_id, state, time, self.gives_signs, rows):
                    return False
        except IntegrityError:  # Optuna makes of it what it thinks right
            return False
        self._held.forget(trial_id)
        self._own.change(trial_id, state, values, time)
        return True

    def write_held(self, trial_id: int, *statements: "Executable") -> None:
        """Writes what is held of a trial in one transaction with other statements; of one that fails, nothing.

        Args:
            trial_id: of the trial.
            statements: of SQL.

        Raises:
            UpdateFinishedTrialError: the trial was given up as lost meanwhile.
        """
        with self._lock(trial_id):
            if not self.is_quick:
                with self._joined(trial_id):
                    session = self.scoped_session()
                    for statement in statements:
                        session.execute(statement)
                    session.commit()
                return
            with self._transaction() as connection:
                if not is_open(connection, trial_id):
                    raise UpdateFinishedTrialError(f"Trial {trial_id} has been given up")
                add_rows(connection, trial_id, self._held.rows(trial_id))
                for statement in statements:
                    connection.execute(statement)
            self._held.forget(trial_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna, with what is held."""
        with self._lock(trial_id):
            own = self._own.get(trial_id)
            if own is None:
                own = self._whole(super().get_trial(trial_id))
                self._own.read(own)
            return own

    def _get_trials(
        self, study_id: int, states: Any, included_trial_ids: set[int], trial_id_greater_than: int
    ) -> list[FrozenTrial]:
        asked: tuple[Any, ...] = states, included_trial_ids, trial_id_greater_than
        known: dict[int, FrozenTrial] = {}
        if states is None and self.is_quick and self._own:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                heads = read_heads(connection, study_id, included_trial_ids, trial_id_greater_than)
            known = {head.trial_id: own for head in heads if (own := self._own.known(head)) is not None}
            others = {head.trial_id for head in heads} - known.keys()
            if not others:
                return list(known.values())
            if len(others) <= _MOST_NAMED:
                asked = states, others, heads[-1].trial_id
        read = {trial._trial_id: self._whole(trial) for trial in super()._get_trials(study_id, *asked)}
        found = read | {trial_id: own for trial_id, own in known.items() if trial_id not in read}
        return [found[trial_id] for trial_id in sorted(found)]

    def _whole(self, trial: FrozenTrial) -> FrozenTrial:
        with self._lock(trial._trial_id):
            if not trial.state.is_finished():
                self._held.put_into(trial)
        return trial

    def _lock(self, trial_id: int) -> AbstractContextManager[Any]:
        """Two threads of a proxy's server may write to one trial: of those that want it, one gets it. It may take it
        again, as Optuna reads a trial that it cannot write to."""
        return self._locks[trial_id % _LOCKS]

    @contextmanager
    def _transaction(self) -> Iterator["Connection"]:
        """A transaction, with the errors that Optuna's own have."""
        from optuna.storages._rdb.storage import _create_scoped_session

        with _create_scoped_session(self.scoped_session) as session:
            yield session.connection()

    @contextmanager
    def _joined(self, trial_id: int) -> Iterator[None]:
        """Lets what is held of a trial be part of the transaction that Optuna commits within the block."""
        session = self.scoped_session()
        try:
            self._add_as_optuna(session, trial_id)
            yield
        except UpdateFinishedTrialError:
            self._held.forget(trial_id)  # it was given up as lost meanwhile
            self._own.forget(trial_id)
            raise
        except Exception:
            session.rollback()
            raise
        self._held.forget(trial_id)

    def _add_as_optuna(self, session: "Session", trial_id: int) -> None:
        """Writes what is held of a trial into any database."""
        from optuna.storages._rdb.models import (
            TrialParamModel,
            TrialSystemAttributeModel,
            TrialUserAttributeModel,
        )

        rows = self._held.rows(trial_id)
        parameters = rows["parameters"]
        session.add_all(
            TrialParamModel(trial_id=trial_id, **dict(zip(parameters, row, strict=True)))
            for row in zip(*parameters.values(), strict=True)
        )
        for model, kind in ((TrialUserAttributeModel, "user"), (TrialSystemAttributeModel, "system")):
            for key, text in zip(*rows[kind].values(), strict=True):
                self._set_trial_attr_without_commit(session, model, trial_id, key, json.loads(text))


def open_database(url: str) -> Database:
    """The database at an SQLAlchemy URL, with heartbeats and one retry of lost trials."""
    scheme, separator, rest = url.partition("://")
    scheme = DRIVERS.get(scheme, scheme)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return Database(
            scheme + separator + rest,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )


def set_heartbeat(storage: RDBStorage, seconds: int) -> None:
    """Sets the interval of heartbeats, which must be the same for all that share a study."""
    storage.heartbeat_interval, storage.grace_period = seconds, GRACE * seconds
