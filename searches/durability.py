"""Which transactions wait until they are on disk: what finishes a trial does, what makes one does not.

A transaction that is not waited for is on disk with the next one that is, in the order in which they were committed: a
machine that loses its power loses the last of them, whole, and never one that was waited for. A process that is killed
loses none.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["need_not_wait", "write_ahead"]

_LOG, _RELAXED = "write-ahead log", "relaxed"


def write_ahead(engine: "Engine") -> None:
    """Lets a new SQLite database write ahead into a log, which is one write to the disk a transaction in the place of
    four. A database with studies stays as it is, and so does one on a file system that cannot have such a log.

    Args:
        engine: of the database, with Optuna's tables.
    """
    import sqlalchemy as sql

    if engine.name != "sqlite":
        return
    with suppress(sql.exc.OperationalError), engine.connect() as connection:  # another process has it just now
        if connection.exec_driver_sql("select count(*) from studies").scalar() == 0:
            connection.rollback()
            connection.exec_driver_sql("pragma journal_mode = wal")
    engine.dispose()
    sql.event.listen(engine, "connect", _note_log)
    sql.event.listen(engine, "checkin", _wait_again)


def need_not_wait(connection: "Connection") -> None:
    """Lets a transaction of SQLite that has not begun to write be committed without waiting for the disk, where the
    database writes ahead. Statements for PostgreSQL say it themselves.

    Args:
        connection: in the transaction.
    """
    if connection.info.get(_LOG):
        connection.exec_driver_sql("pragma synchronous = normal")
        connection.info[_RELAXED] = True


def _note_log(driver_connection: Any, record: Any) -> None:
    record.info[_LOG] = driver_connection.execute("pragma journal_mode").fetchone()[0] == "wal"


def _wait_again(driver_connection: Any, record: Any) -> None:
    """The next transaction of a connection is waited for, unless it says that it need not."""
    if driver_connection is not None and record.info.pop(_RELAXED, False):
        driver_connection.execute("pragma synchronous = full")
