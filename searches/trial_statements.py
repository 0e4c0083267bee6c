"""The statements that make, describe and finish a trial in Optuna's tables, each compiled once.

Optuna writes a trial through its object-relational models: a query before every row and a transaction around each.
These are the same rows in a handful of statements; to a server, which each statement is a journey to, what finishes a
trial is one. What makes a trial is not waited for until it is on disk, since a trial that is lost with the machine is
as if it had never begun; what finishes it is, and with it all that went before.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.trial import TrialState

from searches.durability import need_not_wait
from searches.trial_sql import statements_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = [
    "MADE_FOR",
    "Head",
    "Rows",
    "add_rows",
    "change_state",
    "insert_trial",
    "is_open",
    "is_quick",
    "read_heads",
    "rows_of",
]

MADE_FOR = ("sqlite", "postgresql")
"""Databases that these statements are written for; others are written to as Optuna does it."""

_LEAST_SQLITE = (3, 35)  # RETURNING

Rows = Mapping[str, Mapping[str, Sequence[Any]]]
"""What a trial has many of, by kind and column."""


class Head(NamedTuple):
    """What a row of Optuna's table of trials says."""

    trial_id: int
    state: TrialState


def is_quick(engine: "Engine") -> bool:
    """Whether the statements can be used: the database is one that they are written for, Optuna's tables are those that
    they know."""
    import sqlite3

    from optuna.storages._rdb import models

    if engine.name == "sqlite" and sqlite3.sqlite_version_info < _LEAST_SQLITE:
        return False
    return engine.name in MADE_FOR and hasattr(models.TrialModel, "_datetime_complete_utc")


def insert_trial(connection: "Connection", study_id: int, start: datetime, is_alive: bool) -> tuple[int, int] | None:
    """Makes a running trial of the next number.

    Args:
        connection: in the transaction, which need not be on disk when it is committed.
        study_id: of its study.
        start: in local time.
        is_alive: whether its first sign of life is written too.

    Returns:
        Its id and number; None where there is no such study.
    """
    statements = statements_of(connection.dialect.name)
    need_not_wait(connection)
    if connection.execute(statements["study"], {"study": study_id}).first() is None:
        return None
    made = connection.execute(statements["trial"], {"study": study_id, "start": _stored(start)}).one()
    if is_alive:
        connection.execute(statements["sign"], {"trial": made.trial_id})
    return int(made.trial_id), int(made.number)


def is_open(connection: "Connection", trial_id: int) -> bool:
    """Whether a trial may be written to. The transaction need not be on disk when it is committed."""
    need_not_wait(connection)
    found = connection.execute(statements_of(connection.dialect.name)["state"], {"trial": trial_id}).first()
    return found is not None and not found.state.is_finished()


def change_state(
    connection: "Connection", trial_id: int, state: TrialState, time: datetime, is_alive: bool, rows: Rows
) -> bool:
    """Changes the state of a trial that is not finished, with what it has; a waiting one alone can begin to run.

    Args:
        connection: in the transaction.
        trial_id: of the trial.
        state: that it gets.
        time: now, in local time.
        is_alive: whether a sign of life is written of one that begins.
        rows: from `rows_of`.

    Returns:
        Whether it was such a trial; if not, nothing is written.
    """
    statements = statements_of(connection.dialect.name)
    if state.is_finished() and connection.dialect.name == "postgresql":
        given = {"trial_id": trial_id, "state": state.name, "time": _stored(time), **_arrays(rows)}
        return bool(connection.execute(statements["whole"], given).scalar() == 1)
    kind = "begin" if state == TrialState.RUNNING else "finish" if state.is_finished() else "leave"
    times = {} if kind == "leave" else {"time": _stored(time)}
    if connection.execute(statements[kind], {"trial": trial_id, "new": state, **times}).rowcount != 1:
        return False
    if kind == "begin" and is_alive:
        connection.execute(statements["sign"], {"trial": trial_id})
    add_rows(connection, trial_id, rows)
    return True


def rows_of(
    parameters: Mapping[str, tuple[float, str]],
    user: Mapping[str, str],
    system: Mapping[str, str],
    values: Sequence[float] | None = None,
) -> Rows:
    """What a trial has many of.

    Args:
        parameters: internal value and distribution in text, by name.
        user: attributes of users, as JSON.
        system: attributes of Optuna, as JSON.
        values: of the objectives.
    """
    from optuna.storages._rdb import models

    pairs = [models.TrialValueModel.value_to_stored_repr(value) for value in values or ()]
    return {
        "values": {
            "objective": list(range(len(pairs))),
            "value": [value for value, _ in pairs],
            "value_type": [kind.name for _, kind in pairs],
        },
        "parameters": {
            "param_name": list(parameters),
            "param_value": [float(value) for value, _ in parameters.values()],
            "distribution_json": [text for _, text in parameters.values()],
        },
        **{
            kind: {"key": list(attributes), "value_json": list(attributes.values())}
            for kind, attributes in (("user", user), ("system", system))
        },
    }


def add_rows(connection: "Connection", trial_id: int, rows: Rows) -> None:
    """Writes what a trial has many of.

    Args:
        connection: in the transaction.
        trial_id: of the trial.
        rows: from `rows_of`.
    """
    statements = statements_of(connection.dialect.name)
    if connection.dialect.name == "postgresql":
        connection.execute(statements["rows"], {"trial_id": trial_id, **_arrays(rows)})
        return
    for kind, columns in rows.items():
        given = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if given:
            connection.execute(statements[kind], [{"trial_id": trial_id, **row} for row in given])


def read_heads(connection: "Connection", study_id: int, some: Collection[int], beyond: int) -> list[Head]:
    """Some trials of a study and those of greater ids, in order.

    Args:
        connection: to the database.
        study_id: of the study.
        some: ids.
        beyond: the id that others are greater than.
    """
    asked = {"study": study_id, "some": list(some), "beyond": beyond}
    return [Head(*row) for row in connection.execute(statements_of(connection.dialect.name)["heads"], asked)]


def _stored(time: datetime) -> datetime:
    """A local time as Optuna's tables have it."""
    return time.astimezone(UTC).replace(tzinfo=None)


def _arrays(rows: Rows) -> dict[str, list[Any]]:
    """The columns of all kinds, each under a name of its own."""
    return {f"{kind}_{name}": list(own) for kind, columns in rows.items() for name, own in columns.items()}
