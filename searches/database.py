"""Optuna's database storage, with the parameters of a trial written in one statement and a retry of lost trials."""

import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

if TYPE_CHECKING:
    from sqlalchemy import TableClause

__all__ = ["GRACE", "HEARTBEAT_SECONDS", "Database", "open_database", "set_heartbeat"]

HEARTBEAT_SECONDS = 10
GRACE = 3
"""A trial is lost when its process recorded no heartbeat for this many intervals."""

RETRIES = 1
"""A lost trial is taken up once more: it may have been the machine. Lost twice, it is its design that fails."""

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
"""The driver that the optional dependency ``filterfront[postgres]`` brings."""


@cache
def _parameters() -> "TableClause":
    """Optuna's table, whose layout its own migrations keep."""
    import sqlalchemy as sql

    names = ("trial_id", "param_name", "param_value", "distribution_json")
    return sql.table("trial_params", *(sql.column(name) for name in names))


class Database(RDBStorage):
    """Holds the parameters of a trial until anything else is written to it, then writes them together.

    Optuna writes a transaction for each parameter. Should it call another method for that some day, this class holds
    nothing and all is written as Optuna does it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._held: dict[int, list[dict[str, Any]]] = {}
        super().__init__(*arguments, **options)

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        row = {
            "trial_id": trial_id,
            "param_name": param_name,
            "param_value": param_value_internal,
            "distribution_json": distribution_to_json(distribution),
        }
        self._held.setdefault(trial_id, []).append(row)

    def write_parameters(self, trial_id: int) -> None:
        """Writes what is held of a trial."""
        rows = self._held.pop(trial_id, None)
        if rows:
            with self.engine.begin() as connection:
                connection.execute(_parameters().insert(), rows)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, after the parameters."""
        self.write_parameters(trial_id)
        super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna, after the parameters."""
        self.write_parameters(trial_id)
        super().set_trial_system_attr(trial_id, key, value)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna, after the parameters."""
        self.write_parameters(trial_id)
        return super().set_trial_state_values(trial_id, state, values)


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
